"""The id of a connection's shared secret: by it a process with no memory sees what is loaded, and what it is to do.

charon cannot be asked for its secrets. So the id carries a keyed digest over all properties of the connection, and the
secret is loaded last: when a secret with the wanted id is there, so is everything else. Marks behind the digest tell
those who do not know the connection's properties what they have to know of them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable
from dataclasses import fields
from typing import Final

from landbridge.desired.ike import Certified, IkeConnection
from landbridge.model.secret import Secret

FORCED: Final = "-udp"
"""Marks a connection that forces UDP: whether its SAs are like that can be told."""

DIALS: Final = "-dials"
"""Marks a connection that is to be initiated whenever it is down."""

_BY: Final = "-by"
_TO: Final = "-to"
_PROOF: Final = re.compile(f"{_BY}([0-9a-f]{{16}}){_TO}([0-9a-f]{{16}})")

AGREEING: Final = "agreeing-"
"""Before the digest of a connection with a new certificate of ours by which its peer has not authenticated us yet."""

ENDING: Final = "ending"
"""In a digest's place, beside the secret: SAs of the connection are of what it was before, and are to be ended."""

_SETTINGS: Final = "s"
"""Begins a digest whose first digits are of all that SAs are made with."""
_SETTINGS_LENGTH: Final = len(_SETTINGS) + 12
_NOT_OF_SAS: Final = frozenset({"namespace", "name", "psk", "certified", "initiate", "yields", "renews", "force_udp"})
"""Of certificates the marks tell what SAs were made with."""

_FORM: Final = "4"
"""Changes when the same properties are told to charon in another way, so that connections are loaded anew."""


def connection_digest(key: bytes, wanted: IkeConnection) -> str:
    """A digest over all properties that nobody without the key can compute, or test guesses of the secret against."""
    digest = f"{_SETTINGS}{_keyed(key, wanted, _NOT_OF_SAS)[:12]}{_keyed(key, wanted)[:28]}"
    proof = _proof(key, wanted.certified) if wanted.certified is not None else ""
    return f"{digest}{DIALS if wanted.initiate else ''}{proof}{FORCED if wanted.force_udp else ''}"


def _keyed(key: bytes, wanted: IkeConnection, without: Collection[str] = ()) -> str:
    parts = [_FORM]
    for item in fields(wanted):
        value = getattr(wanted, item.name)
        if item.name in without:
            continue
        if isinstance(value, Certified):
            parts += [value.certificate, value.key.reveal(), value.authority, value.pinned or ""]
        elif value is not None or item.name != "certified":
            parts.append(f"{item.name}={value.reveal() if isinstance(value, Secret) else value!r}")
    return _mac(key, parts)


def _mac(key: bytes, parts: Iterable[str]) -> str:
    return hmac.new(key, "\0".join(parts).encode(), hashlib.sha256).hexdigest()


def _proof(key: bytes, certified: Certified) -> str:
    """Marks of which certificate is ours and which is the peer's."""
    own = _mac(key, (certified.certificate, certified.key.reveal()))
    peer = _mac(key, (certified.authority, certified.pinned or ""))
    return f"{_BY}{own[:16]}{_TO}{peer[:16]}"


def proofs(digest: str) -> tuple[str, str]:
    """Out of a digest: what tells our certificate, and the peer's, from others; empty where there are none."""
    found = _PROOF.search(digest)
    return (found[1], found[2]) if found is not None else ("", "")


def same_settings(one: str, other: str) -> bool:
    """Whether SAs that are made under one digest are what they would be under the other. Not known is not the same."""
    first, second = (each.removeprefix(AGREEING)[:_SETTINGS_LENGTH] for each in (one, other))
    return first.startswith(_SETTINGS) and first == second


def secret_id(name: str, digest: str) -> str:
    """Of the connection of that name."""
    return f"{name}:{digest}"


def name_of(secret: str) -> str:
    """Whose secret it is."""
    return secret.rpartition(":")[0]


def digest_of(secret: str) -> str:
    """The digest, with its marks."""
    return secret.rpartition(":")[2]


def dialled(secrets: Iterable[str]) -> set[str]:
    """The names of the connections that are to be initiated."""
    return {name_of(secret) for secret in secrets if DIALS in digest_of(secret)}
