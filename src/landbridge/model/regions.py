"""AWS's regions by partition: a fixed list, as botocore's partitions.json has it. landbridge serves all of them alike.

They differ by name only, and what is made in one is not seen in another. A name that is not here is a mistyped one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NO_OPT_IN: Final = (
    *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
    *("ca-central-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3"),
    *("sa-east-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2"),
)
"""Those that every account of AWS has from the beginning."""

PARTITIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "aws": (
        *NO_OPT_IN,
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4"),
        *("ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-1"),
        *("eu-south-2", "il-central-1", "me-central-1", "me-south-1", "me-west-1", "mx-central-1", "sa-west-1"),
    ),
    "aws-cn": ("cn-north-1", "cn-northwest-1"),
    "aws-eusc": ("eusc-de-east-1",),
    "aws-iso": ("us-iso-east-1", "us-iso-west-1"),
    "aws-iso-b": ("us-isob-east-1", "us-isob-west-1"),
    "aws-iso-e": ("eu-isoe-west-1",),
    "aws-iso-f": ("us-isof-east-1", "us-isof-south-1"),
    "aws-us-gov": ("us-gov-east-1", "us-gov-west-1"),
}

REGIONS: Final = frozenset(region for regions in PARTITIONS.values() for region in regions)
"""All of them."""

MAIN: Final = "aws"


def partition(region: str) -> str:
    """The partition of a region: the second word of its ARNs. That of most regions, for one that is not known."""
    return next((name for name, regions in PARTITIONS.items() if region in regions), MAIN)


def opted_in(region: str) -> str:
    """EC2's opt-in status of a region: all of them can be used here."""
    needs_none = region in NO_OPT_IN or partition(region) != MAIN
    return "opt-in-not-required" if needs_none else "opted-in"
