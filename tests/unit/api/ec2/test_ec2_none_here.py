"""What landbridge has none of: tools that look for it before they make or delete something else are told so."""

from __future__ import annotations

from typing import Any

import pytest
from ec2_client import Ec2
from support import Cloud

UNKNOWN = "0123456789abcdef0"


@pytest.mark.parametrize(
    ("action", "answer", "named", "code"),
    [
        ("DescribeVolumes", "Volumes", {"VolumeIds": [f"vol-{UNKNOWN}"]}, "InvalidVolume.NotFound"),
        ("DescribeNatGateways", "NatGateways", {"NatGatewayIds": [f"nat-{UNKNOWN}"]}, "NatGatewayNotFound"),
        (
            "DescribeVpcEndpoints",
            "VpcEndpoints",
            {"VpcEndpointIds": [f"vpce-{UNKNOWN}"]},
            "InvalidVpcEndpointId.NotFound",
        ),
        (
            "DescribeVpcPeeringConnections",
            "VpcPeeringConnections",
            {"VpcPeeringConnectionIds": [f"pcx-{UNKNOWN}"]},
            "InvalidVpcPeeringConnectionID.NotFound",
        ),
        ("DescribeKeyPairs", "KeyPairs", {"KeyNames": ["mine"]}, "InvalidKeyPair.NotFound"),
        ("DescribeKeyPairs", "KeyPairs", {"KeyPairIds": [f"key-{UNKNOWN}"]}, "InvalidKeyPair.NotFound"),
        ("DescribePrefixLists", "PrefixLists", {"PrefixListIds": ["pl-63a5400a"]}, "InvalidPrefixListID.NotFound"),
    ],
)
def test_there_is_none(action: str, answer: str, named: dict[str, Any], code: str) -> None:
    ec2 = Ec2(Cloud())
    assert ec2(action)[answer] == []
    assert ec2.code(action, **named) == code


@pytest.mark.parametrize("action", ["DescribeNatGateways", "DescribeVpcEndpoints", "DescribeKeyPairs"])
def test_a_filter_that_ec2_has_not_is_refused(action: str) -> None:
    name = "Filter" if action == "DescribeNatGateways" else "Filters"
    for wrong in ({"Name": "colour", "Values": ["x"]}, {"Name": "tag-key"}):
        assert Ec2(Cloud()).code(action, **{name: [wrong]}) in ("InvalidParameterValue", "MissingParameter")
    tagged = [{"Name": "tag:Name", "Values": ["x"]}]
    assert Ec2(Cloud()).said(action, {name: tagged})[0] == "ok"
