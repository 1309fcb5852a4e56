"""SigV4 over everything that can be signed: what botocore signs is accepted, and no byte of it can be another."""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import dataclass, replace
from unittest import mock
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import ME, NOW, secret_of, signed
from wire_values import AWKWARD_TEXT

from landbridge.api.aws.errors import Ec2Error
from landbridge.api.aws.sigv4 import SignedRequest, verify

HEADER_NAMES = st.sampled_from(["X-Amz-Meta", "Content-Type", "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request", "X-Other"])
HEADER_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
PAIRS = st.tuples(AWKWARD_TEXT.filter(lambda name: not name.startswith("X-Amz-")), AWKWARD_TEXT)
QUERIES = (
    st.lists(PAIRS, max_size=5).map(urlencode)
    | st.lists(PAIRS, max_size=5).map(lambda pairs: urlencode(pairs, quote_via=quote))
    | st.text("abcXYZ019=&-_.~%20", max_size=30)
)
PATHS = st.text("abcXYZ019-_.~/%+=", max_size=20).map(lambda text: "/" + text.lstrip("/"))


@st.composite
def requests(draw: st.DrawFn) -> SignedRequest:
    """Any request at all, signed in the Authorization header or in the query."""
    query = draw(QUERIES)
    url = f"http://{draw(st.sampled_from(['127.0.0.1:8780', 'ec2.example.net', '[::1]']))}/" + (query and f"?{query}")
    if draw(st.booleans()):
        return signed("GET", url, presign=draw(st.integers(1, 604_800)))
    headers = draw(st.dictionaries(HEADER_NAMES, HEADER_VALUES, max_size=3))
    return signed(draw(st.sampled_from(["GET", "POST"])), url, draw(st.binary(max_size=60)), headers)


@given(request=requests())
def test_what_botocore_signs_is_accepted(request: SignedRequest) -> None:
    assert verify(request, secret_of, NOW) == ME


@given(path=PATHS)
def test_another_path_is_not_accepted(path: str) -> None:
    request = replace(signed(), path=path.encode())
    if path == "/":
        assert verify(request, secret_of, NOW) == ME
    else:
        assert refusal(request) == "SignatureDoesNotMatch"


@dataclass(frozen=True)
class Meaning:
    """All that a signature vouches for, without the freedom that SigV4 leaves to how it is written down."""

    method: str
    path: bytes
    query: list[tuple[str, str]]
    headers: dict[str, bytes | None]
    body: bytes


def meaning(request: SignedRequest, names: list[str]) -> Meaning:
    pairs = [pair.partition("=")[::2] for pair in request.query.decode("latin-1").split("&")]  # `a` is `a=`
    query = sorted((unquote_plus(name), unquote_plus(value)) for name, value in pairs)
    return Meaning(
        request.method,
        request.path,
        [pair for pair in query if pair[0] != "X-Amz-Signature"],
        {name: request.header(name) or None for name in names},
        request.body,
    )


def signed_names(request: SignedRequest) -> list[str]:
    text = (request.header("authorization") or b"").decode() or dict(parse_qsl(request.query.decode("latin-1")))
    declared = text["X-Amz-SignedHeaders"] if isinstance(text, dict) else text.partition("SignedHeaders=")[2]
    return declared.partition(",")[0].split(";")


def other(raw: bytes, draw: st.DrawFn) -> bytes:
    """The bytes with one replaced, added or left out."""
    at, byte = draw(st.integers(0, max(0, len(raw) - 1))), bytes([draw(st.integers(0, 255))])
    how = draw(st.sampled_from(["replace", "add", "leave out"] if raw else ["add"]))
    return raw[:at] + (b"" if how == "leave out" else byte) + raw[at + (how != "add") :]


@given(request=requests(), data=st.data())
def test_one_byte_changed_is_refused_or_means_the_same(request: SignedRequest, data: st.DataObject) -> None:
    names = signed_names(request)
    headers = [index for index, (name, _) in enumerate(request.headers) if name.decode() in names]
    part = data.draw(st.sampled_from(["method", "path", "query", "body", "name", "value"]))
    if part in ("name", "value"):
        index = data.draw(st.sampled_from(headers))
        name, value = request.headers[index]
        pair = (other(name, data.draw), value) if part == "name" else (name, other(value, data.draw))
        changed = replace(request, headers=(*request.headers[:index], pair, *request.headers[index + 1 :]))
    elif part == "method":
        changed = replace(request, method=other(request.method.encode(), data.draw).decode("latin-1"))
    else:
        changed = replace(request, **{part: other(getattr(request, part), data.draw)})
    if meaning(changed, names) != meaning(request, names) or part == "path":
        assert changed == request or refusal(changed)
    else:
        with suppress(Ec2Error):
            assert verify(changed, secret_of, NOW) == ME


def refusal(request: SignedRequest) -> str:
    with pytest.raises(Ec2Error) as caught:
        verify(request, secret_of, NOW)
    return caught.value.code


@pytest.mark.parametrize("presign", [None, 60])
def test_an_unknown_key_takes_the_same_steps_as_a_wrong_signature(presign: int | None) -> None:
    request = signed("GET", "http://127.0.0.1:8780/?Action=DescribeVpcs", b"", presign=presign)
    forged = signed("GET", "http://127.0.0.1:8780/?Action=DescribeVpcs", b"", presign=presign, secret="x" * 40)

    def steps(of: SignedRequest, *, known: bool) -> tuple[str, int, int]:
        with (
            mock.patch("landbridge.api.aws.sigv4.hmac.digest", wraps=hmac.digest) as digest,
            mock.patch("landbridge.api.aws.sigv4.hmac.compare_digest", wraps=hmac.compare_digest) as compare,
            pytest.raises(Ec2Error) as caught,
        ):
            verify(of, secret_of if known else lambda _: None, NOW)
        return caught.value.code, digest.call_count, compare.call_count

    unknown, wrong = steps(request, known=False), steps(forged, known=True)
    assert (unknown[0], wrong[0]) == ("AuthFailure", "SignatureDoesNotMatch")
    assert unknown[1:] == wrong[1:] == (5, 1)
