"""HTTP bytes in, bounded; and flat parameters out of query string and form: decoded strictly, nothing given twice."""

from __future__ import annotations

import asyncio
import re
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from landbridge.api.aws.errors import Ec2Error
from landbridge.api.aws.parse import MAX_PARAMETERS

MAX_BODY: Final = 1 << 20
MAX_HEADERS: Final = 64
MAX_HEADER_BYTES: Final = 32 << 10
BODY_SECONDS: Final = 30.0
FORM: Final = "application/x-www-form-urlencoded"
_NO_ESCAPE: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def check_headers(request: Request, wanted: str) -> None:
    """Refuse headers that are too many or too long, and a body that is not of the wanted type."""
    headers = request.headers.raw
    if len(headers) > MAX_HEADERS or sum(len(name) + len(value) for name, value in headers) > MAX_HEADER_BYTES:
        raise Ec2Error(
            "RequestHeaderSectionTooLarge",
            f"The request has too large headers: {MAX_HEADERS} of {MAX_HEADER_BYTES} bytes together are the most.",
            431,
        )
    kind = request.headers.get("content-type", wanted).partition(";")[0].strip().lower()
    if request.method == "POST" and kind != wanted:
        raise Ec2Error("UnsupportedMediaType", f"The content type of a request has to be {wanted}.", 415)


async def read_body(request: Request) -> bytes:
    """The whole body. Too much or too slow is refused; the excess is read and dropped so that the answer arrives."""
    body = bytearray()
    length = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                length += len(chunk)
                if length <= MAX_BODY:
                    body += chunk
                elif length > 16 * MAX_BODY:
                    break
    except TimeoutError:
        message = f"The request's body did not arrive within {BODY_SECONDS:.0f} seconds. Try again."
        raise Ec2Error("RequestTimeout", message, 408) from None
    if length > MAX_BODY:
        raise Ec2Error("RequestEntityTooLarge", f"The request's body is larger than {MAX_BODY} bytes. Split it.", 413)
    return bytes(body)


def decode(query: bytes, body: bytes) -> dict[str, str]:
    """The parameters of query and body together.

    Raises Ec2Error MalformedQueryString for what is not UTF-8 or has too many parameters, InvalidParameterValue for a
    parameter that is given twice (which of the two was meant?).
    """
    parameters: dict[str, str] = {}
    for raw in (query, body):
        if not raw:
            continue
        for name, value in _pairs(raw):
            if name in parameters:
                raise Ec2Error("InvalidParameterValue", f"The parameter {name[:100]} is given twice. Give it once.")
            parameters[name] = value
    return parameters


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    if raw.count(b"&") >= MAX_PARAMETERS:
        raise Ec2Error("MalformedQueryString", f"The request has more than {MAX_PARAMETERS} parameters. Split it.")
    try:
        if _NO_ESCAPE.search(raw) is not None:
            raise ValueError
        return parse_qsl(raw.decode(), keep_blank_values=True, errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        raise Ec2Error("MalformedQueryString", "The parameters are not valid UTF-8, percent-encoded.") from None
