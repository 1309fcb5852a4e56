"""What holds for every action, whatever it does: it is tried with a request that succeeds, and with broken ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from examples import EXAMPLES, UNKNOWN, cloud_at, example_of
from support import Cloud
from whole_door import Door, written
from wire_values import EC2, full

from landbridge.api.aws.ec2.actions import ACTIONS
from landbridge.api.aws.ec2.door import Desk
from landbridge.model.errors import LandbridgeError, Unsupported
from landbridge.observe.state import Observation


def _built(action: str) -> bool:
    """Whether the action is more than a sentence that says that it is not there yet."""
    cloud = Cloud()
    try:
        ACTIONS[action](Desk(cloud.control, Observation(), "123456789012", "eu-central-1", False), {})
    except Unsupported:
        return False
    except (LandbridgeError, KeyError):
        return True
    return True


BUILT = [action for action in sorted(ACTIONS) if _built(action)]


def door_of(action: str) -> tuple[Door, dict[str, Any]]:
    """The door of the cloud in which the action's example succeeds, and the example's arguments."""
    snapshot, arguments = example_of(action)
    return Door(cloud_at(snapshot, seed=2)), dict(arguments)


def takes(action: str, member: str) -> bool:
    return member in EC2.operation_model(action).input_shape.members


def test_every_action_has_an_example() -> None:
    assert set(BUILT) == set(EXAMPLES), "give the action a request that succeeds in tests/unit/api/examples.py"


@pytest.mark.parametrize("action", BUILT)
def test_the_example_succeeds(action: str) -> None:
    door, arguments = door_of(action)
    before = door.cloud.snapshot
    answer = door(action, **arguments)
    assert answer.error == ("", "")
    assert (door.cloud.snapshot is before) == action.startswith(("Describe", "Get"))


class TestDryRun:
    @pytest.mark.parametrize("action", BUILT)
    def test_it_changes_nothing(self, action: str) -> None:
        door, arguments = door_of(action)
        before = door.cloud.snapshot
        right, has_it = written(action, arguments), takes(action, "DryRun")
        answer = door.form(action, {**right, "DryRun": "true"})
        assert (answer.status, answer.code) == ((412, "DryRunOperation") if has_it else (400, "UnknownParameter"))
        assert door.cloud.snapshot is before
        assert door.form(action, {**right, "DryRun": "false"} if has_it else right).status == 200

    @pytest.mark.parametrize("action", [action for action in BUILT if takes(action, "DryRun")])
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

    @pytest.mark.parametrize("action", [action for action in sorted(ACTIONS) if action not in BUILT])
    def test_of_what_is_not_built_it_says_so(self, action: str) -> None:
        arguments = full(EC2.operation_model(action).input_shape)
        for paging in ("MaxResults", "NextToken"):
            arguments.pop(paging, None)
        whole = written(action, arguments)
        assert Door(Cloud()).form(action, {**whole, "DryRun": "true"}).code == "UnsupportedOperation"


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
NO_SUCH_ID = re.compile(r"Invalid\w+\.(?:NotFound|Malformed)|InvalidID")
ANYTHING_GOES = {"ImageId"}  # there are no images: an instance says what it was asked to run


def ids_in(action: str) -> list[str]:
    """The parameters of the action's example that are ids."""
    _, arguments = example_of(action)
    return [name for name in written(action, arguments) if IS_ID.fullmatch(name) and name not in ANYTHING_GOES]


@pytest.mark.parametrize(("action", "name"), [(action, name) for action in BUILT for name in ids_in(action)])
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
