"""When an answer is the recorded one, and when it is not."""

from __future__ import annotations

from answers import Tree, from_lines, lines, read
from matching import NOTHING, Bound, difference, matches
from recording import Told
from replaying import compared

VPC, OTHER = "vpc-0123456789abcdef0", "vpc-0123456789abcdef1"


def first(recorded: Tree, answer: Tree, bound: Bound = NOTHING) -> Bound | None:
    return next(matches(recorded, answer, bound), None)


def test_a_placeholder_is_bound_to_what_it_stands_for() -> None:
    assert first({"vpcId": "{vpc-1}", "cidr": "10.0.0.0/16"}, {"vpcId": VPC, "cidr": "10.0.0.0/16"}) == {"{vpc-1}": VPC}
    assert first("arn:{vpc-1}/{address-1}", f"arn:{VPC}/192.0.2.1") == {"{vpc-1}": VPC, "{address-1}": "192.0.2.1"}


def test_other_texts_are_another_answer() -> None:
    assert first("10.0.0.0/16", "10.1.0.0/16") is None
    assert first("x.y", "xzy") is None
    assert first("", "x") is None


def test_other_elements_are_another_answer() -> None:
    assert first({"a": "1"}, {"a": "1", "b": ""}) is None
    assert first({"a": "1", "b": ""}, {"a": "1"}) is None
    assert first({"a": ["1"]}, {"a": ["1", "1"]}) is None
    assert first({"a": ""}, {"a": ["1"]}) is None


def test_a_placeholder_stands_for_one_value_of_its_kind() -> None:
    assert first("{vpc-1}", OTHER, {"{vpc-1}": VPC}) is None
    assert first(["x {vpc-1}", "y {vpc-1}"], [f"x {VPC}", f"y {OTHER}"]) is None
    assert first("{vpc-1}", "subnet-0123456789abcdef0") is None
    assert first("{vpc-1}", "vpc-12") is None
    assert first("{time}", "yesterday") is None
    assert first("{time} {time}", "2026-11-24T22:00:00.000Z 2026-11-24T23:00:00.000Z") == {}


def test_two_placeholders_are_two_values() -> None:
    assert first({"a": "{vpc-1}", "b": "{vpc-2}"}, {"a": VPC, "b": VPC}) is None
    assert first("{vpc-2}", VPC, {"{vpc-1}": VPC}) is None
    assert first("{vpc-1} {vpc-1}", f"{VPC} {VPC}") == {"{vpc-1}": VPC}
    assert first("{vpc-1} {vpc-1}", f"{VPC} {OTHER}") is None


def test_a_state_that_does_not_last_may_be_over_and_never_the_other_way_round() -> None:
    assert first({"state": "pending"}, {"state": "available"}) == {}
    assert first({"state": "available"}, {"state": "pending"}) is None
    assert first({"state": "deleting"}, {"state": "available"}) is None
    assert first({"description": "pending"}, {"description": "available"}) is None


def test_only_lists_of_things_with_ids_come_in_any_order() -> None:
    assert first(
        [{"id": "{vpc-1}", "n": "1"}, {"id": "{vpc-2}", "n": "2"}], [{"id": VPC, "n": "2"}, {"id": OTHER, "n": "1"}]
    ) == {
        "{vpc-1}": OTHER,
        "{vpc-2}": VPC,
    }
    assert first(["a", "b"], ["b", "a"]) is None
    assert (
        first(
            [{"address": "{address-1}", "n": "1"}, {"address": "{address-2}", "n": "2"}],
            [{"address": "192.0.2.1", "n": "2"}, {"address": "192.0.2.2", "n": "1"}],
        )
        is None
    )


def test_which_is_which_stays_open_until_something_tells_them_apart() -> None:
    alike = Told(200, "Vpcs", [{"id": "{vpc-1}"}, {"id": "{vpc-2}"}])
    readings = compared(alike, Told(200, "Vpcs", [{"id": VPC}, {"id": OTHER}]), [NOTHING])
    assert len(readings) == 2
    apart = Told(200, "Vpc", {"id": "{vpc-2}", "n": "2"})
    [after] = compared(apart, Told(200, "Vpc", {"id": VPC, "n": "2"}), readings)
    assert after == {"{vpc-1}": OTHER, "{vpc-2}": VPC}


def test_another_status_root_or_code_is_another_answer() -> None:
    told = Told(400, "InvalidVpcID.NotFound", "")
    assert compared(told, told, [NOTHING])
    assert not compared(told, Told(400, "InvalidVpcID.Malformed", ""), [NOTHING])
    assert not compared(told, Told(500, "InvalidVpcID.NotFound", ""), [NOTHING])


def test_the_difference_shows_what_differs_and_nothing_else_as_different() -> None:
    recorded: Tree = {"vpcId": "{vpc-1}", "state": "available", "cidr": "10.0.0.0/16"}
    said = difference(recorded, {"vpcId": VPC, "state": "pending"}, NOTHING).splitlines()
    assert [line for line in said if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-state=available",
        "-cidr=10.0.0.0/16",
        "+state=pending",
    ]


def test_documents_become_lines_and_lines_trees() -> None:
    document = (
        b'<AResponse xmlns="http://x/"><requestId>r</requestId>'
        b"<set><item><a>1</a><empty/></item><item><a>2</a></item></set>"
        b"<file>&lt;?xml version='1.0'?&gt;&lt;f id='i'&gt;&lt;t&gt;1&lt;/t&gt;&lt;t&gt;2&lt;/t&gt;&lt;/f&gt;</file>"
        b"</AResponse>"
    )
    what, tree = read(document)
    assert what == "AResponse"
    assert list(lines(tree)) == [
        ("set.1.a", "1"),
        ("set.1.empty", ""),
        ("set.2.a", "2"),
        ("file.@id", "i"),
        ("file.t.1", "1"),
        ("file.t.2", "2"),
    ]
    assert from_lines(lines(tree)) == tree


def test_of_an_error_the_code_is_kept() -> None:
    error = b"<Error><Code>X.Y</Code><Message>m</Message></Error>"
    document = b"<Response><Errors>" + error + b"</Errors><RequestID>r</RequestID></Response>"
    assert read(document) == ("X.Y", "")
