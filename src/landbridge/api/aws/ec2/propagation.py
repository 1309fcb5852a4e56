"""Route propagation at the EC2 door: `GatewayId` is a virtual private gateway's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.params import id_of, only, required
from landbridge.control.propagation import DisableVgwRoutePropagation, EnableVgwRoutePropagation
from landbridge.model.errors import NotFound
from landbridge.model.ids import is_id


def enable(desk: Desk, params: Params) -> Shape:
    """EnableVgwRoutePropagation."""
    only(params, "RouteTableId", "GatewayId")
    desk.run(EnableVgwRoutePropagation(id_of(params, "RouteTableId", "route-table"), _gateway(params)))
    return {}


def disable(desk: Desk, params: Params) -> Shape:
    """DisableVgwRoutePropagation."""
    only(params, "RouteTableId", "GatewayId")
    desk.run(DisableVgwRoutePropagation(id_of(params, "RouteTableId", "route-table"), _gateway(params)))
    return {}


def _gateway(params: Params) -> str:
    identity: str = required(params, "GatewayId")
    if not is_id("vgw", identity):
        raise NotFound("gateway", identity[:100])
    return identity


ACTIONS: Final[Mapping[str, Action]] = {
    "EnableVgwRoutePropagation": enable,
    "DisableVgwRoutePropagation": disable,
}
