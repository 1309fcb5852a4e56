"""What holds for every action, whatever it does: it is tried with a request that succeeds, and with broken ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from examples import EXAMPLES, REFUSED, UNKNOWN, cloud_at, example_of, examples_of
from places import takes
from whole_door import Door, written

from landbridge.api.aws.ec2.actions import ACTIONS

BUILT = [action for action in sorted(ACTIONS) if action in EXAMPLES]
TRIED = [action for action in sorted(ACTIONS) if action in EXAMPLES or action in REFUSED]
WAYS = [(action, way) for action in BUILT for way in range(len(examples_of(action)))]


def door_of(action: str, way: int = 0) -> tuple[Door, dict[str, Any]]:
    """The door of the cloud in which the action's example succeeds, and the example's arguments."""
    snapshot, arguments = example_of(action, way)
    return Door(cloud_at(snapshot, seed=2)), dict(arguments)


def test_every_action_has_an_example() -> None:
    assert set(TRIED) == set(ACTIONS), "give the action a request that succeeds in tests/unit/examples.py"
    assert set(EXAMPLES) | set(REFUSED) == set(ACTIONS)
    assert not set(EXAMPLES) & set(REFUSED)


@pytest.mark.parametrize(("action", "way"), WAYS)
def test_the_example_succeeds(action: str, way: int) -> None:
    door, arguments = door_of(action, way)
    before = door.cloud.snapshot
    answer = door(action, **arguments)
    assert answer.error == ("", "")
    assert (door.cloud.snapshot is before) == action.startswith(("Describe", "Get"))


class TestDryRun:
    @pytest.mark.parametrize(("action", "way"), WAYS)
    def test_it_changes_nothing(self, action: str, way: int) -> None:
        door, arguments = door_of(action, way)
        before = door.cloud.snapshot
        right, has_it = written(action, arguments), takes(action, "DryRun")
        answer = door.form(action, {**right, "DryRun": "true"})
        assert (answer.status, answer.code) == ((412, "DryRunOperation") if has_it else (400, "UnknownParameter"))
        assert door.cloud.snapshot is before
        assert door.form(action, {**right, "DryRun": "false"} if has_it else right).status == 200

    @pytest.mark.parametrize("action", [action for action in TRIED if takes(action, "DryRun")])
    def test_it_is_looked_at_last(self, action: str) -> None:
        """Whatever is wrong with a request, a dry run of it says the same; and only what would succeed is told so."""
        _, arguments = door_of(action)
        right = written(action, arguments)
        for wrong in broken(action, right):
            plain, dry = door_of(action)[0], door_of(action)[0]
            before = dry.cloud.snapshot
            real, tried = plain.form(action, wrong), dry.form(action, {**wrong, "DryRun": "true"})
            assert dry.cloud.snapshot is before
            assert tried.error == (real.error if real.status != 200 else dry_run_answer()), wrong


@pytest.mark.parametrize("action", sorted(REFUSED))
def test_what_is_not_built_says_so_and_changes_nothing(action: str) -> None:
    door, arguments = door_of(action)
    before, right = door.cloud.snapshot, written(action, arguments)
    assert door.form(action, right).code == "UnsupportedOperation"
    assert door.form(action, {**right, "DryRun": "true"}).code == "UnsupportedOperation"
    assert door.cloud.snapshot is before


def dry_run_answer() -> tuple[str, str]:
    return "DryRunOperation", "Request would have succeeded, but DryRun flag is set."


def broken(action: str, right: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The request with one thing wrong with it, in many ways."""
    yield {**right, "Colour": "red"}
    if takes(action, "Filters"):
        yield {**right, "Filter.1.Name": "colour", "Filter.1.Value.1": "red"}
        yield {**right, "Filter.1.Name": "vpc-id"}
        yield {**right, "Filter.1.Value.1": "x"}
    if takes(action, "MaxResults"):
        yield {**right, "MaxResults": "1"}
    if takes(action, "NextToken"):
        yield {**right, "NextToken": "bm9uc2Vuc2U="}
    for name in right:
        without = {given: value for given, value in right.items() if given != name}
        yield without
        for value in ("", "nonsense", "vpc-" + UNKNOWN, "subnet-" + UNKNOWN, "-1", "10.0.0.0/33"):
            yield {**without, name: value}


# --- ids --------------------------------------------------------------------------------------------------------------

IS_ID = re.compile(r"[A-Z]\w*Id(?:\.\d+)?")
NO_SUCH_ID = re.compile(r"Invalid\w+\.(?:NotFound|Malformed)|InvalidID|NatGateway(?:NotFound|Malformed)")
ANYTHING_GOES = {"ImageId", "VpnConcentratorId", "VpnConnectionDeviceTypeId"}  # of such there are none


def ids_in(action: str) -> list[str]:
    """The parameters of the action's example that are ids."""
    _, arguments = example_of(action)
    return [name for name in written(action, arguments) if IS_ID.fullmatch(name) and name not in ANYTHING_GOES]


@pytest.mark.parametrize(("action", "name"), [(action, name) for action in TRIED for name in ids_in(action)])
def test_an_id_that_is_none(action: str, name: str) -> None:
    door, arguments = door_of(action)
    right = written(action, arguments)
    before = door.cloud.snapshot
    own, _, digits = right[name].rpartition("-")
    wrong_kind = "subnet-" if own != "subnet" else "vpc-"
    for wrong in ("nonsense", f"{own}-", f"{own}-{digits[:-1]}", f"{own}-{digits.upper()}A", f"{own}-{UNKNOWN}"):
        code, message = door.form(action, {**right, name: wrong}).error
        assert NO_SUCH_ID.fullmatch(code), (wrong, code)
        assert wrong in message
    if name.partition(".")[0] != "ResourceId":  # of any kind
        for other in (UNKNOWN, digits):
            code, _ = door.form(action, {**right, name: wrong_kind + other}).error
            assert NO_SUCH_ID.fullmatch(code), (wrong_kind, code)
    assert door.form(action, {**right, name: "x" * 60_000}).status == 400
    assert door.cloud.snapshot is before
