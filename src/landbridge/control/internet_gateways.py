"""Internet gateways: made, attached to at most one VPC each and one per VPC, detached, deleted.

Detaching takes effect at once in what is wanted; the data plane follows. Scripts written for AWS delete the gateway in
the next call and do not wait.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from landbridge.control import limits, tags
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.model.errors import AlreadyAssociated, Dependency, GatewayNotAttached, Invalid
from landbridge.model.ids import new_id
from landbridge.model.instances import NetworkInterface
from landbridge.model.network import InternetGateway, Vpc
from landbridge.model.resources import Attachment, Tags

NOUN: Final = "internet-gateway"


@dataclass(frozen=True, slots=True)
class CreateInternetGateway(Command):
    """A new gateway, attached to nothing. Reply: the InternetGateway."""

    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class AttachInternetGateway(Command):
    """Join a gateway to a VPC. Reply: None."""

    internet_gateway_id: str
    vpc_id: str


@dataclass(frozen=True, slots=True)
class DetachInternetGateway(Command):
    """Part a gateway from its VPC. Reply: None."""

    internet_gateway_id: str
    vpc_id: str


@dataclass(frozen=True, slots=True)
class DeleteInternetGateway(Command):
    """Delete a gateway that is detached. Reply: None."""

    internet_gateway_id: str


def create(scope: Scope, command: CreateInternetGateway, context: Context) -> Outcome[InternetGateway]:
    """A gateway by itself needs nothing built."""
    context.limits.check(limits.INTERNET_GATEWAYS, sum(1 for _ in scope.all(InternetGateway)))
    gateway = InternetGateway(
        id=new_id("igw", context.entropy),
        account=context.account,
        region=context.region,
        tags=tags.checked(command.tags),
        created=context.now,
    )
    return Outcome(gateway, put(gateway))


def attach(scope: Scope, command: AttachInternetGateway, context: Context) -> Outcome[None]:
    """Refuses a gateway that has a VPC, and a VPC that has a gateway."""
    gateway = scope.get(InternetGateway, command.internet_gateway_id, NOUN)
    vpc = scope.get(Vpc, command.vpc_id, "vpc")
    if gateway.vpc_id is not None:
        raise AlreadyAssociated(f"resource {gateway.id} is already attached to network {gateway.vpc_id}")
    for other in scope.all(InternetGateway):
        if other.vpc_id == vpc.id:
            raise Invalid("VpcId", f"Network {vpc.id} already has an internet gateway attached: {other.id}.")
    attachment = Attachment.ATTACHING if context.builds else Attachment.ATTACHED
    return Outcome(None, put(replace(gateway, vpc_id=vpc.id, attachment=attachment)))


def detach(scope: Scope, command: DetachInternetGateway, context: Context) -> Outcome[None]:
    """Refuses while interfaces of the VPC have public addresses: they would lose their way out."""
    gateway = scope.get(InternetGateway, command.internet_gateway_id, NOUN)
    vpc = scope.get(Vpc, command.vpc_id, "vpc")
    if gateway.vpc_id != vpc.id:
        raise GatewayNotAttached(f"resource {gateway.id} is not attached to network {vpc.id}")
    for interface in scope.all(NetworkInterface):
        public = [private.public.address for private in interface.addresses if private.public is not None]
        if interface.vpc_id == vpc.id and public:
            raise Dependency(
                f"Network {vpc.id} has some mapped public address(es). Please unmap those public address(es) before "
                f"detaching the gateway: {interface.instance_id or interface.id} has {public[0]}."
            )
    return Outcome(None, put(replace(gateway, vpc_id=None, attachment=Attachment.DETACHED)))


def delete(scope: Scope, command: DeleteInternetGateway, context: Context) -> Outcome[None]:
    """Refuses while attached."""
    gateway = scope.get(InternetGateway, command.internet_gateway_id, NOUN)
    if gateway.vpc_id is not None:
        raise Dependency(
            f"The internetGateway '{gateway.id}' has dependencies and cannot be deleted: it is attached to "
            f"{gateway.vpc_id}. Detach it first."
        )
    return Outcome(None, remove(gateway))
