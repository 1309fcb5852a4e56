"""Sets of DHCP options: what instances of a VPC are told about name resolution.

An instance here is a namespace without a DHCP client, so only what can be put in force is taken: domain-name and
domain-name-servers, which `landbridge exec` shows in /etc/resolv.conf. AmazonProvidedDNS stands for the servers of the
cloud itself; landbridge has none, so the machine's take their place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from landbridge.control import tags
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.model.errors import Dependency, Invalid, LimitExceeded, Missing
from landbridge.model.ids import new_id
from landbridge.model.network import DhcpOptions, Vpc
from landbridge.model.resolver import Resolver
from landbridge.model.resources import Tags

NOUN: Final = "dhcp-options"
PREFIX: Final = "dopt"
NONE: Final = "default"
"""EC2's word for a VPC without a set."""
MAX_SERVERS: Final = 4
MAX_DOMAINS: Final = 6
"""What resolvers of all ages take in a search list (resolv.conf(5)), as is its length of 256 characters."""
MAX_SEARCH: Final = 256
MAX_SETS: Final = 200
"""Per region (AWS names no number)."""

_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")


@dataclass(frozen=True, slots=True)
class CreateDhcpOptions(Command):
    """A new set. Reply: the DhcpOptions."""

    domain_names: tuple[str, ...] = ()
    name_servers: tuple[IPv4Address, ...] = ()
    amazon_dns: bool = False
    tags: Tags = ()


@dataclass(frozen=True, slots=True)
class DeleteDhcpOptions(Command):
    """Delete a set that no VPC has. Reply: None."""

    dhcp_options_id: str


@dataclass(frozen=True, slots=True)
class AssociateDhcpOptions(Command):
    """Give a VPC a set in place of the one that it has; NONE: no set. Reply: None."""

    dhcp_options_id: str
    vpc_id: str


def default_domain(region: str) -> str:
    """The domain of instances in a region where nobody chose one (AWS, "DHCP option sets")."""
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"


def create(scope: Scope, command: CreateDhcpOptions, context: Context) -> Outcome[DhcpOptions]:
    """Refuses what is no domain, servers beside AmazonProvidedDNS, more than four, and a set of nothing."""
    for domain in command.domain_names:
        if len(domain) > MAX_SEARCH or _DOMAIN.fullmatch(domain) is None:
            raise Invalid("DhcpConfiguration", f"The domain-name '{domain[:100]}' is not one such as example.com.")
    if len(command.domain_names) > MAX_DOMAINS or len(" ".join(command.domain_names)) > MAX_SEARCH:
        raise Invalid(
            "DhcpConfiguration", f"A domain-name has at most {MAX_DOMAINS} domains and {MAX_SEARCH} characters."
        )
    if len(command.name_servers) > MAX_SERVERS:
        raise Invalid(
            "DhcpConfiguration",
            f"At most {MAX_SERVERS} domain-name-servers can be given; there are {len(command.name_servers)}.",
        )
    if command.amazon_dns and command.name_servers:
        raise Invalid("DhcpConfiguration", "Give AmazonProvidedDNS or addresses as domain-name-servers, not both.")
    if not (command.domain_names or command.name_servers or command.amazon_dns):
        raise Missing("DhcpConfiguration")
    if sum(1 for _ in scope.all(DhcpOptions)) >= MAX_SETS:
        raise LimitExceeded(NOUN, f"There are {MAX_SETS} sets of DHCP options, the most a region can have. Delete one.")
    made = DhcpOptions(
        id=new_id(PREFIX, context.entropy),
        account=context.account,
        region=context.region,
        tags=tags.checked(command.tags),
        created=context.now,
        domain_names=command.domain_names,
        name_servers=command.name_servers,
        amazon_dns=command.amazon_dns,
    )
    return Outcome(made, put(made))


def delete(scope: Scope, command: DeleteDhcpOptions, context: Context) -> Outcome[None]:
    """Refuses a set that a VPC has. The region's default one is made anew with the next VPC."""
    found = scope.get(DhcpOptions, command.dhcp_options_id, NOUN)
    for vpc in scope.all(Vpc):
        if vpc.dhcp_options_id == found.id:
            raise Dependency(
                f"The dhcpOptions '{found.id}' has dependencies and cannot be deleted: {vpc.id} has it. "
                "Associate that VPC with another set first."
            )
    return Outcome(None, remove(found))


def associate(scope: Scope, command: AssociateDhcpOptions, context: Context) -> Outcome[None]:
    """Takes effect with the next `landbridge exec` into the VPC."""
    vpc = scope.get(Vpc, command.vpc_id, "vpc")
    chosen = "" if command.dhcp_options_id == NONE else scope.get(DhcpOptions, command.dhcp_options_id, NOUN).id
    return Outcome(None, put(replace(vpc, dhcp_options_id=chosen)) if chosen != vpc.dhcp_options_id else ())


def of_a_new_vpc(scope: Scope, context: Context) -> tuple[DhcpOptions, bool]:
    """The region's default set, and whether it is new: it comes with the first VPC."""
    for found in scope.all(DhcpOptions):
        if found.is_default:
            return found, False
    made = DhcpOptions(
        id=new_id(PREFIX, context.entropy),
        account=context.account,
        region=context.region,
        created=context.now,
        domain_names=(default_domain(context.region),),
        amazon_dns=True,
        is_default=True,
    )
    return made, True


def resolver(options: DhcpOptions) -> Resolver | None:
    """What is in force for instances of a VPC with that set. None: the machine's resolv.conf as it is.

    That is so with AWS's own default, the region's domain and AmazonProvidedDNS, behind which there is no server here.
    """
    if not options.name_servers and options.domain_names in ((), (default_domain(options.region),)):
        return None
    return Resolver(options.domain_names, options.name_servers)
