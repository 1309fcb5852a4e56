"""Every EC2 action that landbridge answers, as one visible list."""

from __future__ import annotations

from collections.abc import Mapping

from landbridge.api.aws.ec2 import customer_gateways, propagation, vpn_connections, vpn_gateways
from landbridge.api.aws.ec2.door import Action

ACTIONS: Mapping[str, Action] = {
    **vpn_gateways.ACTIONS,
    **customer_gateways.ACTIONS,
    **vpn_connections.ACTIONS,
    **propagation.ACTIONS,
}
