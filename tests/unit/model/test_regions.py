"""The list of regions is AWS's."""

from __future__ import annotations

from botocore.loaders import Loader

from landbridge.model.regions import NO_OPT_IN, PARTITIONS, REGIONS, opted_in, partition


def test_the_regions_are_those_that_botocore_knows() -> None:
    known = {
        each["id"]: {region for region in each["regions"] if not region.endswith("-global")}
        for each in Loader().load_data("partitions")["partitions"]
    }
    assert {name: set(regions) for name, regions in PARTITIONS.items()} == known
    assert len(REGIONS) == sum(map(len, PARTITIONS.values()))


def test_partitions_and_opt_in() -> None:
    assert [partition(region) for region in ("eu-central-1", "cn-north-1", "us-gov-west-1", "lab")] == [
        "aws",
        "aws-cn",
        "aws-us-gov",
        "aws",
    ]
    assert {opted_in(region) for region in NO_OPT_IN} == {"opt-in-not-required"}
    assert (opted_in("il-central-1"), opted_in("cn-north-1")) == ("opted-in", "opt-in-not-required")
