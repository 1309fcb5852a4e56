"""Values that a service makes up, and the names that stand for them in a recording: `{vpc-1}`, `{address-2}`, `{time}`.

Whatever a client has sent before a service said it was not made up, and stays as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network

from answers import Tree

from landbridge.control.base import LAB_POOLS, PLAIN_POOLS

PLACEHOLDER = re.compile(r"\{(?:(?P<kind>[a-z][a-z-]*)-[0-9]+|time)\}")

FORMS = {
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z",
    "mac": r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}",
    "address": r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
    "inside": r"169\.254(?:\.[0-9]{1,3}){2}",
    "psk": r"[0-9A-Za-z_.]{8,64}",
}
"""What values look like, by kind; every other kind is the prefix of ids."""

_IDS = r"(?P<prefix>[a-z][a-z-]*)-[0-9a-f]{17}"
_MADE_UP = re.compile(rf"(?<![\w.:-])(?:{_IDS}|{FORMS['time']}|{FORMS['mac']}|{FORMS['address']})(?![\w:]|\.[0-9]|-\w)")
_PSKS = {"preSharedKey", "pre_shared_key"}
_POOLS = (LAB_POOLS.outside, LAB_POOLS.public, PLAIN_POOLS.outside, PLAIN_POOLS.public)
_LINK_LOCAL = IPv4Network("169.254.0.0/16")


def form_of(placeholder: str) -> str:
    """The pattern of what this placeholder may stand for."""
    found = PLACEHOLDER.fullmatch(placeholder)
    assert found is not None, placeholder
    kind = found["kind"] or "time"
    return FORMS.get(kind, rf"{re.escape(kind)}-[0-9a-f]{{17}}")


class Names:
    """The placeholders of one recording, numbered in the order of first appearance."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._names: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def of_request(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """The parameters with placeholders for what the service has made up."""
        for value in parameters.values():
            self._given |= {value, *(found[0] for found in _MADE_UP.finditer(value))} - self._names.keys()
        return {name: self._known(value) for name, value in parameters.items()}

    def of_answer(self, tree: Tree, name: str = "") -> Tree:
        """The answer with placeholders; values that are new get one."""
        if isinstance(tree, dict):
            return {below: self.of_answer(part, below) for below, part in tree.items()}
        if isinstance(tree, list):
            return [self.of_answer(item) for item in tree]
        if name in _PSKS:
            self._call(tree, "psk")
        for found in _MADE_UP.finditer(tree):
            self._call(found[0], found["prefix"] or _kind(found[0]))
        return self._known(tree)

    def _call(self, value: str, kind: str) -> None:
        if value in self._given or value in self._names or not kind:
            return
        self._counts[kind] += 1
        self._names[value] = "{time}" if kind == "time" else f"{{{kind}-{self._counts[kind]}}}"

    def _known(self, text: str) -> str:
        assert not PLACEHOLDER.search(text), f"this looks like a placeholder and is none: {text}"
        whole = self._names.get(text)
        return whole or _MADE_UP.sub(lambda found: self._names.get(found[0], found[0]), text)


def _kind(value: str) -> str:
    """What kind of made-up value this is; nothing if a client's own addresses look like that."""
    for kind in ("time", "mac"):
        if re.fullmatch(FORMS[kind], value):
            return kind
    address = IPv4Address(value)
    if address in _LINK_LOCAL:
        return "inside"
    return "address" if any(address in pool for pool in _POOLS) else ""
