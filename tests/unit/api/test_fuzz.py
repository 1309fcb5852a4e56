"""Bad input of every sort at the whole door: the answer is EC2's error document, soon, and nothing has changed.

`scripts/test --nightly` tries 100,000. What makes a request bad is drawn by hypothesis and told when it fails.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from types import FrameType
from typing import Any
from urllib.parse import quote_from_bytes
from xml.etree import ElementTree

import pytest
from examples import UNKNOWN, built, cloud_at, example_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from places import takes
from test_every_action import BUILT, dry_run_answer
from whole_door import FORM, HOST, Answer, Door, signed, written
from wire_values import ALL, EC2, full

NIGHTLY = os.environ.get("LANDBRIDGE_NIGHTLY") == "1"
CPU_SECONDS = 20  # of one case: a hang, however busy the machine is

pytestmark = pytest.mark.timeout(4 * 3600 if NIGHTLY else 300)


def cases(number: int) -> Any:
    """So many cases in the ordinary run, fifty times as many in the long one."""
    return settings(
        max_examples=number * (50 if NIGHTLY else 1),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )


class Hangs(BaseException):
    """Not an Exception: nothing that is tested may catch it."""


@contextmanager
def soon() -> Iterator[None]:
    """Fail if this takes too much of the processor's time."""

    def too_long(number: int, frame: FrameType | None) -> None:
        raise Hangs(f"no answer after {CPU_SECONDS} s of work")

    before = signal.signal(signal.SIGVTALRM, too_long)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def check(answer: Answer) -> None:
    """It is an answer that EC2's clients can read, and no failure of the service."""
    assert answer.status < 500, answer.body
    if answer.body.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse'):  # signed for STS
        assert ElementTree.fromstring(answer.body).findtext("{*}Error/{*}Code")
        return
    code, message = answer.error
    assert (answer.status == 200) == (code == "")
    assert bool(code) == bool(message)
    assert answer.status == 200 or len(answer.body) < 2_000
    for leak in (b"Traceback", b"site-packages", b".py"):
        assert leak not in answer.body


# --- what is wrong with a value, a name, a request --------------------------------------------------------------------


@cache
def known() -> list[str]:
    """The ids of everything that there is."""
    return sorted(asdict(built()[1]).values())


AWKWARD = [
    "\ud800",
    *(
        "",
        " ",
        "\x00",
        "a\x00b",
        "\x1b",
        "\x7f",
        "\ufffe",
        "\U0010ffff",
        "é",
        "☃",
        "\u202e",
        "\r\n",
        "\t",
        "'",
        '"',
        "`id`",
    ),
    *("0", "-0", "+5", "-1", "1.0", "1e400", "NaN", "Infinity", "0x10", "1_000", "٣", "９", "9" * 20, "9" * 400, "1 "),
    *(str(2**31 - 1), str(2**31), str(-(2**31) - 1), str(2**63 - 1), str(2**63), str(2**64)),
    *(
        "true",
        "false",
        "True ",
        "yes",
        "null",
        "None",
        "[]",
        "{}",
        "()",
        "<x/>",
        "]]>",
        "&amp;",
        "<!DOCTYPE x>",
        "%s%n",
        "%00",
    ),
    *(
        "10.0.0.0/8",
        "10.0.0.0/16",
        "0.0.0.0/0",
        "255.255.255.255/32",
        "10.0.0.0/33",
        "10.0.0.256/16",
        "::/0",
        "fd00::/8",
    ),
    *("10.0.1.4", "256.1.1.1", "0.0.0.0", "127.0.0.1", "169.254.169.252/30", "1.2.3.4/", "/", "/24"),
    *(
        "*",
        "?",
        "\\",
        "*" * 2_000,
        "?" * 2_000,
        "*a" * 1_000,
        "a?" * 1_000 + "*",
        "[a-z]*",
        "../../etc/passwd",
        "$(id)",
    ),
    *(
        "vpc-",
        f"vpc-{UNKNOWN}",
        f"subnet-{UNKNOWN}",
        f"vgw-{UNKNOWN}",
        "local",
        "default",
        "aws:x",
        "tag:",
        "tag:aws:x",
    ),
    *("x" * 255, "x" * 256, "x" * 5_000, "é" * 30_000, "x" * 70_000),
    *(
        "2026-11-23T05:00:00Z",
        "9999-12-31T23:59:59+23:59",
        "0000-00-00",
        "2026-W01-1",
        "AP8K",
        "AP8",
        "====",
        "A" * 65_536,
    ),
]
PARTS = [
    "1",
    "2",
    "0",
    "-1",
    "01",
    "10000",
    "9" * 30,
    "member",
    "Name",
    "Value",
    "Key",
    "Tag",
    "",
    " ",
    "é",
    "x" * 600,
    "1.1.1",
]
VALUES = st.deferred(lambda: st.one_of(st.sampled_from(AWKWARD), st.sampled_from(known()), st.text(max_size=20)))

Pairs = list[tuple[str, str]]

PLAUSIBLE = {
    "boolean": ["true", "false"],
    "integer": ["1", "2", "30", "100", "65000"],
    "long": ["64512", "4200000000"],
    "string": [
        *("10.0.0.0/16", "10.0.5.0/24", "192.168.0.0/16", "0.0.0.0/0", "169.254.99.0/30", "10.0.1.7", "203.0.113.9"),
        *(
            "vpc",
            "vpn-connection",
            "ipsec.1",
            "available",
            "Name",
            "tag:Name",
            "vpc-id",
            "state",
            "default",
            "-1",
            "all",
        ),
    ],
}


@cache
def members(action: str) -> dict[str, list[str]]:
    """Every parameter that the action can have, with values that fit."""
    shape = EC2.operation_model(action).input_shape
    found = {name: [value] for name, value in written(action, full(shape)).items()}
    for name, scalar in _scalars(shape, ""):
        if name in found:
            found[name] += scalar.enum if getattr(scalar, "enum", None) else PLAUSIBLE.get(scalar.type_name, [])
            found[name] += known() if scalar.type_name == "string" and name.rstrip(".0123456789").endswith("Id") else []
    return found


def _scalars(shape: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The wire's names of everything in a shape, the first of each list."""
    match shape.type_name:
        case "structure":
            for name, member in shape.members.items():
                location = member.serialization.get("queryName") or member.serialization.get("name", name)
                yield from _scalars(member, f"{path}.{location[0].upper()}{location[1:]}".lstrip("."))
        case "list":
            yield from _scalars(shape.member, f"{path}.1")
        case _:
            yield path, shape


@st.composite
def forms(draw: st.DrawFn) -> tuple[str, Pairs]:
    """An action and its parameters, of which some are wrong."""
    action = draw(st.sampled_from(BUILT))
    pairs = list(written(action, example_of(action)[1]).items())
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 1, 2, 2, 3, 5]))):
        pairs = draw(_changed(action, pairs))
    return draw(st.sampled_from([action] * 20 + ["GetCallerIdentity", "ModifyVpnConnection", "describevpcs"])), pairs


CHANGES = [
    *["value"] * 4,
    *["plausible"] * 6,
    *["member"] * 6,
    "other",
    "name",
    "drop",
    "twice",
    "swap",
    "list",
    "deep",
]


@st.composite
def _changed(draw: st.DrawFn, action: str, pairs: Pairs) -> Pairs:
    pairs, own = list(pairs), members(action) or {"DryRun": ["true"]}
    at = draw(st.integers(0, len(pairs) - 1)) if pairs else -1
    match draw(st.sampled_from(CHANGES)):
        case "member":
            name = draw(st.sampled_from(sorted(own)))
            value = draw(st.one_of(st.sampled_from(own[name]), st.sampled_from(own[name]), VALUES))
            pairs = [*((given, text) for given, text in pairs if given != name), (name, value)]
        case "other":
            other = members(draw(st.sampled_from(ALL))) or own
            name = draw(st.sampled_from(sorted(other)))
            pairs.append((name, other[name][0]))
        case "list":
            name = draw(st.sampled_from(sorted(own))).partition(".")[0]
            size, value = draw(st.sampled_from([2, 60, 1_001, 5_001])), draw(VALUES)
            tail = draw(st.sampled_from(["", "", ".Name", ".Value.1"]))
            pairs += [(f"{name}.{n}{tail}", value if size < 100 else value[:100]) for n in range(1, size)]
        case "deep":
            part = draw(st.sampled_from(PARTS))
            pairs.append((".".join([part] * draw(st.sampled_from([2, 15, 16, 17, 300, 30_000]))), draw(VALUES)))
        case _ if at < 0:
            pass
        case "value":
            pairs[at] = pairs[at][0], draw(VALUES)
        case "plausible":
            name = pairs[at][0]
            pairs[at] = name, draw(st.sampled_from(own.get(name, ["1"]) + PLAUSIBLE["string"] + known()))
        case "drop":
            del pairs[at]
        case "twice":
            pairs.append((pairs[at][0], draw(VALUES)))
        case "swap":
            other_at = draw(st.integers(0, len(pairs) - 1))
            (one, first), (two, second) = pairs[at], pairs[other_at]
            pairs[at], pairs[other_at] = (one, second), (two, first)
        case "name":
            parts = pairs[at][0].split(".")
            place, replaced = draw(st.integers(0, len(parts))), draw(st.booleans())
            parts[place : place + replaced] = [draw(st.sampled_from(PARTS))]
            pairs[at] = ".".join(parts), pairs[at][1]
    return pairs


def encoded(pairs: Pairs, action: str = "") -> bytes:
    """The form on the wire; lone surrogates are encoded as if they were characters, which is no UTF-8."""
    given = [("Action", action), ("Version", EC2.api_version), *pairs] if action else pairs
    return "&".join(
        "=".join(quote_from_bytes(t.encode(errors="surrogatepass")) for t in pair) for pair in given
    ).encode()


def fresh(action: str) -> Door:
    """The door of the cloud in which that action's example succeeds."""
    return Door(cloud_at(example_of(action)[0] if action in BUILT else built()[0], seed=3))


# --- the cases --------------------------------------------------------------------------------------------------------


@cases(1_100)
@given(form=forms())
def test_forms(form: tuple[str, Pairs]) -> None:
    action, pairs = form
    door = fresh(action)
    before = door.cloud.snapshot
    with soon():
        answer = door.post(encoded(pairs, action))
    check(answer)
    assert answer.status == 200 or door.cloud.snapshot is before


@cases(200)
@given(form=forms())
def test_a_dry_run_of_a_form_says_what_the_form_would(form: tuple[str, Pairs]) -> None:
    action, pairs = form
    if action not in BUILT or not takes(action, "DryRun") or any("DryRun" in name for name, _ in pairs):
        return
    real, tried = fresh(action), fresh(action)
    before = tried.cloud.snapshot
    answer = real.post(encoded(pairs, action))
    dry = tried.post(encoded([*pairs, ("DryRun", "true")], action))
    check(dry)
    assert tried.cloud.snapshot is before
    if len(pairs) < 4_990:  # one parameter more than is taken
        assert dry.error == (dry_run_answer() if answer.status == 200 else answer.error)


@st.composite
def damaged(draw: st.DrawFn, good: bytes) -> bytes:
    """The bytes with some of them changed, inserted, repeated or gone."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 30)))
        match draw(st.sampled_from(["put", "put", "cut", "end", "again"])):
            case "put":
                data[start:end] = draw(st.one_of(st.binary(max_size=20), st.sampled_from(BYTES)))
            case "cut":
                del data[start:end]
            case "end":
                del data[start:]
            case "again":
                data[start:start] = data[start:end] * draw(st.sampled_from([1, 2, 500]))
    return bytes(data)


BYTES = [
    *(
        b"\xff\xfe",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
        b"\xf4\x90\x80\x80",
        b"%",
        b"%zz",
        b"%ed%a0%80",
        b"%ff",
        b"%00",
        b"\x00",
        b"%u0041",
    ),
    *(
        b"&",
        b"=",
        b"&&&&",
        b"==",
        b";",
        b"+",
        b"&=",
        b"&=&",
        b"Action=",
        b"&Action=DeleteVpc",
        b"#",
        b"?",
        b"<",
        b"\r\n\r\n",
    ),
]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, bytes]:
    action = draw(st.sampled_from(BUILT))
    good = encoded(list(written(action, example_of(action)[1]).items()), action)
    return action, draw(st.one_of(damaged(good), st.binary(max_size=200)))


@cases(300)
@given(body=bodies(), by_get=st.booleans())
def test_bytes_that_are_signed(body: tuple[str, bytes], by_get: bool) -> None:
    action, sent = body
    door = fresh(action)
    before = door.cloud.snapshot
    with soon():
        if by_get:  # in the query, with the signature in a header
            door_headers = signed(b"", {"Content-Type": FORM})
            answer = door.send("GET", query=sent, headers=door_headers)
        else:
            answer = door.post(sent)
    check(answer)
    assert answer.status == 200 or door.cloud.snapshot is before


HEADER_VALUES = [
    *(
        b"",
        b" ",
        b"\xff\xfe",
        b"x" * 40_000,
        b"0",
        b"-1",
        b"9" * 400,
        b",",
        b";",
        b"=",
        b"a=b,c=d",
        b"AWS4-HMAC-SHA256",
    ),
    *(
        b"AWS4-HMAC-SHA256 Credential=,SignedHeaders=,Signature=",
        b"Bearer x",
        b"Basic eDp4",
        b"AWS AKIA:x=",
        b"AWS4-ECDSA-P256-SHA256 x",
    ),
    b"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/eu-central-1/ec2/aws4_request, SignedHeaders=host, "
    b"Signature=" + b"0" * 64,
    b"AWS4-HMAC-SHA256 Credential=\xe9/20261123/eu-central-1/sts/aws4_request, SignedHeaders=;;host;\xff, Signature="
    + b"f" * 64,
    *(
        b"20261123T050000Z",
        b"00000000T000000Z",
        b"99991231T235959Z",
        b"20260230T250000Z",
        b"Mon, 23 Nov 2026 05:00:00 GMT",
        b"x, 99",
    ),
    *(
        b"application/json",
        b"multipart/form-data",
        b"application/x-www-form-urlencoded; charset=utf-16",
        b"text/xml",
        b"gzip",
        b"chunked",
    ),
]
NAMES = [
    b"authorization",
    b"x-amz-date",
    b"date",
    b"host",
    b"content-type",
    b"content-length",
    b"x-amz-security-token",
    b"x-amz-content-sha256",
    b"x",
]


@st.composite
def http(draw: st.DrawFn) -> dict[str, Any]:
    """A request in ASGI's form: a good one with its head changed after it was signed, or before."""
    action = draw(st.sampled_from(BUILT))
    body = encoded(list(written(action, example_of(action)[1]).items()), action)
    kind = draw(st.sampled_from([*[FORM] * 16, "text/xml", "", "application/json; é", FORM.upper()]))
    headers = signed(body, {"Content-Type": kind})
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(NAMES))
        old = dict(headers).get(name, b"")
        value = draw(
            st.one_of(st.sampled_from(HEADER_VALUES), damaged(old).map(lambda v: v.translate(None, b"\r\n\x00")))
        )
        match draw(st.sampled_from(["set", "add", "drop", "many"])):
            case "set":
                headers = [(n, value if n == name else v) for n, v in headers]
            case "add":
                headers = [*headers, (name, value)]
            case "drop":
                headers = [(n, v) for n, v in headers if n != name]
            case "many":
                headers = [*headers, *[(name, value[:100])] * draw(st.sampled_from([10, 100]))]
    cut = draw(st.integers(0, len(body)))
    chunks: list[bytes | None] = [body[:cut], body[cut:]]
    if draw(st.integers(0, 9)) == 0:
        chunks = draw(
            st.sampled_from([[None], [body[:cut], None], [], [b"", b"", body], [body, body], [b"x" * 600_000] * 3])
        )
    return {
        "method": draw(st.sampled_from(["POST"] * 60 + ["GET", "PUT", "HEAD", "OPTIONS", "post", "X" * 2_000])),
        "path": draw(st.sampled_from(["/"] * 80 + ["", "//", "/ec2", "/\x00", "/\udcff", "*", "/" * 5_000, "/../"])),
        "query": draw(
            st.one_of(
                st.just(b""), st.just(b""), st.sampled_from(BYTES), st.sampled_from(QUERIES), st.binary(max_size=30)
            )
        ),
        "headers": headers,
        "chunks": chunks,
    }


QUERIES = [
    b"X-Amz-Signature=",
    b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Date=x&X-Amz-Expires=0&X-Amz-SignedHeaders=&X-Amz-Signature=x",
    b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE/20261123/eu-central-1/ec2/aws4_request"
    b"&X-Amz-Date=20261123T050000Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature=" + b"0" * 64,
    b"Action=DescribeVpcs",
    b"x&" * 6_000,
]


@cases(300)
@given(request=http())
def test_heads(request: dict[str, Any]) -> None:
    door = Door(cloud_at(built()[0], seed=3))
    before = door.cloud.snapshot
    with soon():
        answer = door.send(**request)
    if None in request["chunks"] or not request["chunks"]:  # the client is gone: nobody reads the answer
        assert answer.status < 500
    else:
        check(answer)
    assert answer.status == 200 or door.cloud.snapshot is before


@cases(100)
@given(data=st.data())
def test_presigned_queries(data: st.DataObject) -> None:
    door = Door(cloud_at(built()[0], seed=3))
    sent: list[bytes] = []
    send = door.send
    door.send = lambda method, query, headers: sent.append(query) or send(method, query=query, headers=headers)  # type: ignore[method-assign,assignment,return-value,func-returns-value,misc]
    assert door.get({"Action": "DescribeVpcs"}).status == 200
    with soon():
        answer = send("GET", query=data.draw(damaged(sent[0])), headers=[(b"host", HOST.encode())])
    check(answer)
