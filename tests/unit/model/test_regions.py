"""The list of regions is AWS's."""

from __future__ import annotations

import botocore.session

from landbridge.model.regions import ALWAYS_ON, DEFAULT_REGION, OPTED_IN, REGIONS, is_region


def test_they_are_those_that_aws_clients_know() -> None:
    known = botocore.session.get_session().get_available_regions("ec2", partition_name="aws")
    assert sorted(known) == list(REGIONS)
    assert not ALWAYS_ON & OPTED_IN
    assert DEFAULT_REGION in ALWAYS_ON


def test_nothing_else_is_one() -> None:
    assert all(is_region(name) for name in REGIONS)
    for name in ("", "eu-central-7", "EU-CENTRAL-1", "eu-central-1a", "aws-global", "cn-north-1", "us-gov-west-1"):
        assert not is_region(name)
