"""What every object of a host has, and a host's objects together.

A `HostState` is the whole answer to "what should be there"; drivers read the same values back as "what is there". Two
values with the same `key` are the same object, perhaps with other properties. `needs` names the objects that have to
exist first; what is deleted goes in the opposite order. Every object lives in exactly one network namespace.

No object holds text that a user typed: names are generated, everything else is an address, a number or an enum.
(The exceptions are a lab site's and a lab host's name, which are network namespace names and are checked at the door.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Key = tuple[str, ...]
"""The kind, the namespace, and what tells an object from its siblings there."""

HERE: Final = ""
"""The name of the namespace that the process itself runs in (the customer gateway's; never made, never deleted)."""


def namespace_key(namespace: str) -> Key:
    """The key of a namespace; everything in it needs it. HERE needs nothing and has no object."""
    return ("namespace", namespace)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostObject:
    """Base of everything a driver makes."""

    namespace: str

    @property
    def key(self) -> Key:
        """What identifies the object on its host."""
        raise NotImplementedError

    @property
    def needs(self) -> tuple[Key, ...]:
        """Keys of the objects that must exist first."""
        return (namespace_key(self.namespace),) if self.namespace != HERE else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(HostObject):
    """What a driver reads back of an object that cannot tell all about itself (a daemon's configuration, a secret).

    `fingerprint` equals the driver's `fingerprint(wanted)` exactly when the object is as wanted.
    """

    kind: type[HostObject]
    what: Key
    requires: tuple[Key, ...] = ()
    fingerprint: str

    @property
    def key(self) -> Key:
        return self.what

    @property
    def needs(self) -> tuple[Key, ...]:
        return self.requires


HostState = Mapping[Key, HostObject]


def host_state(*groups: tuple[HostObject, ...]) -> dict[Key, HostObject]:
    """Objects by key. Two different objects of one key are a programming error."""
    state: dict[Key, HostObject] = {}
    for group in groups:
        for item in group:
            if state.setdefault(item.key, item) != item:
                raise ValueError(f"two different objects share the key {item.key}")
    return state
