"""Reading an action's parameters: what it understands, ids, prefixes, tags. What is not in force is refused here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Network
from typing import Any, Final

from landbridge.api.aws.ec2.door import Params
from landbridge.control.tags import MAX_TAGS
from landbridge.model.errors import Combination, Invalid, MalformedId, Missing, Unsupported
from landbridge.model.ids import is_id
from landbridge.model.resources import Tags

PREFIXES: Final[Mapping[str, str]] = {
    "vpc": "vpc",
    "subnet": "subnet",
    "route-table": "rtb",
    "internet-gateway": "igw",
    "instance": "i",
    "association": "rtbassoc",
    "network-interface": "eni",
    "attachment": "eni-attach",
    "volume": "vol",
    "key-pair": "key",
    "nat-gateway": "nat",
    "prefix-list": "pl",
    "vpc-endpoint": "vpce",
    "vpc-peering-connection": "pcx",
    "elastic-ip": "eipalloc",
    "elastic-association": "eipassoc",
    "security-group": "sg",
    "security-group-rule": "sgr",
    "network-acl": "acl",
    "network-acl-association": "aclassoc",
    "vpn-gateway": "vgw",
    "customer-gateway": "cgw",
    "vpn-connection": "vpn",
    "dhcp-options": "dopt",
    "vpc-cidr-association": "vpc-cidr-assoc",
}
"""The prefix of the ids of each kind."""

MAX_IDS: Final = 1000
_CIDR: Final = re.compile(r"([0-9.]{7,15})/([0-9]{1,2})")
_CIDR6: Final = re.compile(r"[0-9a-fA-F:.]{2,45}/[0-9]{1,3}")


def only(params: Params, *names: str, inert: Mapping[str, Any] | None = None) -> None:
    """Refuse every parameter but these. `inert` ones may ask for what is so anyway: that value, or any of a tuple.

    Raises:
        Unsupported: a parameter that AWS has and that is not in force here.
    """
    for name, value in params.items():
        if name in names:
            continue
        if inert is not None and name in inert:
            allowed = inert[name]
            if value == allowed or (isinstance(allowed, tuple) and value in allowed):
                continue
            raise Unsupported(f"landbridge does not support this value of the parameter {name}. Nothing was changed.")
        raise Unsupported(f"landbridge does not support the parameter {name} of this action. Nothing was changed.")


def required(params: Params, name: str) -> Any:
    """A parameter that must be there."""
    value = params.get(name)
    if value is None or value == "" or value == []:
        raise Missing(name)
    return value


def checked_id(text: str, noun: str) -> str:
    """The text, if it can be an id of that kind.

    Raises:
        MalformedId: it cannot.
    """
    if not is_id(PREFIXES[noun], text):
        raise MalformedId(noun, text[:100], PREFIXES[noun])
    return text


def id_of(params: Params, name: str, noun: str) -> str:
    """A required parameter that is an id of that kind."""
    return checked_id(required(params, name), noun)


def ids_of(params: Params, name: str, noun: str) -> tuple[str, ...]:
    """A list of ids of that kind without repetitions; empty if none are given."""
    given = params.get(name) or ()
    if len(given) > MAX_IDS:
        raise Invalid(name, f"At most {MAX_IDS} ids can be named in one request; {len(given)} are.")
    return tuple(dict.fromkeys(checked_id(text, noun) for text in given))


def network_of(params: Params, name: str) -> IPv4Network:
    """A required parameter that is an IPv4 prefix; host bits are cleared as EC2 does."""
    return network(required(params, name), name)


def network(text: str, name: str) -> IPv4Network:
    """An IPv4 prefix from text such as `10.0.0.0/16`; host bits are cleared.

    Raises:
        Invalid: it is none.
    """
    form = _CIDR.fullmatch(text)
    try:
        if form is None or int(form[2]) > 32:
            raise ValueError
        return IPv4Network((IPv4Address(form[1]), int(form[2])), strict=False)
    except ValueError:
        raise Invalid(
            name, f"Value ({text[:100]}) for parameter {name} is invalid. This is not a valid CIDR block."
        ) from None


def network6(text: str, name: str) -> IPv6Network:
    """An IPv6 prefix from text such as `2001:db8::/32`; host bits are cleared.

    Raises:
        Invalid: it is none.
    """
    try:
        if _CIDR6.fullmatch(text) is None:
            raise ValueError
        return IPv6Network(text, strict=False)
    except ValueError:
        raise Invalid(
            name, f"Value ({text[:100]}) for parameter {name} is invalid. This is not a valid IPv6 CIDR block."
        ) from None


def address(text: str, name: str) -> IPv4Address:
    """An IPv4 address from text.

    Raises:
        Invalid: it is none.
    """
    try:
        return IPv4Address(text)
    except AddressValueError:
        raise Invalid(
            name, f"Value ({text[:100]}) for parameter {name} is invalid. This is not a valid IPv4 address."
        ) from None


def flag(params: Params, name: str) -> bool | None:
    """An attribute given as `Name.Value=true`; None if it is not given."""
    given = params.get(name)
    if given is None:
        return None
    value = given.get("Value")
    return None if value is None else bool(value)


def tags_of(params: Params, resource_type: str, *others: str) -> Tags:
    """The tags in TagSpecifications for a type of resource that the action makes; it makes `others`, too.

    Raises:
        Invalid: tags for another type of resource, which the action does not make.
        Combination: the type is there twice.
    """
    tags: Tags | None = None
    for specification in params.get("TagSpecifications") or ():
        if specification.get("ResourceType") is None:
            raise Missing("TagSpecification.ResourceType")
        if specification["ResourceType"] in others:
            continue
        if specification["ResourceType"] != resource_type:
            raise Invalid(
                "TagSpecification",
                f"'{specification['ResourceType']}' is not a valid taggable resource type for this operation: "
                f"use '{resource_type}'.",
            )
        if tags is not None:
            raise Combination(f"TagSpecification names the resource type '{resource_type}' twice.")
        tags = tag_pairs(specification.get("Tags") or ())
    return tags or ()


def tag_pairs(tags: Iterable[Mapping[str, Any]]) -> Tags:
    """Tags as the wire has them as pairs; a missing value is the empty one."""
    pairs = tuple((tag.get("Key") or "", tag.get("Value") or "") for tag in tags)
    if len(pairs) > 4 * MAX_TAGS:
        raise Invalid("Tag", f"{len(pairs)} tags are more than any resource can have.")
    return pairs


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Tags in the form of every reply."""
    return [{"Key": key, "Value": value} for key, value in tags]
