"""Opaque tokens for the next page: good for the query that they were given out for, and for no other.

A token is not signed: who makes one up for a query of their own skips some of their own things, and no more.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

_DIGEST: Final = 16  # bytes


def query_of(action: str, account: str, region: str, asked: Mapping[str, Any]) -> bytes:
    """What a token belongs to: who asks where for what."""
    text = json.dumps([action, account, region, asked], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).digest()[:_DIGEST]


def token_of(query: bytes, place: str) -> str:
    """The token for what comes after that place."""
    return base64.urlsafe_b64encode(query + place.encode()).decode("ascii")


def place_of(token: str, query: bytes) -> str:
    """The place that a token stands for.

    Raises:
        ValueError: it was not given out for this query.
    """
    raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    if raw[:_DIGEST] != query:
        raise ValueError("the token is another query's")
    return raw[_DIGEST:].decode()
