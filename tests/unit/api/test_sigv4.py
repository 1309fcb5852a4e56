"""The verifier against botocore's own signers, AWS's published example, and everything that must not get through."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signing import KEY, ME, NOW, SECRET, secret_of, signed, with_header
from wire_values import AWKWARD_TEXT

from landbridge.api.aws.errors import Ec2Error
from landbridge.api.aws.sigv4 import Identity, SignedRequest, verify
from landbridge.model.secret import Secret

FORM = "application/x-www-form-urlencoded"
PARAMETERS = st.dictionaries(AWKWARD_TEXT.filter(lambda name: not name.startswith("X-Amz-")), AWKWARD_TEXT, max_size=6)


def refusal(request: SignedRequest, now: datetime = NOW) -> tuple[str, int]:
    with pytest.raises(Ec2Error) as caught:
        verify(request, secret_of, now)
    assert SECRET not in caught.value.message
    return caught.value.code, caught.value.status


class TestAccepted:
    @given(parameters=PARAMETERS)
    def test_a_form(self, parameters: dict[str, str]) -> None:
        request = signed(body=urlencode(parameters).encode(), headers={"Content-Type": f"{FORM}; charset=utf-8"})
        assert verify(request, secret_of, NOW) == ME

    @given(body=st.binary(max_size=200))
    def test_any_body(self, body: bytes) -> None:
        assert verify(signed(body=body), secret_of, NOW) == ME

    @given(parameters=PARAMETERS)
    def test_a_query(self, parameters: dict[str, str]) -> None:
        request = signed("GET", f"http://127.0.0.1:8780/?{urlencode(parameters)}", body=b"")
        assert verify(request, secret_of, NOW) == ME

    @given(parameters=PARAMETERS)
    def test_a_presigned_url(self, parameters: dict[str, str]) -> None:
        request = signed("GET", f"http://127.0.0.1:8780/?{urlencode(parameters)}", presign=60)
        assert verify(request, secret_of, NOW + timedelta(seconds=59)) == ME

    @given(value=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30))
    def test_any_signed_header(self, value: str) -> None:
        assert verify(signed(headers={"X-Amz-Meta": value}), secret_of, NOW) == ME

    def test_the_headers_that_the_go_sdk_signs(self) -> None:
        body = b"Action=DescribeVpcs&Version=2016-11-15"
        go = {
            "Amz-Sdk-Invocation-Id": "2f3b",
            "Amz-Sdk-Request": "attempt=1; max=25",
            "Content-Length": str(len(body)),
            "Content-Type": FORM,
        }
        request = signed(body=body, headers=go)
        declared = b"SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-date"
        assert declared in (request.header("authorization") or b"")
        assert verify(request, secret_of, NOW) == ME

    def test_a_date_header_instead_of_x_amz_date(self) -> None:
        request = signed(headers={"Date": "now"})
        assert request.header("x-amz-date") is None
        assert verify(request, secret_of, NOW) == ME

    def test_a_declared_body_hash(self) -> None:
        digest = hashlib.sha256(b"Action=DescribeVpcs").hexdigest()
        request = signed(body=b"Action=DescribeVpcs", headers={"X-Amz-Content-SHA256": digest})
        assert verify(request, secret_of, NOW) == ME

    @pytest.mark.parametrize("host", ["ec2.example.net", "localhost:8780", "[::1]:8780"])
    def test_the_host_as_received(self, host: str) -> None:
        assert verify(signed(url=f"http://{host}/"), secret_of, NOW) == ME

    def test_clocks_a_quarter_of_an_hour_apart(self) -> None:
        for apart in (timedelta(minutes=15), timedelta(minutes=-15)):
            assert verify(signed(), secret_of, NOW + apart) == ME

    def test_the_example_that_aws_publishes(self) -> None:
        """`get-vanilla` of AWS's Signature Version 4 test suite."""
        authorization = (
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
        )
        headers = (
            (b"host", b"example.amazonaws.com"),
            (b"x-amz-date", b"20150830T123600Z"),
            (b"authorization", authorization.encode()),
        )
        request = SignedRequest("GET", b"/", b"", headers, b"")
        at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
        identity = verify(request, lambda _: Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), at)
        assert identity == Identity("AKIDEXAMPLE", "us-east-1", "service")


class TestRefused:
    def test_no_signature(self) -> None:
        assert refusal(with_header(signed(), "authorization", None)) == ("MissingAuthenticationToken", 403)

    def test_an_unknown_key(self) -> None:
        with pytest.raises(Ec2Error, match="AuthFailure") as caught:
            verify(signed(), lambda _: None, NOW)
        assert caught.value.status == 401
        assert caught.value.message == "AWS was not able to validate the provided access credentials"

    def test_another_secret(self) -> None:
        assert refusal(signed(secret="no" + SECRET)) == ("SignatureDoesNotMatch", 403)

    @pytest.mark.parametrize("presign", [None, 60])
    def test_anything_changed_on_the_way(self, presign: int | None) -> None:
        request = signed("GET", "http://127.0.0.1:8780/?Action=DescribeVpcs", b"", {"X-Amz-Meta": "a"}, presign=presign)
        assert verify(request, secret_of, NOW) == ME
        for changed in (
            replace(request, method="POST"),
            replace(request, path=b"/x"),
            replace(request, query=request.query + b"&DryRun=true"),
            replace(request, body=b"Action=DeleteVpc"),
            with_header(request, "host", "127.0.0.1:8781"),
            with_header(request, "x-amz-meta", "b"),
            with_header(request, "x-amz-meta", None),
        ):
            assert refusal(changed) == ("SignatureDoesNotMatch", 403)

    @given(body=st.binary(max_size=60))
    def test_another_body(self, body: bytes) -> None:
        request = signed(body=b"Action=DescribeVpcs")
        if body != request.body:
            assert refusal(replace(request, body=body)) == ("SignatureDoesNotMatch", 403)

    @pytest.mark.parametrize(
        "declared", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"]
    )
    def test_a_body_that_is_not_signed_as_a_whole(self, declared: str) -> None:
        request = signed(headers={"X-Amz-Content-SHA256": declared})
        with pytest.raises(Ec2Error, match=f"{declared} is for S3") as caught:
            verify(request, secret_of, NOW)
        assert (caught.value.code, caught.value.status) == ("SignatureDoesNotMatch", 403)

    def test_more_signed_headers_than_a_request_has(self) -> None:
        for names, code in (("a;" * 62, "SignatureDoesNotMatch"), ("a;" * 9_000, "IncompleteSignature")):
            authorization = (signed().header("authorization") or b"").decode()
            long = authorization.replace("SignedHeaders=", f"SignedHeaders={names}")
            assert refusal(with_header(signed(), "authorization", long))[0] == code

    def test_a_declared_hash_of_another_body(self) -> None:
        digest = hashlib.sha256(b"Action=DescribeVpcs").hexdigest()
        request = signed(body=b"Action=DescribeVpcs", headers={"X-Amz-Content-SHA256": digest})
        assert refusal(replace(request, body=b"Action=DeleteVpc")) == ("SignatureDoesNotMatch", 403)

    @pytest.mark.parametrize("minutes", [16, -16, 60 * 24 * 365])
    def test_the_wrong_time(self, minutes: int) -> None:
        assert refusal(signed(), NOW + timedelta(minutes=minutes)) == ("RequestExpired", 400)

    def test_a_presigned_url_past_its_time(self) -> None:
        request = signed("GET", "http://127.0.0.1:8780/?Action=DescribeVpcs", presign=60)
        assert refusal(request, NOW + timedelta(seconds=61)) == ("RequestExpired", 400)

    @pytest.mark.parametrize("seconds", [0, -1, 604_801, 10**9])
    def test_a_presigned_url_for_an_impossible_time(self, seconds: int) -> None:
        request = signed("GET", "http://127.0.0.1:8780/?Action=DescribeVpcs", presign=seconds)
        assert refusal(request) == ("IncompleteSignature", 400)

    @pytest.mark.parametrize("presign", [None, 60])
    def test_a_session_token(self, presign: int | None) -> None:
        request = signed("GET", "http://127.0.0.1:8780/?Action=DescribeVpcs", b"", presign=presign, token="abc")
        with pytest.raises(Ec2Error, match="landbridge issues no session tokens") as caught:
            verify(request, secret_of, NOW)
        assert (caught.value.code, caught.value.status) == ("AuthFailure", 401)

    def test_two_signatures(self) -> None:
        request = signed("GET", "http://127.0.0.1:8780/?Action=DescribeVpcs", presign=60)
        assert refusal(with_header(request, "authorization", "x")) == ("IncompleteSignature", 400)

    def test_a_host_that_is_not_signed(self) -> None:
        authorization = (signed().header("authorization") or b"").decode().replace("host;", "")
        assert refusal(with_header(signed(), "authorization", authorization)) == ("IncompleteSignature", 400)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
            ("AWS4-HMAC-SHA256", "Basic"),
            ("aws4_request", "aws5_request"),
            ("/eu-central-1/", "/EU central/"),
            ("/eu-central-1/", "/"),
            ("/20261123/", "/20261122/"),
            ("Signature=", "Signature=x"),
            ("Signature=", "Sig="),
            (f"{KEY}/", "/"),
            (f"{KEY}/", f"{'A' * 129}/"),
        ],
    )
    def test_an_authorization_that_is_none(self, old: str, new: str) -> None:
        authorization = (signed().header("authorization") or b"").decode()
        assert old in authorization
        changed = with_header(signed(), "authorization", authorization.replace(old, new))
        assert refusal(changed) == ("IncompleteSignature", 400)

    @pytest.mark.parametrize(
        "date", [None, "", "yesterday", "20261123T050000", "20261199T050000Z", "２０261123T050000Z"]
    )
    def test_a_date_that_is_none(self, date: str | None) -> None:
        assert refusal(with_header(signed(), "x-amz-date", date)) == ("IncompleteSignature", 400)

    @given(
        authorization=st.text(st.characters(max_codepoint=0xFF), max_size=80)
        | st.text(max_size=40).map(lambda text: f"AWS4-HMAC-SHA256 {text}"),
        date=st.text(max_size=20),
    )
    def test_whatever_else(self, authorization: str, date: str) -> None:
        request = with_header(with_header(signed(), "authorization", authorization), "x-amz-date", date)
        assert refusal(request)[0] == "IncompleteSignature"

    @given(query=st.binary(max_size=60))
    def test_whatever_else_presigned(self, query: bytes) -> None:
        request = SignedRequest("GET", b"/", b"X-Amz-Signature=x&" + query, ((b"host", b"x"),), b"")
        assert refusal(request)[0] == "IncompleteSignature"
