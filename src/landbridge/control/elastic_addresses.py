"""Elastic addresses: public ones that an account holds, and associates with private addresses as it likes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from landbridge.control import limits, tags
from landbridge.control.addresses import free_public, may_be_public, public_in_use
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.control.network_interfaces import NOUN as INTERFACE
from landbridge.model.attached import associated, interfaces_of
from landbridge.model.errors import (
    AddressInUse,
    AlreadyAssociated,
    AmbiguousInstance,
    GatewayNotAttached,
    Invalid,
    NotFound,
    PoolExhausted,
    WrongState,
)
from landbridge.model.ids import new_id
from landbridge.model.instances import (
    ElasticAddress,
    Instance,
    InstanceState,
    NetworkInterface,
    PrivateAddress,
    PublicAddress,
)
from landbridge.model.network import InternetGateway
from landbridge.model.resources import Tags

NOUN: Final = "elastic-ip"


@dataclass(frozen=True, slots=True)
class AllocateAddress(Command):
    """Hold a public address: the lowest free one, or this one. Reply: the ElasticAddress."""

    address: IPv4Address | None = None
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class ReleaseAddress(Command):
    """Give an address back that is associated with nothing. Reply: None."""

    allocation_id: str


@dataclass(frozen=True, slots=True)
class AssociateAddress(Command):
    """Let a private address be this elastic one on the Internet. Reply: the id of the association.

    The private address is an interface's, or the only interface's of an instance: the primary one unless another is
    named. `again`: whether an elastic address may leave another private one for it, and the private one another.
    """

    elastic: str | IPv4Address
    """The allocation's id, or the address."""
    interface_id: str = ""
    instance_id: str = ""
    private_address: IPv4Address | None = None
    again: bool = True


@dataclass(frozen=True, slots=True)
class DisassociateAddress(Command):
    """The private address is nothing on the Internet any more, or again what was assigned to it. Reply: None."""

    association: str | IPv4Address
    """The association's id, or the elastic address."""


def allocate(scope: Scope, command: AllocateAddress, context: Context) -> Outcome[ElasticAddress]:
    """Refuses an address that is not of the pool, or that somebody has."""
    context.limits.check(limits.ELASTIC_ADDRESSES, sum(1 for _ in scope.all(ElasticAddress)))
    used = public_in_use(scope.snapshot)
    if command.address is not None:
        if not may_be_public(context.pools, command.address):
            pool = context.pools.public
            raise Invalid(
                "Address", f"{command.address} is none of {pool[2]} to {pool[-2]}, the public addresses here."
            )
        if command.address in used:
            raise AddressInUse(f"Address {command.address} is in use.")
    elastic = ElasticAddress(
        id=new_id("eipalloc", context.entropy),
        account=context.account,
        region=context.region,
        created=context.now,
        tags=tags.checked(command.tags),
        address=command.address or free_public(context.pools, used, 1)[0],
    )
    return Outcome(elastic, put(elastic))


def release(scope: Scope, command: ReleaseAddress, context: Context) -> Outcome[None]:
    """Refuses while it is associated."""
    elastic = scope.get(ElasticAddress, command.allocation_id, NOUN)
    if (found := associated(scope.snapshot, elastic)) is not None:
        raise AddressInUse(f"Address {elastic.address} is in use: {found[0].id} has it. Disassociate it first.")
    return Outcome(None, remove(elastic))


def associate(scope: Scope, command: AssociateAddress, context: Context) -> Outcome[str]:
    """The same again changes nothing. What the private address was before on the Internet, it is no more."""
    elastic = _held(scope, command.elastic)
    interface = _interface(scope, command)
    private = _private(interface, command.private_address)
    before = associated(scope.snapshot, elastic)
    if before is not None and before == (interface, private):
        assert private.public is not None
        return Outcome(private.public.association_id)
    if not any(g.vpc_id == interface.vpc_id for g in scope.all(InternetGateway)):
        raise GatewayNotAttached(f"Network {interface.vpc_id} is not attached to any internet gateway")
    if not command.again:
        if before is not None:
            raise AlreadyAssociated(f"resource {elastic.id} is already associated with {before[0].id}")
        if private.public is not None and private.public.elastic:
            raise AlreadyAssociated(
                f"resource {interface.id} is already associated with address {private.public.address}"
            )
    public = PublicAddress(
        address=elastic.address, allocation_id=elastic.id, association_id=new_id("eipassoc", context.entropy)
    )
    changes: dict[str, NetworkInterface] = {}
    if before is not None:
        changes[before[0].id] = _with(before[0], before[1].address, None)
    changes[interface.id] = _with(changes.get(interface.id, interface), private.address, public)
    if before is not None and before[0].id != interface.id:
        changes[before[0].id] = _assigned_again(scope, changes[before[0].id], before[1].address, context)
    return Outcome(public.association_id, put(*changes.values()))


def disassociate(scope: Scope, command: DisassociateAddress, context: Context) -> Outcome[None]:
    """The elastic address stays the account's."""
    for interface in scope.all(NetworkInterface):
        for private in interface.addresses:
            public = private.public
            if (
                public is None
                or not public.elastic
                or command.association not in (public.association_id, public.address)
            ):
                continue
            freed = _with(interface, private.address, None)
            return Outcome(None, put(_assigned_again(scope, freed, private.address, context)))
    if isinstance(command.association, IPv4Address):
        _held(scope, command.association)
    raise NotFound("elastic-association", str(command.association))


def _held(scope: Scope, elastic: str | IPv4Address) -> ElasticAddress:
    if isinstance(elastic, str):
        return scope.get(ElasticAddress, elastic, NOUN)
    found = next((each for each in scope.all(ElasticAddress) if each.address == elastic), None)
    if found is None:
        raise NotFound("address", str(elastic))
    return found


def _interface(scope: Scope, command: AssociateAddress) -> NetworkInterface:
    named = scope.get(NetworkInterface, command.interface_id, INTERFACE) if command.interface_id else None
    if not command.instance_id:
        assert named is not None, "the door asks for one of both"
        return named
    instance = scope.get(Instance, command.instance_id, "instance")
    if instance.state not in (InstanceState.PENDING, InstanceState.RUNNING):
        raise WrongState(f"Instance {instance.id} is {instance.state}. Use one that is running.")
    interfaces = interfaces_of(scope.snapshot, instance.id)
    if named is not None:
        if named not in interfaces:
            raise Invalid("NetworkInterfaceId", f"Interface {named.id} is not attached to instance {instance.id}.")
        return named
    if len(interfaces) != 1:
        raise AmbiguousInstance(
            f"There are multiple interfaces attached to instance '{instance.id}'. "
            "Please specify an interface ID for the operation instead."
        )
    return interfaces[0]


def _private(interface: NetworkInterface, wanted: IPv4Address | None) -> PrivateAddress:
    for each in interface.addresses:
        if wanted in (None, each.address):
            return each
    raise Invalid("PrivateIpAddress", f"Address {wanted} is not assigned to interface {interface.id}.")


def _with(interface: NetworkInterface, address: IPv4Address, public: PublicAddress | None) -> NetworkInterface:
    addresses = (replace(each, public=public) if each.address == address else each for each in interface.addresses)
    return replace(interface, addresses=tuple(addresses))


def _assigned_again(
    scope: Scope, interface: NetworkInterface, freed: IPv4Address, context: Context
) -> NetworkInterface:
    """An instance's only interface that was launched with a public address gets one, if there is one left."""
    attachment = interface.attachment
    if not interface.assigns_public or attachment is None or freed != interface.private:
        return interface
    if len(interfaces_of(scope.snapshot, attachment.instance_id)) > 1:
        return interface
    try:
        (address,) = free_public(context.pools, public_in_use(scope.snapshot), 1)
    except PoolExhausted:
        return interface
    return _with(interface, freed, PublicAddress(address=address))
