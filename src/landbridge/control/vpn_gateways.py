"""Virtual private gateways: made, attached to at most one VPC each, detached, deleted.

A gateway may be attached and get connections while it is still `pending`: what is wanted is built in the order that it
needs, and scripts written for AWS, where a new gateway answers `available` at once, do not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from landbridge.control import limits
from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.tags import checked
from landbridge.model.errors import (
    GatewayHasVpc,
    Invalid,
    NotAttached,
    NotFound,
    VpcHasGateway,
    VpnGatewayUnavailable,
    WrongState,
)
from landbridge.model.ids import new_id
from landbridge.model.in_force import gateways
from landbridge.model.network import RouteTable, Vpc
from landbridge.model.resources import Attachment, Resource, State, Tags
from landbridge.model.snapshot import Index
from landbridge.model.vpn import VpnConnection, VpnGateway

NOUN: Final = "vpn-gateway"
DEFAULT_ASN: Final = 64512
PRIVATE_ASNS: Final = (range(64512, 65535), range(4_200_000_000, 4_294_967_295))
"""What AmazonSideAsn may be (AWS, CreateVpnGateway)."""

CONNECTIONS_OF_GATEWAY: Final = Index(VpnConnection, gateways)

_ON_THE_WAY_OUT: Final = (State.DELETING, State.DELETED)


@dataclass(frozen=True, slots=True)
class CreateVpnGateway(Command):
    """A new gateway. Reply: the VpnGateway."""

    asn: int = DEFAULT_ASN
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class AttachVpnGateway(Command):
    """Join a gateway to a VPC. Reply: the VpnGateway."""

    vpn_gateway_id: str
    vpc_id: str


@dataclass(frozen=True, slots=True)
class DetachVpnGateway(Command):
    """Part a gateway from its VPC; its connections stay. Reply: the VpnGateway."""

    vpn_gateway_id: str
    vpc_id: str


@dataclass(frozen=True, slots=True)
class DeleteVpnGateway(Command):
    """Delete a gateway that is detached and has no connections. Reply: None."""

    vpn_gateway_id: str


def usable_gateway(scope: Scope, vpn_gateway_id: str) -> VpnGateway:
    """A gateway that things may be joined to.

    Raises:
        NotFound, VpnGatewayUnavailable.
    """
    gateway = scope.get(VpnGateway, vpn_gateway_id, NOUN)
    if gateway.state in _ON_THE_WAY_OUT:
        raise VpnGatewayUnavailable(
            f"The virtual private gateway {gateway.id} is {gateway.state}. Use one that is available."
        )
    return gateway


def connections_of(scope: Scope, gateway: VpnGateway) -> Iterator[VpnConnection]:
    """The gateway's connections that are not `deleted`."""
    for connection in scope.snapshot.having(CONNECTIONS_OF_GATEWAY, gateway.id):
        if connection.state is not State.DELETED:
            yield connection


def create(scope: Scope, command: CreateVpnGateway, context: Context) -> Outcome[VpnGateway]:
    """Refuses ASNs that are not private, and one gateway too many."""
    if not any(command.asn in asns for asns in PRIVATE_ASNS):
        raise Invalid(
            "AmazonSideAsn",
            f"Value ({command.asn}) for parameter AmazonSideAsn is invalid. "
            "Use an ASN from 64512 to 65534 or from 4200000000 to 4294967294.",
        )
    alive = sum(gateway.state is not State.DELETED for gateway in scope.all(VpnGateway))
    context.limits.check(limits.VPN_GATEWAYS, alive)
    gateway = VpnGateway(
        id=new_id("vgw", context.entropy),
        account=context.account,
        region=context.region,
        tags=checked(command.tags),
        created=context.now,
        asn=command.asn,
        state=State.PENDING if context.builds else State.AVAILABLE,
    )
    return Outcome(gateway, put(gateway))


def attach(scope: Scope, command: AttachVpnGateway, context: Context) -> Outcome[VpnGateway]:
    """One VPC per gateway, one gateway per VPC. Attaching again to the same VPC changes nothing."""
    gateway = usable_gateway(scope, command.vpn_gateway_id)
    vpc = scope.get(Vpc, command.vpc_id, "vpc")
    if gateway.vpc_id == vpc.id and gateway.attachment in (Attachment.ATTACHING, Attachment.ATTACHED):
        return Outcome(gateway)
    if gateway.attachment is not Attachment.DETACHED:
        raise GatewayHasVpc(
            f"The virtual private gateway {gateway.id} is {gateway.attachment} {_where(gateway)}. Detach it first."
        )
    for other in scope.all(VpnGateway):
        if other.vpc_id == vpc.id and other.attachment is not Attachment.DETACHED:
            raise VpcHasGateway(
                "The specified VPC already has a virtual private gateway attached to it: "
                f"{other.id}. Detach that one from {vpc.id} first."
            )
    attachment = Attachment.ATTACHING if context.builds else Attachment.ATTACHED
    attached = replace(gateway, vpc_id=vpc.id, attachment=attachment, left=None)
    return Outcome(attached, put(attached))


def _where(gateway: VpnGateway) -> str:
    return f"{'from' if gateway.attachment is Attachment.DETACHING else 'to'} {gateway.vpc_id}"


def detach(scope: Scope, command: DetachVpnGateway, context: Context) -> Outcome[VpnGateway]:
    """Ends propagation into the VPC's route tables, too: a later attachment to it asks for it anew."""
    gateway = scope.get(VpnGateway, command.vpn_gateway_id, NOUN)
    if gateway.attachment is Attachment.DETACHED or gateway.vpc_id != command.vpc_id:
        raise NotAttached(
            f"The virtual private gateway {gateway.id} is not attached to {command.vpc_id}. "
            "DescribeVpnGateways shows where it is attached."
        )
    if gateway.attachment is Attachment.DETACHING:
        return Outcome(gateway)
    if context.builds:
        detached = replace(gateway, attachment=Attachment.DETACHING)
    else:
        detached = replace(gateway, attachment=Attachment.DETACHED, vpc_id=None, left=gateway.vpc_id)
    changed: list[Resource] = [detached]
    for table in scope.all(RouteTable):
        if gateway.id in table.propagating:
            changed.append(replace(table, propagating=tuple(g for g in table.propagating if g != gateway.id)))
    return Outcome(detached, put(*changed))


def delete(scope: Scope, command: DeleteVpnGateway, context: Context) -> Outcome[None]:
    """Refuses while attached or while there are connections. Deleting one that is being deleted changes nothing."""
    gateway = scope.get(VpnGateway, command.vpn_gateway_id, NOUN)
    match gateway.state:
        case State.DELETED:
            raise NotFound(NOUN, gateway.id)
        case State.DELETING:
            return Outcome(None)
        case _:
            pass
    if gateway.attachment is not Attachment.DETACHED:
        raise WrongState(
            f"The virtual private gateway {gateway.id} is {gateway.attachment} {_where(gateway)}. "
            "Delete it once it is detached."
        )
    if (connection := next(connections_of(scope, gateway), None)) is not None:
        raise WrongState(
            f"The virtual private gateway {gateway.id} has the VPN connection {connection.id}, which is "
            f"{connection.state}. Delete the connection first and wait until it is deleted."
        )
    if context.builds:
        gone = replace(gateway, state=State.DELETING)
    else:
        gone = replace(gateway, state=State.DELETED, deleted=context.now)
    return Outcome(None, put(gone))
