"""VPCs: made with a main route table, a default security group and a default network ACL, which go with the VPC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Final

from landbridge.control import dhcp_options, limits, network_acls, security_groups, tags
from landbridge.control.addresses import occupies
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.model.errors import Dependency, Invalid, InvalidVpcRange
from landbridge.model.firewall import NetworkAcl, SecurityGroup
from landbridge.model.ids import new_id
from landbridge.model.instances import Instance
from landbridge.model.network import Association, InternetGateway, RouteTable, Subnet, Vpc
from landbridge.model.resources import Attachment, Resource, State, Tags
from landbridge.model.vpn import VpnGateway
from landbridge.routing.tables import free_number

NOUN: Final = "vpc"
LARGEST: Final = 16
SMALLEST: Final = 28

_NEVER: Final = tuple(
    IPv4Network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4")
)
"""Addresses that no packet between two hosts may carry (RFC 6890)."""


@dataclass(frozen=True, slots=True)
class CreateVpc(Command):
    """A new VPC. Reply: the Vpc."""

    cidr: IPv4Network
    tags: Tags = ()
    default: bool = False
    """The region's default one, whose instances get names (as a record, see `modify`)."""


@dataclass(frozen=True, slots=True)
class DeleteVpc(Command):
    """Delete a VPC that nothing is left in. Reply: None."""

    vpc_id: str


@dataclass(frozen=True, slots=True)
class ModifyVpcAttribute(Command):
    """Change what is not None. Reply: the Vpc."""

    vpc_id: str
    dns_support: bool | None = None
    dns_hostnames: bool | None = None


def check_cidr(cidr: IPv4Network) -> None:
    """Whether a VPC may have this CIDR, whatever else it has.

    Raises:
        InvalidVpcRange: larger than /16 or smaller than /28.
        Invalid: of addresses that are no hosts'.
    """
    if not LARGEST <= cidr.prefixlen <= SMALLEST:
        raise InvalidVpcRange(f"The CIDR '{cidr}' is invalid: a VPC has a prefix of /{LARGEST} to /{SMALLEST}.")
    if any(cidr.overlaps(never) for never in _NEVER):
        raise Invalid("CidrBlock", f"The CIDR '{cidr}' is invalid: hosts cannot have these addresses. Use 10.0.0.0/16.")


def create(scope: Scope, command: CreateVpc, context: Context) -> Outcome[Vpc]:
    """Refuses a CIDR that may be none."""
    check_cidr(command.cidr)
    context.limits.check(limits.VPCS, sum(1 for _ in scope.all(Vpc)))
    options, new = dhcp_options.of_a_new_vpc(scope, context)
    vpc = Vpc(
        id=new_id("vpc", context.entropy),
        account=context.account,
        region=context.region,
        tags=tags.checked(command.tags),
        created=context.now,
        cidr=command.cidr,
        state=State.PENDING if context.builds else State.AVAILABLE,
        dhcp_options_id=options.id,
        dns_hostnames=command.default,
        is_default=command.default,
    )
    return Outcome(vpc, put(*((options,) if new else ()), vpc, *_defaults(vpc, context)))


def _defaults(vpc: Vpc, context: Context) -> tuple[Resource, ...]:
    entropy = context.entropy
    return (
        RouteTable(
            id=new_id("rtb", entropy),
            account=vpc.account,
            region=vpc.region,
            created=vpc.created,
            vpc_id=vpc.id,
            number=free_number(()),
            associations=(Association(id=new_id("rtbassoc", entropy), subnet_id=None),),
        ),
        *security_groups.default_group(vpc, context),
        network_acls.default_acl(vpc, context),
    )


def modify(scope: Scope, command: ModifyVpcAttribute, context: Context) -> Outcome[Vpc]:
    """Attributes are records: there is no DNS server in a VPC yet."""
    vpc = scope.get(Vpc, command.vpc_id, NOUN)
    changed = replace(
        vpc,
        dns_support=vpc.dns_support if command.dns_support is None else command.dns_support,
        dns_hostnames=vpc.dns_hostnames if command.dns_hostnames is None else command.dns_hostnames,
    )
    return Outcome(changed, put(changed) if changed != vpc else ())


def delete(scope: Scope, command: DeleteVpc, context: Context) -> Outcome[None]:
    """Refuses while there are subnets, gateways or instances, or tables, groups or ACLs besides the defaults."""
    vpc = scope.get(Vpc, command.vpc_id, NOUN)
    if (inside := next(_dependants(scope, vpc), None)) is not None:
        raise Dependency(f"The vpc '{vpc.id}' has dependencies and cannot be deleted: {inside.id} is in it.")
    defaults: list[Resource] = [t for t in scope.all(RouteTable) if t.vpc_id == vpc.id]
    defaults += security_groups.everything_of(scope, vpc.id)
    defaults += [a for a in scope.all(NetworkAcl) if a.vpc_id == vpc.id]
    return Outcome(None, remove(*defaults, vpc))


def _dependants(scope: Scope, vpc: Vpc) -> Iterator[Resource]:
    yield from (i for i in scope.all(Instance) if i.vpc_id == vpc.id and occupies(i))
    yield from (s for s in scope.all(Subnet) if s.vpc_id == vpc.id)
    yield from (t for t in scope.all(RouteTable) if t.vpc_id == vpc.id and not t.main)
    yield from (g for g in scope.all(SecurityGroup) if g.vpc_id == vpc.id and not g.default)
    yield from (a for a in scope.all(NetworkAcl) if a.vpc_id == vpc.id and not a.default)
    yield from (g for g in scope.all(InternetGateway) if g.vpc_id == vpc.id)
    # A gateway on its way out is still there until the data plane has let go of it.
    yield from (g for g in scope.all(VpnGateway) if g.vpc_id == vpc.id and g.attachment is not Attachment.DETACHED)
