"""What tools ask after and landbridge has none of: volumes, NAT gateways, endpoints, peerings, key pairs, prefix lists.

The empty set is the truth, and who names one hears that it is not there.

Filters are checked as everywhere, so that a mistake is told here, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, absent, select
from landbridge.api.aws.ec2.params import ids_of, only
from landbridge.model.errors import NotFound
from landbridge.model.resources import Tags

_VOLUMES: Final[Mapping[str, Field[object]]] = absent(
    "attachment.attach-time",
    "attachment.delete-on-termination",
    "attachment.device",
    "attachment.instance-id",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "create-time",
    "encrypted",
    "fast-restored",
    "multi-attach-enabled",
    "operator.managed",
    "operator.principal",
    "size",
    "snapshot-id",
    "status",
    "volume-id",
    "volume-type",
)
_NAT_GATEWAYS: Final = absent("nat-gateway-id", "state", "subnet-id", "vpc-id")
_ENDPOINTS: Final = absent(
    "ip-address-type",
    "service-name",
    "service-region",
    "vpc-endpoint-id",
    "vpc-endpoint-state",
    "vpc-endpoint-type",
    "vpc-id",
)
_PEERINGS: Final = absent(
    "accepter-vpc-info.cidr-block",
    "accepter-vpc-info.owner-id",
    "accepter-vpc-info.vpc-id",
    "expiration-time",
    "requester-vpc-info.cidr-block",
    "requester-vpc-info.owner-id",
    "requester-vpc-info.vpc-id",
    "status-code",
    "status-message",
    "vpc-peering-connection-id",
)
_KEY_PAIRS: Final = absent("fingerprint", "key-name", "key-pair-id")
_PREFIX_LISTS: Final = absent("prefix-list-id", "prefix-list-name")


def _untagged(_: object) -> Tags:
    return ()


def _none(
    desk: Desk, params: Params, ids: str, noun: str, fields: Mapping[str, Field[Any]], *, filters: str = "Filters"
) -> None:
    """Refuse every id, and filters that EC2 does not have.

    Raises:
        NotFound: something is named.
    """
    for each in ids_of(params, ids, noun):
        raise NotFound(noun, each)
    select((), params.get(filters), fields, _untagged)
    desk.reads()


def describe_volumes(desk: Desk, params: Params) -> Shape:
    """DescribeVolumes."""
    only(
        params,
        "VolumeIds",
        "Filters",
        "MaxResults",
        "NextToken",
        inert={"IncludeManagedResources": (True, False)},
    )
    _none(desk, params, "VolumeIds", "volume", _VOLUMES)
    return {"Volumes": []}


def describe_nat_gateways(desk: Desk, params: Params) -> Shape:
    """DescribeNatGateways."""
    only(params, "NatGatewayIds", "Filter", "MaxResults", "NextToken")
    _none(desk, params, "NatGatewayIds", "nat-gateway", _NAT_GATEWAYS, filters="Filter")
    return {"NatGateways": []}


def describe_vpc_endpoints(desk: Desk, params: Params) -> Shape:
    """DescribeVpcEndpoints."""
    only(params, "VpcEndpointIds", "Filters", "MaxResults", "NextToken")
    _none(desk, params, "VpcEndpointIds", "vpc-endpoint", _ENDPOINTS)
    return {"VpcEndpoints": []}


def describe_vpc_peering_connections(desk: Desk, params: Params) -> Shape:
    """DescribeVpcPeeringConnections."""
    only(params, "VpcPeeringConnectionIds", "Filters", "MaxResults", "NextToken")
    _none(desk, params, "VpcPeeringConnectionIds", "vpc-peering-connection", _PEERINGS)
    return {"VpcPeeringConnections": []}


def describe_key_pairs(desk: Desk, params: Params) -> Shape:
    """DescribeKeyPairs: they have names and ids."""
    only(params, "KeyNames", "KeyPairIds", "Filters", inert={"IncludePublicKey": (True, False)})
    for name in params.get("KeyNames") or ():
        raise NotFound("key-pair", name)
    _none(desk, params, "KeyPairIds", "key-pair", _KEY_PAIRS)
    return {"KeyPairs": []}


def describe_prefix_lists(desk: Desk, params: Params) -> Shape:
    """DescribePrefixLists: those of AWS's services, which are not here."""
    only(params, "PrefixListIds", "Filters", "MaxResults", "NextToken")
    _none(desk, params, "PrefixListIds", "prefix-list", _PREFIX_LISTS)
    return {"PrefixLists": []}


ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeVolumes": describe_volumes,
    "DescribeNatGateways": describe_nat_gateways,
    "DescribeVpcEndpoints": describe_vpc_endpoints,
    "DescribeVpcPeeringConnections": describe_vpc_peering_connections,
    "DescribeKeyPairs": describe_key_pairs,
    "DescribePrefixLists": describe_prefix_lists,
}
