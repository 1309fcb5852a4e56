"""Random values by botocore's shapes, and the operations that the wire is tested with."""

from __future__ import annotations

import string
from datetime import UTC, datetime
from typing import Any

from botocore.session import Session
from hypothesis import strategies as st

EC2 = Session().get_service_model("ec2")

OPERATIONS = [
    "CreateVpc",
    "DeleteVpc",
    "DescribeVpcs",
    "DescribeVpcAttribute",
    "ModifyVpcAttribute",
    "AssociateVpcCidrBlock",
    "CreateSubnet",
    "DeleteSubnet",
    "DescribeSubnets",
    "ModifySubnetAttribute",
    "CreateRouteTable",
    "DeleteRouteTable",
    "DescribeRouteTables",
    "AssociateRouteTable",
    "DisassociateRouteTable",
    "ReplaceRouteTableAssociation",
    "CreateRoute",
    "ReplaceRoute",
    "DeleteRoute",
    "CreateInternetGateway",
    "DeleteInternetGateway",
    "DescribeInternetGateways",
    "AttachInternetGateway",
    "DetachInternetGateway",
    "RunInstances",
    "DescribeInstances",
    "TerminateInstances",
    "StopInstances",
    "DescribeInstanceStatus",
    "DescribeNetworkInterfaces",
    "CreateVpnGateway",
    "DeleteVpnGateway",
    "DescribeVpnGateways",
    "AttachVpnGateway",
    "DetachVpnGateway",
    "EnableVgwRoutePropagation",
    "DisableVgwRoutePropagation",
    "CreateCustomerGateway",
    "DeleteCustomerGateway",
    "DescribeCustomerGateways",
    "CreateVpnConnection",
    "DeleteVpnConnection",
    "DescribeVpnConnections",
    "CreateVpnConnectionRoute",
    "DeleteVpnConnectionRoute",
    "ModifyVpnConnection",
    "ModifyVpnConnectionOptions",
    "ModifyVpnTunnelOptions",
    "GetVpnConnectionDeviceSampleConfiguration",
    "CreateTags",
    "DeleteTags",
    "DescribeTags",
    "DescribeAvailabilityZones",
    "DescribeRegions",
    "DescribeAccountAttributes",
    "DescribeSecurityGroups",
    "DescribeNetworkAcls",
    "DescribeDhcpOptions",
]

# What XML 1.0 can carry.
XML_TEXT = st.characters(
    codec="utf-8",
    exclude_categories=["Cs", "Cc"],
    exclude_characters="\ufffe\uffff",
    include_characters="\t\n\r",
)


@st.composite
def values(draw: st.DrawFn, shape: Any, *, request: bool) -> Any:
    """A value of that shape. In a request what the wire cannot tell from absence (empty text) is not drawn."""
    match shape.type_name:
        case "structure":
            names = sorted(shape.members)
            chosen = set(draw(st.lists(st.sampled_from(names), max_size=4, unique=True))) if names else set()
            if request:
                chosen |= set(shape.required_members)
            return {name: draw(values(shape.members[name], request=request)) for name in sorted(chosen)}
        case "list":
            return draw(st.lists(values(shape.member, request=request), max_size=3))
        case _:
            return draw(_scalars(shape, request=request))


def _scalars(shape: Any, *, request: bool) -> st.SearchStrategy[Any]:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    match shape.type_name:
        case "string" if shape.enum:
            return st.sampled_from(shape.enum)
        case "string":
            least = max(low or 0, int(request))
            return st.text(XML_TEXT, min_size=least, max_size=min(high or 40, least + 40))
        case "integer" | "long" as kind:
            bits = 31 if kind == "integer" else 63
            return st.integers(-(2**bits) if low is None else low, 2**bits - 1 if high is None else high)
        case "float" | "double":
            return st.floats(low, high, allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "timestamp":
            moments = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
            return moments if request else moments.map(lambda moment: moment.replace(microsecond=0))
        case "blob":
            return st.binary(min_size=int(request), max_size=50)
        case other:
            raise NotImplementedError(other)


def pruned(value: Any) -> Any:
    """A request's value without everything empty, which the wire does not carry; None if nothing is left."""
    if isinstance(value, dict):
        left = {name: kept for name, member in value.items() if (kept := pruned(member)) is not None}
        return left or None
    if isinstance(value, list):
        return [kept for item in value if (kept := pruned(item)) is not None] or None
    return value


AWKWARD_TEXT = st.text(
    st.one_of(st.sampled_from(string.punctuation + " %+/=&~\t\n"), XML_TEXT), min_size=1, max_size=30
)
