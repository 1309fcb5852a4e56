"""Requests as botocore's own signers sign them, and as the wire would carry them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from unittest import mock
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from landbridge.api.aws.sigv4 import Identity, SignedRequest
from landbridge.model.secret import Secret

NOW = datetime(2026, 11, 23, 5, 0, 0, tzinfo=UTC)
KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
ME = Identity(KEY, "eu-central-1", "ec2")


def secret_of(access_key_id: str) -> Secret | None:
    return Secret(SECRET) if access_key_id == KEY else None


def signed(
    method: str = "POST",
    url: str = "http://127.0.0.1:8780/",
    body: bytes = b"Action=DescribeVpcs&Version=2016-11-15",
    headers: dict[str, str] | None = None,
    *,
    presign: int | None = None,
    token: str | None = None,
    secret: str = SECRET,
) -> SignedRequest:
    """A request signed at NOW by botocore, as the wire would carry it."""
    request = AWSRequest(method, url, headers or {}, body)
    credentials = Credentials(KEY, secret, token)
    signer = SigV4Auth(credentials, "ec2", "eu-central-1")
    if presign is not None:
        signer = SigV4QueryAuth(credentials, "ec2", "eu-central-1", expires=presign)
        request.data = b""
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        signer.add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    raw = {
        name.lower(): value.encode() if isinstance(value, str) else value for name, value in prepared.headers.items()
    }
    raw["host"] = parts.netloc.encode()
    headers_on_wire = tuple((name.encode(), value) for name, value in raw.items())
    return SignedRequest(method, parts.path.encode(), parts.query.encode(), headers_on_wire, request.body or b"")


def with_header(request: SignedRequest, name: str, value: str | None) -> SignedRequest:
    kept = tuple(pair for pair in request.headers if pair[0] != name.encode())
    return replace(request, headers=kept if value is None else (*kept, (name.encode(), value.encode())))
