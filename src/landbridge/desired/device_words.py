"""The names that a device file has for algorithms: AWS's, and on reading others for the same thing, too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from landbridge.model.crypto import Encryption, Group, Integrity

CIPHERS: Final[Mapping[Encryption, str]] = {
    Encryption.AES_CBC_128: "aes-128-cbc",
    Encryption.AES_CBC_256: "aes-256-cbc",
    Encryption.AES_GCM_16_128: "aes-128-gcm-16",
    Encryption.AES_GCM_16_256: "aes-256-gcm-16",
}
HASHES: Final[Mapping[Integrity, str]] = {
    Integrity.SHA1: "sha1",
    Integrity.SHA2_256: "sha2-256",
    Integrity.SHA2_384: "sha2-384",
    Integrity.SHA2_512: "sha2-512",
}
HMACS: Final[Mapping[Integrity, str]] = {
    Integrity.SHA1: "hmac-sha1-96",
    Integrity.SHA2_256: "hmac-sha2-256-128",
    Integrity.SHA2_384: "hmac-sha2-384-192",
    Integrity.SHA2_512: "hmac-sha2-512-256",
}
NONE: Final = "none"
"""The integrity algorithm of ESP with a cipher that authenticates as well."""

_CIPHER: Final = re.compile(r"aes-?(?P<bits>128|256)-?(?P<mode>cbc|gcm-?(?:16|128)?)?")
_HASH: Final = re.compile(r"(?:hmac-)?sha-?(?:1(?:-96)?|(?:2-)?(?P<bits>256|384|512)(?:-[0-9]{3})?)")
_GROUP: Final = re.compile(r"(?:group|dh)?-?([0-9]{1,2})")


def cipher(word: str) -> Encryption:
    """The cipher of that name.

    Raises:
        ValueError: landbridge knows none such; the message goes on after the word.
    """
    found = _CIPHER.fullmatch(word)
    if found is None:
        raise ValueError(f"is a cipher that landbridge does not know; it knows {', '.join(CIPHERS.values())}")
    return Encryption(f"AES{found['bits']}{'-GCM-16' if (found['mode'] or '').startswith('gcm') else ''}")


def integrity(word: str) -> Integrity | None:
    """The hash of that name; None for `none`.

    Raises:
        ValueError: landbridge knows none such; the message goes on after the word.
    """
    if word == NONE:
        return None
    found = _HASH.fullmatch(word)
    if found is None:
        raise ValueError(f"is a hash that landbridge does not know; it knows {', '.join(HASHES.values())}")
    return Integrity(f"SHA2-{found['bits']}" if found["bits"] else "SHA1")


def group(word: str) -> Group:
    """The Diffie-Hellman group of that name.

    Raises:
        ValueError: landbridge knows none such; the message goes on after the word.
    """
    found = _GROUP.fullmatch(word)
    if found is None or int(found[1]) not in {each.value for each in Group}:
        raise ValueError(f"is a group that landbridge does not know; it knows {', '.join(f'group{g}' for g in Group)}")
    return Group(int(found[1]))
