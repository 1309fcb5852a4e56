"""Tags: names that users give to resources of any kind. Nothing in the data plane is ever made from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from landbridge.control import limits
from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.model.errors import Invalid, LimitExceeded, NotFound
from landbridge.model.firewall import NetworkAcl, SecurityGroup, SecurityGroupRule
from landbridge.model.instances import ElasticAddress, Instance, NetworkInterface
from landbridge.model.network import DhcpOptions, InternetGateway, RouteTable, Subnet, Vpc
from landbridge.model.resources import Resource, Tags
from landbridge.model.vpn import CustomerGateway, VpnConnection, VpnGateway

MAX_TAGS: Final = limits.TAGS.most
MAX_KEY: Final = 128
MAX_VALUE: Final = 256
MAX_RESOURCES: Final = 1000

KINDS: Final[Mapping[str, type[Resource]]] = {
    "vpc": Vpc,
    "subnet": Subnet,
    "route-table": RouteTable,
    "internet-gateway": InternetGateway,
    "instance": Instance,
    "network-interface": NetworkInterface,
    "elastic-ip": ElasticAddress,
    "security-group": SecurityGroup,
    "security-group-rule": SecurityGroupRule,
    "network-acl": NetworkAcl,
    "dhcp-options": DhcpOptions,
    "vpn-gateway": VpnGateway,
    "customer-gateway": CustomerGateway,
    "vpn-connection": VpnConnection,
}
"""What can have tags, by EC2's names of resource types."""

_PREFIXES: Final[Mapping[str, str]] = {
    "vpc": "vpc",
    "subnet": "subnet",
    "rtb": "route-table",
    "igw": "internet-gateway",
    "i": "instance",
    "eni": "network-interface",
    "eipalloc": "elastic-ip",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "acl": "network-acl",
    "dopt": "dhcp-options",
    "vgw": "vpn-gateway",
    "cgw": "customer-gateway",
    "vpn": "vpn-connection",
}


@dataclass(frozen=True, slots=True)
class CreateTags(Command):
    """Add these tags to each of the resources; a key that is there gets the new value."""

    resources: tuple[str, ...]
    tags: Tags


@dataclass(frozen=True, slots=True)
class DeleteTags(Command):
    """Take tags away: by key, by key and value (then only if the value matches), or all if `tags` is None."""

    resources: tuple[str, ...]
    tags: tuple[tuple[str, str | None], ...] | None = None


def checked(tags: Iterable[tuple[str, str]]) -> Tags:
    """The tags in the order given, if all of them are allowed.

    Raises:
        Invalid: a key that is empty, too long, reserved or there twice, or a value that is too long.
        LimitExceeded: more than fifty.
    """
    tags = tuple(tags)
    seen: set[str] = set()
    for key, value in tags:
        if not 1 <= len(key) <= MAX_KEY:
            raise Invalid("Tag", f"Tag keys have 1 to {MAX_KEY} characters; '{key[:40]}...' has {len(key)}.")
        if len(value) > MAX_VALUE:
            raise Invalid("Tag", f"Tag values have at most {MAX_VALUE} characters; that of '{key}' has {len(value)}.")
        if key.lower().startswith("aws:"):
            raise Invalid("Tag", f"Tag keys starting with 'aws:' are reserved for internal use: '{key}'.")
        if key in seen:
            raise Invalid("Tag", f"Tag keys must be unique; '{key}' is given twice.")
        seen.add(key)
    if len(tags) > MAX_TAGS:
        raise LimitExceeded("tag", f"A resource has at most {MAX_TAGS} tags; this one would have {len(tags)}.")
    return tags


def create_tags(scope: Scope, command: CreateTags, context: Context) -> Outcome[None]:
    """Tag the resources."""
    added = dict(checked(command.tags))
    return Outcome(
        None,
        put(
            *(
                replace(found, tags=checked((dict(found.tags) | added).items()))
                for found in _named(scope, command.resources)
            )
        ),
    )


def delete_tags(scope: Scope, command: DeleteTags, context: Context) -> Outcome[None]:
    """Untag the resources; tags that are not there are no error."""
    return Outcome(
        None,
        put(
            *(
                replace(found, tags=tuple(tag for tag in found.tags if not _meant(command.tags, *tag)))
                for found in _named(scope, command.resources)
            )
        ),
    )


def _meant(tags: tuple[tuple[str, str | None], ...] | None, key: str, value: str) -> bool:
    return tags is None or (key, value) in tags or (key, None) in tags


def _named(scope: Scope, ids: tuple[str, ...]) -> list[Resource]:
    if len(ids) > MAX_RESOURCES:
        raise Invalid("ResourceId", f"At most {MAX_RESOURCES} resources can be named in one request; {len(ids)} are.")
    return [_resource(scope, resource_id) for resource_id in dict.fromkeys(ids)]


def _resource(scope: Scope, resource_id: str) -> Resource:
    prefix = resource_id.partition("-")[0]
    noun = _PREFIXES.get(prefix)
    if noun is None:
        raise NotFound("resource", resource_id)
    return scope.get(KINDS[noun], resource_id, noun)
