"""AWS Signature Version 4, the verifier's half: who signed this request, if anybody did.

Everything is taken exactly as received: the declared list of headers, the Host with its port, the raw query and body.
Source: "Create a signed AWS API request", IAM User Guide. Differences are deliberate and two: the body is always hashed
(EC2 takes no unsigned payload), and there are no session tokens, because this service issues none.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias
from urllib.parse import parse_qsl, quote

from landbridge.api.aws.errors import Ec2Error
from landbridge.model.secret import Secret

ALGORITHM: Final = "AWS4-HMAC-SHA256"
SKEW: Final = timedelta(minutes=15)
LONGEST_PRESIGNED: Final = timedelta(days=7)
MAX_SIGNED_HEADERS: Final = 64
"""As many as a request may have at all (`form.MAX_HEADERS`): reading the list must not cost more than that."""

_NOBODYS: Final = Secret("the secret of keys that there are not, so that refusing one takes as long as any other")

# What presigning adds to the query: never parameters of an action.
QUERY_NAMES: Final = frozenset(
    f"X-Amz-{name}"
    for name in ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature", "Security-Token")
)

_IN_QUERY: Final = b"X-Amz-Signature="

_CREDENTIAL: Final = re.compile(
    r"(?P<key>[\w+=,.@-]{1,128})/(?P<date>[0-9]{8})/(?P<region>[a-z0-9-]{1,64})/(?P<service>[a-z0-9-]{1,64})/aws4_request",
    re.ASCII,
)
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")

SecretOf: TypeAlias = Callable[[str], Secret | None]


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it came over the wire: `path` and `query` still percent-encoded, header names lower-case."""

    method: str
    path: bytes
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def header(self, name: str) -> bytes | None:
        """All values of that header, each trimmed, inner runs of blanks made one, joined by commas; None if absent."""
        values = [b" ".join(value.split()) for key, value in self.headers if key == name.encode()]
        return b",".join(values) if values else None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who signed, and for which region and service."""

    access_key_id: str
    region: str
    service: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """What the request says about its own signature, not yet believed."""

    identity: Identity
    date: str
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    query: bytes
    lifetime: timedelta

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.identity.region}/{self.identity.service}/aws4_request"


def verify(request: SignedRequest, secret_of: SecretOf, now: datetime) -> Identity:
    """The identity that provably signed the request.

    Raises Ec2Error: MissingAuthenticationToken (403), IncompleteSignature (400), RequestExpired (400), AuthFailure
    (401), SignatureDoesNotMatch (403). The signature is compared in constant time, also for a key that there is not.
    """
    claim = _claim(request)
    _check_time(claim, now)
    _check_body(request)
    secret = secret_of(claim.identity.access_key_id)
    matches = hmac.compare_digest(_expected(request, claim, secret or _NOBODYS), claim.signature)
    if secret is None:
        raise not_validated()
    if not matches:
        raise Ec2Error(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method, and that no proxy on the way rewrites the Host header or the body.",
            403,
        )
    return claim.identity


def not_validated() -> Ec2Error:
    """The refusal of a key that there is not."""
    return Ec2Error("AuthFailure", "AWS was not able to validate the provided access credentials", 401)


def _claim(request: SignedRequest) -> _Claim:
    authorization = request.header("authorization")
    in_query = any(pair.startswith(_IN_QUERY) for pair in request.query.split(b"&"))
    if authorization is None and not in_query:
        raise Ec2Error(
            "MissingAuthenticationToken",
            "The request is not signed. Sign it with an access key of this service (Signature Version 4).",
            403,
        )
    if authorization is not None and in_query:
        raise _incomplete("The request is signed twice: in the Authorization header and in the query. Keep one.")
    claim = _presigned(request) if authorization is None else _header_signed(request, _text(authorization))
    if len(claim.signed_headers) > MAX_SIGNED_HEADERS:
        raise _incomplete(f"The signature covers more than {MAX_SIGNED_HEADERS} headers. Sign fewer.")
    if "host" not in claim.signed_headers:
        raise _incomplete("The signature does not cover the Host header. Sign it.")
    if claim.timestamp[:8] != claim.date:
        raise _incomplete("The date in the credential scope is not the day of X-Amz-Date. Take both from one clock.")
    return claim


def _header_signed(request: SignedRequest, authorization: str) -> _Claim:
    algorithm, _, rest = authorization.partition(" ")
    _check_algorithm(algorithm)
    parts = dict(_pair(part) for part in rest.split(","))
    date = request.header("x-amz-date")
    return _make_claim(
        credential=parts.get("Credential", ""),
        signed_headers=parts.get("SignedHeaders", ""),
        signature=parts.get("Signature", ""),
        timestamp=_text(date) if date is not None else _from_date_header(request),
        token=_text(request.header("x-amz-security-token") or b""),
        query=request.query,
        lifetime=SKEW,
    )


def _presigned(request: SignedRequest) -> _Claim:
    given: Mapping[str, str] = dict(parse_qsl(_text(request.query), keep_blank_values=True))
    _check_algorithm(given.get("X-Amz-Algorithm", ""))
    expires = given.get("X-Amz-Expires", "")
    if re.fullmatch(r"[0-9]{1,6}", expires) is None or not 1 <= int(expires) <= LONGEST_PRESIGNED.total_seconds():
        raise _incomplete("X-Amz-Expires has to be a number of seconds from 1 to 604800.")
    unsigned = [pair for pair in request.query.split(b"&") if not pair.startswith(_IN_QUERY)]
    return _make_claim(
        credential=given.get("X-Amz-Credential", ""),
        signed_headers=given.get("X-Amz-SignedHeaders", ""),
        signature=given.get("X-Amz-Signature", ""),
        timestamp=given.get("X-Amz-Date", ""),
        token=given.get("X-Amz-Security-Token", "") or _text(request.header("x-amz-security-token") or b""),
        query=b"&".join(unsigned),
        lifetime=timedelta(seconds=int(expires)),
    )


def _make_claim(
    *,
    credential: str,
    signed_headers: str,
    signature: str,
    timestamp: str,
    token: str,
    query: bytes,
    lifetime: timedelta,
) -> _Claim:
    if token:
        raise Ec2Error(
            "AuthFailure",
            "landbridge issues no session tokens: use a long-term access key and unset AWS_SESSION_TOKEN.",
            401,
        )
    scope = _CREDENTIAL.fullmatch(credential)
    if scope is None:
        raise _incomplete("The credential has to be ACCESS-KEY-ID/YYYYMMDD/REGION/SERVICE/aws4_request.")
    if _SIGNATURE.fullmatch(signature) is None:
        raise _incomplete("The signature has to be 64 lower-case hexadecimal digits.")
    if _TIMESTAMP.fullmatch(timestamp) is None:
        raise _incomplete("The request has to carry X-Amz-Date in the form YYYYMMDDTHHMMSSZ.")
    identity = Identity(scope["key"], scope["region"], scope["service"])
    return _Claim(identity, scope["date"], tuple(signed_headers.split(";")), signature, timestamp, query, lifetime)


def _check_time(claim: _Claim, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(claim.timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _incomplete("X-Amz-Date is not a time that exists.") from None
    if now < signed_at - SKEW:
        raise Ec2Error(
            "RequestExpired", f"Request is not yet valid: it was signed at {claim.timestamp}. Set your clock."
        )
    if now > signed_at + claim.lifetime:
        raise Ec2Error("RequestExpired", f"Request has expired: it was signed at {claim.timestamp}. Check your clock.")


def _check_body(request: SignedRequest) -> None:
    declared = request.header("x-amz-content-sha256")
    if declared is None or declared == hashlib.sha256(request.body).hexdigest().encode():
        return
    if declared == b"UNSIGNED-PAYLOAD" or declared.startswith(b"STREAMING-"):
        why = f"{_text(declared)[:60]} is for S3: EC2 takes signed bodies only, each in one piece."
    else:
        why = "The header x-amz-content-sha256 is not the SHA-256 of the body. Sign the body as it is sent."
    raise Ec2Error("SignatureDoesNotMatch", why, 403)


def _expected(request: SignedRequest, claim: _Claim, secret: Secret) -> str:
    canonical = hashlib.sha256(_canonical_request(request, claim)).hexdigest()
    key = f"AWS4{secret.reveal()}".encode()
    for part in claim.scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"{ALGORITHM}\n{claim.timestamp}\n{claim.scope}\n{canonical}"
    return hmac.digest(key, text.encode(), "sha256").hex()


def _canonical_request(request: SignedRequest, claim: _Claim) -> bytes:
    query = claim.query.split(b"&") if claim.query else []
    pairs = sorted(pair.partition(b"=")[::2] for pair in query)
    return b"\n".join(
        [
            request.method.encode(),
            quote(request.path, safe="/~").encode(),  # encoded once more: every service but S3 does that
            b"&".join(name + b"=" + value for name, value in pairs),
            *(name.encode() + b":" + (request.header(name) or b"") for name in claim.signed_headers),
            b"",
            ";".join(claim.signed_headers).encode(),
            hashlib.sha256(request.body).hexdigest().encode(),
        ]
    )


def _check_algorithm(algorithm: str) -> None:
    if algorithm != ALGORITHM:
        raise _incomplete(f"The signature has to use {ALGORITHM}.")


def _from_date_header(request: SignedRequest) -> str:
    try:
        moment = parsedate_to_datetime(_text(request.header("date") or b""))
        return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError):
        return ""


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.strip().partition("=")
    return name, value


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")


def _incomplete(message: str) -> Ec2Error:
    return Ec2Error("IncompleteSignature", message)
