"""Sets of DHCP options at the EC2 door."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import address, checked_id, id_of, ids_of, only, required, tag_list, tags_of
from landbridge.control import dhcp_options
from landbridge.control.dhcp_options import NONE, NOUN
from landbridge.model.errors import Invalid, Missing, Unsupported
from landbridge.model.network import DhcpOptions

AMAZON: Final = "AmazonProvidedDNS"
DOMAIN: Final = "domain-name"
SERVERS: Final = "domain-name-servers"
_NOT_IN_FORCE: Final = (
    *("ntp-servers", "netbios-name-servers", "netbios-node-type"),
    "ipv6-address-preferred-lease-time",
)
MAX_VALUES: Final = 20


def _pairs(options: DhcpOptions) -> Iterator[tuple[str, tuple[str, ...]]]:
    if options.domain_names:
        yield DOMAIN, (" ".join(options.domain_names),)
    servers = (*((AMAZON,) if options.amazon_dns else ()), *map(str, options.name_servers))
    if servers:
        yield SERVERS, servers


def shape(options: DhcpOptions) -> Shape:
    """A DhcpOptions."""
    return {
        "DhcpOptionsId": options.id,
        "DhcpConfigurations": [
            {"Key": key, "Values": [{"Value": value} for value in values]} for key, values in _pairs(options)
        ],
        "OwnerId": options.account,
        "Tags": tag_list(options.tags),
    }


FILTERS: Final[Mapping[str, Field[DhcpOptions]]] = {
    "dhcp-options-id": lambda o: (o.id,),
    "key": lambda o: (key for key, _ in _pairs(o)),
    "value": lambda o: (value for _, values in _pairs(o) for value in values),
    "owner-id": lambda o: (o.account,),
}


def create_dhcp_options(desk: Desk, params: Params) -> Shape:
    """CreateDhcpOptions."""
    only(params, "DhcpConfigurations", "TagSpecifications")
    given = _given(params)
    servers = given.get(SERVERS, ())
    made = desk.run(
        dhcp_options.CreateDhcpOptions(
            domain_names=tuple(name for value in given.get(DOMAIN, ()) for name in value.split(" ") if name),
            name_servers=tuple(_server(text) for text in servers if text != AMAZON),
            amazon_dns=AMAZON in servers,
            tags=tags_of(params, NOUN),
        )
    )
    return {"DhcpOptions": shape(made)}


def _given(params: Params) -> dict[str, tuple[str, ...]]:
    """The options by name. Several values may be one text with commas in between."""
    given: dict[str, tuple[str, ...]] = {}
    for configuration in required(params, "DhcpConfigurations"):
        key = configuration.get("Key")
        if not key:
            raise Missing("DhcpConfiguration.Key")
        if key in _NOT_IN_FORCE:
            raise Unsupported(
                f"landbridge does not support the DHCP option {key}: nothing in an instance would read it. Omit it."
            )
        if key not in (DOMAIN, SERVERS):
            raise Invalid("DhcpConfiguration", f"Value ({key[:100]}) for parameter key is invalid. Unknown DHCP option")
        if key in given:
            raise Invalid("DhcpConfiguration", f"The DHCP option {key} is given twice. Give its values at once.")
        values = tuple(part.strip() for value in configuration.get("Values") or () for part in value.split(","))
        if not any(values):
            raise Missing("DhcpConfiguration.Value")
        if len(values) > MAX_VALUES:
            raise Invalid("DhcpConfiguration", f"{len(values)} values are more than {key} can have.")
        given[key] = values
    return given


def _server(text: str) -> IPv4Address:
    return address(text, "DhcpConfiguration")


def delete_dhcp_options(desk: Desk, params: Params) -> Shape:
    """DeleteDhcpOptions."""
    only(params, "DhcpOptionsId")
    desk.run(dhcp_options.DeleteDhcpOptions(id_of(params, "DhcpOptionsId", NOUN)))
    return {}


def associate_dhcp_options(desk: Desk, params: Params) -> Shape:
    """AssociateDhcpOptions; `default` is no set at all."""
    only(params, "DhcpOptionsId", "VpcId")
    chosen: str = required(params, "DhcpOptionsId")
    vpc_id = id_of(params, "VpcId", "vpc")
    desk.run(dhcp_options.AssociateDhcpOptions(chosen if chosen == NONE else checked_id(chosen, NOUN), vpc_id))
    return {}


def describe_dhcp_options(desk: Desk, params: Params) -> Shape:
    """DescribeDhcpOptions."""
    only(params, "DhcpOptionsIds", "Filters", "MaxResults", "NextToken")
    scope, ids = desk.scope, ids_of(params, "DhcpOptionsIds", NOUN)
    named = [scope.get(DhcpOptions, each, NOUN) for each in ids] if ids else scope.all(DhcpOptions)
    shown, token = page(select(named, params.get("Filters"), FILTERS, lambda o: o.tags), params, in_order_of_creation)
    desk.reads()
    return {"DhcpOptions": [shape(each) for each in shown], "NextToken": token}


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateDhcpOptions": create_dhcp_options,
    "DeleteDhcpOptions": delete_dhcp_options,
    "AssociateDhcpOptions": associate_dhcp_options,
    "DescribeDhcpOptions": describe_dhcp_options,
}
