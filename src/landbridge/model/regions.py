"""The regions that requests can be signed for: AWS's own names, none of them a place. Each keeps a state of its own.

Source: botocore's endpoints.json, partition `aws`. China and GovCloud are partitions of their own, with ARNs of their
own (`arn:aws-cn:`), which landbridge does not write.
"""

from __future__ import annotations

from typing import Final

DEFAULT_REGION: Final = "us-east-1"
"""What AWS's own tools take for the region of everything that has none."""

ALWAYS_ON: Final = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-northeast-3",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
"""Regions that an AWS account has without asking (`opt-in-not-required`)."""

OPTED_IN: Final = frozenset(
    {
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-south-1",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
    }
)
"""Regions that AWS enables on request; here every account has them (`opted-in`)."""

REGIONS: Final = tuple(sorted(ALWAYS_ON | OPTED_IN))
"""All of them, by name."""


def is_region(name: str) -> bool:
    """Whether a request can be signed for a region of this name."""
    return name in ALWAYS_ON or name in OPTED_IN
