"""Virtual private gateways at the EC2 door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.params import id_of, ids_of, only, required, tag_list, tags_of
from landbridge.control.vpn_gateways import (
    DEFAULT_ASN,
    NOUN,
    AttachVpnGateway,
    CreateVpnGateway,
    DeleteVpnGateway,
    DetachVpnGateway,
)
from landbridge.control.zones import checked_zone
from landbridge.model.errors import Invalid, Unsupported
from landbridge.model.resources import Attachment
from landbridge.model.vpn import VpnGateway

TYPE: Final = "ipsec.1"


def check_type(params: Params) -> None:
    """EC2 knows one type of gateways and connections.

    Raises:
        Missing, Invalid.
    """
    kind = required(params, "Type")
    if kind != TYPE:
        raise Invalid("Type", f"Value ({str(kind)[:40]}) for parameter Type is invalid. Use {TYPE}.")


def create(desk: Desk, params: Params) -> Shape:
    """CreateVpnGateway."""
    if params.get("AvailabilityZone"):
        checked_zone(desk.region, params["AvailabilityZone"], None)
        raise Unsupported(
            "landbridge does not support a virtual private gateway in one Availability Zone. "
            "Leave AvailabilityZone out."
        )
    only(params, "Type", "AmazonSideAsn", "TagSpecifications", "AvailabilityZone")
    check_type(params)
    gateway = desk.run(
        CreateVpnGateway(asn=params.get("AmazonSideAsn", DEFAULT_ASN), tags=tags_of(params, NOUN)),
    )
    return {"VpnGateway": shape(gateway)}


def attach(desk: Desk, params: Params) -> Shape:
    """AttachVpnGateway."""
    only(params, "VpnGatewayId", "VpcId")
    gateway = desk.run(AttachVpnGateway(id_of(params, "VpnGatewayId", NOUN), id_of(params, "VpcId", "vpc")))
    return {"VpcAttachment": _attachments(gateway)[0]}


def detach(desk: Desk, params: Params) -> Shape:
    """DetachVpnGateway."""
    only(params, "VpnGatewayId", "VpcId")
    desk.run(DetachVpnGateway(id_of(params, "VpnGatewayId", NOUN), id_of(params, "VpcId", "vpc")))
    return {}


def delete(desk: Desk, params: Params) -> Shape:
    """DeleteVpnGateway."""
    only(params, "VpnGatewayId")
    desk.run(DeleteVpnGateway(id_of(params, "VpnGatewayId", NOUN)))
    return {}


def describe(desk: Desk, params: Params) -> Shape:
    """DescribeVpnGateways. No pages: the model has none."""
    only(params, "VpnGatewayIds", "Filters")
    ids = ids_of(params, "VpnGatewayIds", NOUN)
    scope = desk.scope
    found = [scope.get(VpnGateway, i, NOUN) for i in ids] if ids else list(scope.all(VpnGateway))
    shown = select(found, params.get("Filters"), _FILTERS, lambda gateway: gateway.tags)
    desk.reads()
    return {"VpnGateways": [shape(gateway) for gateway in shown]}


def shape(gateway: VpnGateway) -> Shape:
    """The gateway as EC2 shows it. Never attached, it has no attachments; detached, it has one that says so."""
    return {
        "VpnGatewayId": gateway.id,
        "State": str(gateway.state),
        "Type": TYPE,
        "AmazonSideAsn": gateway.asn,
        "VpcAttachments": _attachments(gateway),
        "Tags": tag_list(gateway.tags),
    }


def _attachments(gateway: VpnGateway) -> list[dict[str, Any]]:
    if gateway.attachment is Attachment.DETACHED:
        return [{"VpcId": gateway.left, "State": str(Attachment.DETACHED)}] if gateway.left else []
    return [{"VpcId": gateway.vpc_id, "State": str(gateway.attachment)}]


_FILTERS: Final[Mapping[str, Field[VpnGateway]]] = {
    "amazon-side-asn": lambda gateway: (str(gateway.asn),),
    "attachment.state": lambda gateway: (a["State"] for a in _attachments(gateway)),
    "attachment.vpc-id": lambda gateway: (a["VpcId"] for a in _attachments(gateway)),
    "availability-zone": lambda gateway: (),
    "state": lambda gateway: (gateway.state,),
    "type": lambda gateway: (TYPE,),
    "vpn-gateway-id": lambda gateway: (gateway.id,),
}

ACTIONS: Final[Mapping[str, Action]] = {
    "CreateVpnGateway": create,
    "AttachVpnGateway": attach,
    "DetachVpnGateway": detach,
    "DeleteVpnGateway": delete,
    "DescribeVpnGateways": describe,
}
