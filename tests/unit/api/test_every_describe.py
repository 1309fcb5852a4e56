"""What holds for every Describe: filters, ids and pages, tried with what each of them shows of a small cloud."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from functools import cache
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config
from examples import UNKNOWN, built, cloud_at, example_of
from filters_not_yet import NOT_YET
from places import takes
from support import REGION
from test_every_action import BUILT, NO_SUCH_ID
from whole_door import HOST, KEY, SECRET, Door, read, written
from wire_values import EC2

from landbridge.api.aws.ec2 import none_here
from landbridge.model.resources import Resource
from landbridge.model.snapshot import Put, Remove, Snapshot

FILTERED = [action for action in BUILT if takes(action, "Filters")]
PAGED = [action for action in BUILT if takes(action, "MaxResults")]

OF_NOTHING = {"DescribeAddressesAttribute", "DescribeInstanceCreditSpecifications", *none_here.ACTIONS}
"""What they would show does not exist here."""

OF_WHAT_INSTANCES_NAME = {"DescribeImages", "DescribeInstanceTypes"}
"""They show what instances were asked to be, each once."""


def not_yet(action: str) -> frozenset[str]:
    """The filters that the action refuses, and says why."""
    return NOT_YET.get(action, ("", frozenset()))[1]


def ids_member(action: str) -> str | None:
    """The parameter that names what to show; `InstanceIds` for example."""
    names = [name for name in EC2.operation_model(action).input_shape.members if name.endswith("Ids")]
    return names[0] if names else None


BY_ID = [action for action in FILTERED if ids_member(action)]
_NOT_OF_RESOURCES = {"DescribeAvailabilityZones", *OF_NOTHING, *OF_WHAT_INSTANCES_NAME}
OF_RESOURCES = [action for action in BY_ID if action not in _NOT_OF_RESOURCES]


def id_filter(action: str) -> str:
    """`instance-id` for DescribeInstances."""
    return re.sub(r"(?<!^)([A-Z])", r"-\1", str(ids_member(action))[:-1]).lower()


def items(action: str, answer: dict[str, Any]) -> list[dict[str, Any]]:
    """What an answer shows."""
    [name] = [name for name in EC2.operation_model(action).output_shape.members if name != "NextToken"]
    listed: list[dict[str, Any]] = answer[name]
    return [one for each in listed for one in each["Instances"]] if action == "DescribeInstances" else listed


def ids(action: str, answer: dict[str, Any]) -> list[str]:
    """The ids of what it shows."""
    return [item[str(ids_member(action))[:-1]] for item in items(action, answer)]


@pytest.fixture
def door() -> Door:
    return Door(cloud_at(built()[0]))


def shown(door: Door, action: str, *filters: tuple[str, list[str]], **more: Any) -> list[str]:
    given = [{"Name": name, "Values": values} for name, values in filters]
    answer = door(action, Filters=given, **more)
    assert answer.error == ("", ""), (action, filters)
    return ids(action, read(action, answer))


# --- filters ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", FILTERED)
class TestFilters:
    def test_one_that_ec2_does_not_have(self, door: Door, action: str) -> None:
        for name in ("colour", "Vpc-Id", "tag", "tagged", "*", "x" * 60_000):
            code, message = door(action, Filters=[{"Name": name, "Values": ["x"]}]).error
            assert (code, message) == ("InvalidParameterValue", f"The filter '{name[:100]}' is invalid")

    def test_without_name_or_values(self, door: Door, action: str) -> None:
        name = supported(action)[0]
        for wrong in ({"Name": name}, {"Values": ["x"]}):
            assert door(action, Filters=[wrong]).code == "MissingParameter"

    def test_too_many(self, door: Door, action: str) -> None:
        name = supported(action)[0]
        assert door(action, Filters=[{"Name": name, "Values": ["x"]}] * 51).code == "FilterLimitExceeded"
        assert door(action, Filters=[{"Name": name, "Values": ["x"] * 201}]).code == "FilterLimitExceeded"

    def test_all_that_ec2_documents(self, door: Door, action: str) -> None:
        refused = {
            name for name in documented(action) if door(action, Filters=[{"Name": name, "Values": ["x"]}]).status != 200
        }
        assert refused == not_yet(action), "add the filter, or say in filters_not_yet.py why not"

    def test_each_chooses(self, door: Door, action: str) -> None:
        """What nothing has gives nothing, and what anything has gives some of all."""
        everything = items(action, read(action, door(action)))
        for name in supported(action):
            if (action, name) == ("DescribeImages", "name"):
                continue  # there is an image of any name
            nothing = read(action, door(action, Filters=[{"Name": name, "Values": ["no-such-value"]}]))
            assert items(action, nothing) == [], name
            some = items(action, read(action, door(action, Filters=[{"Name": name, "Values": ["*"]}])))
            assert all(item in everything for item in some), name


@cache
def documented(action: str) -> list[str]:
    """The filters in the text of EC2's model about that action, a tag's as `tag:Name`."""
    text = EC2.operation_model(action).input_shape.members["Filters"].documentation
    names, depth = [], 0
    for found in re.finditer(r"<ul>|</ul>|<li>\s*(?:<p>\s*)?<code>(.*?)</code>", text, re.DOTALL):
        depth += {"<ul>": 1, "</ul>": -1}.get(found[0], 0)
        if found[1] and depth == 1:  # deeper down are a filter's values
            names.append(html.unescape(found[1]))
    return ["tag:Name" if name.startswith("tag:") or name == "tag" else name for name in names]


def supported(action: str) -> list[str]:
    """Those of them that landbridge has."""
    return [name for name in documented(action) if name not in not_yet(action)]


def test_the_documented_filters_are_found() -> None:
    assert documented("DescribeVpnGateways") == [
        "amazon-side-asn",
        "attachment.state",
        "attachment.vpc-id",
        "availability-zone",
        "state",
        "tag:Name",
        "tag-key",
        "type",
        "vpn-gateway-id",
    ]
    assert all(documented(action) for action in FILTERED)


@pytest.mark.parametrize("action", [action for action in OF_RESOURCES if id_filter(action) in documented(action)])
class TestByIdFilter:
    """With the one filter that every kind has, and whose values are known."""

    def test_or_within_and_across(self, door: Door, action: str) -> None:
        everything, name = shown(door, action), id_filter(action)
        first, last = everything[0], everything[-1]
        assert shown(door, action, (name, [first])) == [first]
        assert shown(door, action, (name, everything)) == everything
        assert shown(door, action, (name, [last, "x", first])) == list(dict.fromkeys([first, last]))
        assert shown(door, action, (name, [first, last]), (name, [last])) == [last]
        assert shown(door, action, (name, [first]), (name, ["x"])) == []
        assert shown(door, action, (name, [""])) == []

    def test_wildcards(self, door: Door, action: str) -> None:
        everything, name = shown(door, action), id_filter(action)
        first = everything[0]
        prefix, _, digits = first.rpartition("-")
        for pattern in ("*", f"{prefix}-*", "*-*", "?" * len(first), f"{prefix}?{'?' * len(digits)}"):
            assert shown(door, action, (name, [pattern])) == everything, pattern
        for pattern in (f"{first}*", f"*{digits}", f"{prefix}?{digits}", f"{first[:-1]}?", f"{first[:4]}*{first[-5:]}"):
            assert shown(door, action, (name, [pattern])) == [first], pattern
        for pattern in (f"{first}?", "?", f"x{first}", f"{prefix}\\?{digits}", "\\*", first.upper()):
            assert shown(door, action, (name, [pattern])) == [], pattern

    def test_ids_and_filters_combine(self, door: Door, action: str) -> None:
        everything, name, member = shown(door, action), id_filter(action), str(ids_member(action))
        first, last = everything[0], everything[-1]
        assert shown(door, action, (name, [last]), **{member: [first, last, first]}) == [last]
        assert shown(door, action, (name, ["x"]), **{member: [first]}) == []
        filters = [{"Name": name, "Values": ["x"]}]
        for wrong in (f"{first.rpartition('-')[0]}-{UNKNOWN}", "nonsense", "", f"{first}0", first.upper()):
            code, _ = door(action, Filters=filters, **{member: [first, wrong]}).error
            assert NO_SUCH_ID.fullmatch(code), (wrong, code)
        assert door(action, **{member: ["x"] * 1001}).status == 400


@pytest.mark.parametrize("action", [action for action in OF_RESOURCES if "tag:Name" in documented(action)])
def test_tags_choose(door: Door, action: str) -> None:
    everything = shown(door, action)
    chosen = everything[-1]
    made = door("CreateTags", Resources=[chosen], Tags=[{"Key": "a*b", "Value": "c?d"}, {"Key": "void", "Value": ""}])
    if made.code == "UnsupportedOperation":
        assert shown(door, action, ("tag-key", ["*"])) == [], "what cannot be tagged has no tags"
        return
    assert made.status == 200
    for name, values in (
        ("tag:a*b", ["c?d"]),
        ("tag:a*b", ["x", "c*"]),
        ("tag:a*b", ["c\\?d"]),
        ("tag:void", [""]),
        ("tag:void", ["*"]),
        ("tag-key", ["void"]),
        ("tag-key", ["a*b"]),
        ("tag-key", ["a\\*b"]),
        ("tag-key", ["?o?d"]),
    ):
        assert shown(door, action, (name, values)) == [chosen], (name, values)
    assert shown(door, action, ("tag:void", [""]), ("tag-key", ["a*b"])) == [chosen], "any of its tags"
    for name, values in (
        ("tag:a*b", ["c"]),
        ("tag:A*B", ["c?d"]),
        ("tag:axb", ["*"]),
        ("tag:void", ["x"]),
        ("tag:", ["*"]),
    ):
        assert shown(door, action, (name, values)) == [], (name, values)


# --- pages ------------------------------------------------------------------------------------------------------------


def many(snapshot: Snapshot, times: int = 13) -> Snapshot:
    """The snapshot with every resource there as many times over, some of them made at the same moment."""
    numbers = count(1)
    for kind in list(snapshot.kinds):
        for resource in list(snapshot.all(kind)):
            copies = [again(resource, next(numbers), timedelta(seconds=n // 3)) for n in range(1, times)]
            snapshot = snapshot.apply(Put(copy) for copy in copies)
    return snapshot


def again(resource: Resource, number: int, later: timedelta) -> Resource:
    """The resource once more, under ids of its own."""
    changes: dict[str, Any] = {"id": _other(resource.id, number), "created": resource.created + later}
    if "interface_id" in {field.name for field in fields(resource)}:
        changes["interface_id"] = _other(resource.interface_id, number)  # type: ignore[attr-defined]
    return replace(resource, **changes)


def _other(identity: str, number: int) -> str:
    return f"{identity.rpartition('-')[0]}-{number:017x}"


@pytest.fixture
def crowded() -> Door:
    """The door of a cloud with many of each kind."""
    return Door(cloud_at(many(built()[0])))


def identities(action: str, page: dict[str, Any]) -> list[str]:
    """What tells the things on a page apart."""
    if ids_member(action) is None:
        return [str(sorted(item.items())) for item in items(action, page)]
    return ids(action, page)


def key_filter(action: str) -> str:
    """The filter by what `keys` gives."""
    return "resource-id" if action == "DescribeTags" else id_filter(action)


def keys(action: str, page: dict[str, Any]) -> list[str]:
    """The ids on a page; of tags, those of what they are on."""
    if action == "DescribeTags":
        return sorted({item["ResourceId"] for item in items(action, page)})
    return ids(action, page)


def pages(door: Door, action: str, size: int, **more: Any) -> Iterator[dict[str, Any]]:
    """All pages, by hand."""
    token: dict[str, str] = {}
    while True:
        answer = door(action, MaxResults=size, **token, **more)
        assert answer.error == ("", "")
        page = read(action, answer)
        yield page
        if "NextToken" not in page:
            return
        assert page["NextToken"]
        token = {"NextToken": page["NextToken"]}


GROWING = [action for action in PAGED if action not in _NOT_OF_RESOURCES]


@pytest.mark.parametrize("action", PAGED)
def test_sizes_of_pages(crowded: Door, action: str) -> None:
    bounds = EC2.operation_model(action).input_shape.members["MaxResults"].metadata
    low, high = bounds.get("min", 5), bounds.get("max", 1000)
    for size, bound in ((low - 1, "greater"), (-1, "greater"), (high + 1, "smaller")):
        code, message = crowded.form(action, {**asked(action), "MaxResults": str(size)}).error
        assert code == "InvalidParameterValue"
        assert message.startswith(f"Value ( {size} ) for parameter MaxResults is invalid. Expecting a value {bound}")
    assert crowded.form(action, {**asked(action), "MaxResults": str(high)}).status == 200


def asked(action: str) -> dict[str, str]:
    """The action's example without the ids that it names."""
    return written(action, {name: value for name, value in example_of(action)[1].items() if not name.endswith("Ids")})


@pytest.mark.parametrize("action", GROWING)
class TestPages:
    def test_they_are_everything_in_one_order(self, crowded: Door, action: str) -> None:
        everything = identities(action, read(action, crowded(action)))
        assert len(everything) > 12
        for size in (5, 7, 100):
            got = [identities(action, page) for page in pages(crowded, action, size)]
            assert [one for page in got for one in page] == everything
            assert {len(page) for page in got[:-1]} <= {size}
            assert 0 < len(got[-1]) <= size

    def test_a_token_is_good_for_its_query_only(self, crowded: Door, action: str) -> None:
        token = next(pages(crowded, action, 5))["NextToken"]
        assert crowded(action, MaxResults=100, NextToken=token).status == 200, "the size may change"
        filters = [{"Name": supported(action)[0], "Values": ["*"]}]
        other = "DescribeVpcs" if action != "DescribeVpcs" else "DescribeSubnets"
        wrong = [
            crowded(action, MaxResults=5, NextToken=token, Filters=filters),
            crowded(other, MaxResults=5, NextToken=token),
            crowded.form(action, {"MaxResults": "5", "NextToken": token}, region="us-east-1"),
        ]
        for bad in ("x", "=", "A" * 60_000, token[:-1], token[1:], token[:8], token + "A", "é", "\udc80", f" {token}"):
            wrong.append(crowded.form(action, {"MaxResults": "5", "NextToken": bad.encode(errors="replace").decode()}))
        for answer in wrong:
            code, message = answer.error
            assert (code, message[:8], message[-21:]) == ("InvalidParameterValue", "Value ( ", "The token is invalid.")
            assert len(message) < 200
        crowded.cloud.becomes(Snapshot())
        answer = crowded(action, MaxResults=5, NextToken=token)
        assert identities(action, read(action, answer)) == []

    def test_boto3s_paginator_reads_everything_once(self, crowded: Door, action: str) -> None:
        """While things are made and deleted in between."""
        boto = client(crowded)
        name = re.sub(r"(?<!^)([A-Z])", r"_\1", action).lower()
        assert boto.can_paginate(name)
        before = identities(action, read(action, crowded(action)))
        gone: set[str] = set()
        got: list[str] = []
        for number, page in enumerate(boto.get_paginator(name).paginate(PaginationConfig={"PageSize": 5})):
            got += identities(action, page)
            rest = [one for one in before if one not in got]
            if action != "DescribeTags":
                gone |= set(disturbed(crowded, number, got[-1], rest[-1] if rest else got[0]))
        assert len(got) == len(set(got))
        assert set(before) - gone <= set(got)
        assert number > 1


@pytest.mark.parametrize("action", [action for action in GROWING if key_filter(action) in documented(action)])
def test_a_page_that_is_just_full_is_the_last(crowded: Door, action: str) -> None:
    name = key_filter(action)
    filters = [{"Name": name, "Values": keys(action, next(pages(crowded, action, 5)))}]
    wanted = identities(action, read(action, crowded(action, Filters=filters)))
    [page] = pages(crowded, action, len(wanted), Filters=filters)
    assert identities(action, page) == wanted
    assert b"nextToken" not in crowded(action).body


@pytest.mark.parametrize("action", [action for action in GROWING if key_filter(action) in documented(action)])
def test_what_is_filtered_comes_in_pages_too(crowded: Door, action: str) -> None:
    name = key_filter(action)
    chosen = keys(action, read(action, crowded(action)))[::2][:40]
    filters = [{"Name": name, "Values": chosen}]
    wanted = identities(action, read(action, crowded(action, Filters=filters)))
    assert [one for page in pages(crowded, action, 5, Filters=filters) for one in identities(action, page)] == wanted


@pytest.mark.parametrize("action", [action for action in GROWING if ids_member(action)])
def test_pages_not_together_with_ids(crowded: Door, action: str) -> None:
    member = ids_member(action)
    identity = ids(action, read(action, crowded(action)))[0]
    code, message = crowded(action, MaxResults=5, **{str(member): [identity]}).error
    assert code == "InvalidParameterCombination"
    assert message == f"The parameter {member} cannot be used with the parameter MaxResults"


def disturbed(door: Door, number: int, *deleted: str) -> Iterator[str]:
    """Delete what has these ids, and make something new of each kind, early and late; what was deleted."""
    snapshot = door.cloud.snapshot
    for kind in list(snapshot.kinds):
        for resource in list(snapshot.all(kind)):
            for identity in {resource.id, getattr(resource, "interface_id", "")} & set(deleted):
                snapshot = snapshot.apply([Remove(resource)])
                yield identity
        for offset in (-1, 1):
            later = timedelta(days=offset, seconds=number)
            first = next(iter(snapshot.all(kind)), None)
            if first is not None:
                copy = again(first, 10**6 + 10 * number + offset, later)
                snapshot = snapshot.apply([Put(copy)])
    door.cloud.becomes(snapshot)


def client(door: Door) -> Any:
    """boto3, with the door in place of the network."""
    made = boto3.client(
        "ec2",
        endpoint_url=f"http://{HOST}",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
        region_name=REGION,
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}),
    )

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        body = request.body if isinstance(request.body, bytes) else str(request.body).encode()
        headers = {"host": HOST, **{name.lower(): _latin(value) for name, value in request.headers.items()}}
        got = door.send(headers=[(k.encode(), v.encode("latin-1")) for k, v in headers.items()], chunks=[body])
        response = AWSResponse(request.url, got.status, got.headers, None)
        response._content = got.body
        return response

    made.meta.events.register("before-send.ec2", answer)
    return made


def _latin(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
