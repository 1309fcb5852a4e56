"""Accounts and regions apart: whatever is asked, in whichever action, another's things are as if there were none.

Goes over every action in ACTIONS and every parameter that can name a thing. A caller to whom the action's example would
succeed names there a thing of another account or region, one that nobody has, and things of their own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, TypeAlias

import pytest
from ec2_client import Ec2
from examples import World, build, cloud_at, examples_of
from places import Path, input_of, one_less, places, takes, value_at, with_value
from support import ACCOUNT, REGION, Cloud

from landbridge.api.aws.ec2 import none_here
from landbridge.api.aws.ec2.actions import ACTIONS
from landbridge.model.snapshot import Snapshot

OTHER_ACCOUNT, OTHER_REGION = "999999999999", "us-west-2"
STRANGERS = [(OTHER_ACCOUNT, REGION), (ACCOUNT, OTHER_REGION)]
CANARY = "canary-of-the-owner"

_ID = re.compile(r"\b([a-z]+(?:-[a-z]+)*)-([0-9a-f]{17})\b")
_PUBLIC = re.compile(r"<publicIp>([0-9.]+)</publicIp>")

# What answers to everybody alike, and names nothing that somebody made.
OF_THE_SERVICE = {"DescribeAvailabilityZones", "DescribeRegions", "DescribeAccountAttributes"}

# An action that is not built refuses whoever asks before it looks at an id; so does a parameter that is not in force.
NOT_BUILT = {"UnsupportedOperation", "UnknownParameter"}


Tenant: TypeAlias = tuple[str, str]
"""An account and a region."""

Handles: TypeAlias = Mapping[str, list[str]]
"""What a caller names its things by: the prefix of an id -> such ids of its own; `ip` -> public addresses."""


@dataclass
class Neighbours:
    """One service with three tenants, furnished alike: an owner and two strangers to it."""

    snapshot: Snapshot
    worlds: Mapping[Tenant, World]

    @cached_property
    def own(self) -> Mapping[Tenant, Handles]:
        """All that there is."""
        return {who: everything_of(self.at(who)) for who in self.worlds}

    def at(self, who: Tenant) -> Ec2:
        """A client of that tenant, in a service of its own that is as at the beginning."""
        return Ec2(cloud_at(self.snapshot), *who)

    def examples(self, who: Tenant, action: str) -> Iterator[tuple[Ec2, dict[str, Any]]]:
        """The tenant's requests that would succeed, each with a client of the service where it would."""
        for example in examples_of(action):
            ec2 = self.at(who)
            yield ec2, example(ec2, self.worlds[who])


OWNER = (ACCOUNT, REGION)


@pytest.fixture(scope="module")
def street() -> Neighbours:
    cloud = Cloud()
    worlds = {who: build(Ec2(cloud, *who)) for who in (OWNER, *STRANGERS)}
    mark(Ec2(cloud, *OWNER))
    return Neighbours(cloud.snapshot, worlds)


def everything_of(ec2: Ec2) -> Handles:
    """What the caller can name its things by, as its answers show them."""
    shown = everything_shown_to(ec2)
    found: dict[str, list[str]] = defaultdict(list)
    for prefix, digits in dict.fromkeys(_ID.findall(shown)):
        found[prefix].append(f"{prefix}-{digits}")
    for address in dict.fromkeys(_PUBLIC.findall(shown)):
        found["ip"].append(address)
    return found


def everything_shown_to(ec2: Ec2) -> str:
    described = {name: ec2.said(name, {}) for name in ACTIONS if is_a_list(name)}
    return "\n".join(document for code, document in described.values() if code == "ok")


def is_a_list(action: str) -> bool:
    """Whether the action shows what there is without being told which."""
    demanded = input_of(action).required_members or takes(action, "Attribute")
    return action.startswith("Describe") and not demanded


def mark(ec2: Ec2) -> None:
    """Tag all that can be tagged."""
    for prefix, digits in sorted(set(_ID.findall(everything_shown_to(ec2)))):
        ec2.said("CreateTags", {"Resources": [f"{prefix}-{digits}"], "Tags": [{"Key": "Name", "Value": CANARY}]})


def test_there_is_something_to_see(street: Neighbours) -> None:
    own = street.own[OWNER]
    assert {"vpc", "subnet", "rtb", "rtbassoc", "igw", "vgw", "cgw", "vpn", "i", "eni", "sg", "acl"} <= own.keys()
    assert {"dopt", "sgr", "eipalloc", "eipassoc", "eni-attach", "aclassoc", "ip"} <= own.keys()
    assert everything_shown_to(street.at(OWNER)).count(CANARY) >= 10
    for stranger in STRANGERS:
        assert not {*chain(*own.values())} & {*chain(*street.own[stranger].values())}


@pytest.mark.parametrize("stranger", STRANGERS, ids=["account", "region"])
@pytest.mark.parametrize("action", sorted(filter(is_a_list, ACTIONS)))
def test_nobody_is_shown_anothers_things(street: Neighbours, action: str, stranger: tuple[str, str]) -> None:
    code, shown = street.at(stranger).said(action, {})
    assert code in {"ok", *NOT_BUILT}
    of_the_owner = {f"{prefix}-{digits}" for prefix, digits in _ID.findall(everything_shown_to(street.at(OWNER)))}
    assert not {f"{prefix}-{digits}" for prefix, digits in _ID.findall(shown)} & of_the_owner
    assert CANARY not in shown
    account, region = stranger
    if account != ACCOUNT:
        assert ACCOUNT not in shown
    if region != REGION and action != "DescribeRegions":
        assert REGION not in shown


@pytest.mark.parametrize("who", [OWNER, *STRANGERS])
def test_owners_and_arns_are_the_callers_own(street: Neighbours, who: tuple[str, str]) -> None:
    account, region = who
    shown = everything_shown_to(street.at(who))
    assert set(re.findall(r"\b[0-9]{12}\b", shown)) == {account}
    arns = re.findall(r"arn:[^<]*", shown)
    assert arns
    assert all(arn.startswith(f"arn:aws:ec2:{region}:{account}:") for arn in arns)


@pytest.mark.parametrize("action", sorted(name for name in ACTIONS if takes(name, "ClientToken")))
def test_a_client_token_is_its_callers_own(street: Neighbours, action: str) -> None:
    made: list[set[str]] = []
    cloud = cloud_at(street.snapshot)
    for who in street.worlds:
        ec2 = Ec2(cloud, *who)
        parameters = examples_of(action)[0](ec2, street.worlds[who]) | {"ClientToken": "the-same"}
        known = set(_ID.findall(everything_shown_to(ec2)))
        first, again = ec2.said(action, parameters), ec2.said(action, parameters)
        if first[0] in NOT_BUILT:
            continue
        assert first[0] == again[0] == "ok", first
        new = set(_ID.findall(first[1])) - known
        assert new == set(_ID.findall(again[1])) - known, "asking again makes nothing"
        made.append({f"{prefix}-{digits}" for prefix, digits in new})
    assert not made or (all(made) and not set.intersection(*made))


@pytest.mark.parametrize("stranger", [("111111111111", REGION), (ACCOUNT, "sa-east-1")], ids=["account", "region"])
@pytest.mark.parametrize("action", sorted(set(filter(is_a_list, ACTIONS)) - OF_THE_SERVICE))
def test_who_has_nothing_is_shown_nothing(street: Neighbours, action: str, stranger: tuple[str, str]) -> None:
    code, shown = street.at(stranger).said(action, {})
    assert code in {"ok", *NOT_BUILT}
    assert "<item>" not in shown


@dataclass(frozen=True)
class Answers:
    """How an action answers to one parameter being another's, nobody's and one's own."""

    anothers: tuple[str, str]
    nobodys: tuple[str, str]
    ones_own: list[tuple[str, str]]


def answers(
    ec2: Ec2, action: str, parameters: Mapping[str, Any], place: Path, anothers: str, own: Iterable[str]
) -> Answers:
    """The id's digits are left out of messages: they are all that may differ."""
    before, prefix = ec2.cloud.snapshot, anothers.rpartition("-")[0]
    nobodys = f"{prefix}-0123456789abcdef0" if prefix else "192.0.2.1"

    def given(handle: str, **more: Any) -> tuple[str, str]:
        code, said = ec2.said(action, with_value(parameters, place, handle) | more)
        return code, said.replace(handle, "ID")

    of_others = given(anothers), given(nobodys)
    assert ec2.cloud.snapshot is before, "nothing has changed"
    ones_own = []
    for handle in own:
        ones_own.append(given(handle, **({"DryRun": True} if takes(action, "DryRun") else {})))
        ec2.cloud.becomes(before)
    return Answers(*of_others, ones_own)


# A customer gateway's address is nobody's here; EC2 itself wants addresses in VPCs released by their allocation; and
# these groups go by name (test_ec2_default_vpc.py).
FREE = {
    ("CreateCustomerGateway", ("PublicIp",)),
    ("ReleaseAddress", ("PublicIp",)),
    ("RunInstances", ("SecurityGroups", 0)),
}
EVERYWHERE = [
    (action, place)
    for action in sorted(ACTIONS.keys() - none_here.ACTIONS.keys())  # of those nobody has any
    for place in places(action)
    if (action, place) not in FREE
]


@pytest.mark.parametrize("stranger", STRANGERS, ids=["account", "region"])
@pytest.mark.parametrize(
    ("action", "place"), EVERYWHERE, ids=[f"{action}-{'.'.join(map(str, place))}" for action, place in EVERYWHERE]
)
def test_anothers_thing_is_no_thing(street: Neighbours, action: str, place: Path, stranger: tuple[str, str]) -> None:
    said: set[tuple[str, str]] = set()
    proved = False
    for ec2, example in street.examples(stranger, action):
        for parameters in (example, *one_less(action, example)):
            seen = []
            for prefix, (anothers, *_) in street.own[OWNER].items():
                own = (*value_at(parameters, place), *street.own[stranger][prefix])
                seen.append(answers(ec2, action, parameters, place, anothers, own))
            for answer in seen:
                assert answer.anothers == answer.nobodys
                assert answer.anothers[0] not in {"ok", "DryRunOperation"}
            proved = proved or any(code != answer.nobodys[0] for answer in seen for code, _ in answer.ones_own)
            proved = proved or all(answer.anothers[0] in NOT_BUILT for answer in seen)
            said |= {own for answer in seen for own in answer.ones_own}
    assert proved, (
        "One's own thing gets the same answer, so nothing is proved here: say in OTHERWISE in tests/unit/examples.py "
        f"how {action} is told of one. It said {said}"
    )


def test_most_actions_were_asked() -> None:
    assert len(EVERYWHERE) >= 60
