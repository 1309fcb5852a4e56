"""How a process with no memory knows that a namespace or a link is this instance's: the words of its alias. Pure.

A namespace's loopback says `landbridge OWNER`, a bridge says the same, a veth end says
`landbridge OWNER PEER_NAMESPACE PEER_NAME` (with `.` for the process's own namespace). The owner is in every link's
alias because two instances meet in one namespace when a customer gateway runs in a lab site.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from landbridge.desired.links import VethEnd
from landbridge.desired.objects import HERE

_WORD: Final = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_HERE_WORD: Final = "."


def checked_owner(owner: str) -> str:
    """The owner, if it can be a word of an alias.

    Raises:
        ValueError: it cannot.
    """
    if not _WORD.fullmatch(owner):
        raise ValueError(f"'{owner}' cannot mark what an instance owns: letters, digits, '_', '.', ':' and '-' can")
    return owner


def alias(owner: str) -> str:
    """What a namespace's loopback and a bridge say."""
    return f"landbridge {owner}"


def veth_alias(owner: str, end: VethEnd) -> str:
    """What a veth end says."""
    return f"landbridge {owner} {end.peer_namespace or _HERE_WORD} {end.peer_name}"


def owner_of(text: str) -> str | None:
    """Whose the alias says it is; None if it is not one of landbridge's."""
    words = text.split(" ")
    return words[1] if len(words) >= 2 and words[0] == "landbridge" else None


def peer_of(text: str, owner: str) -> tuple[str, str] | None:
    """The peer's namespace and name, out of a veth end's alias of that owner."""
    match text.split(" "):
        case ["landbridge", found, namespace, name] if found == owner:
            return (HERE if namespace == _HERE_WORD else namespace, name)
        case _:
            return None


def hardware_address(owner: str, namespace: str, link: str) -> str:
    """A link's MAC: unicast, locally administered, and the same again when the link had to be made anew.

    So neighbours' ARP entries stay true over a repair, and a bridge does not change its address with its ports.
    """
    digest = bytearray(hashlib.sha256(f"{owner} {namespace} {link}".encode()).digest()[:6])
    digest[0] = digest[0] & 0xFC | 0x02
    return ":".join(f"{byte:02x}" for byte in digest)
