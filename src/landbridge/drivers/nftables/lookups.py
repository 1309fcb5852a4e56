"""Sets and maps as nft's text, and what rules find in them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address
from typing import Final

from landbridge.desired.rulesets import Ruleset
from landbridge.desired.tables import KINDS, Among, Field, Follow, Holder, Kind, NamedMap, NamedSet, Value
from landbridge.drivers.nftables.words import link

HOLDERS: Final = "address_holders"
_NAME: Final = re.compile(r"[a-z][a-z0-9]{0,15}(_[a-z0-9]{1,20}){1,3}")
"""With an underscore, which nft's own words do not have."""
_TAKEN: Final = re.compile(rf"{HOLDERS}|(prerouting|input|forward|output|postrouting)_[0-9]+")
_MARKS: Final = range(1 << 32)

_EXPRESSIONS: Final = {
    Field.IIF: "iifname",
    Field.OIF: "oifname",
    Field.SOURCE: "ip saddr",
    Field.DESTINATION: "ip daddr",
    Field.NEXT_HOP: "rt ip nexthop",
    Field.MARK: "meta mark",
    Field.FLOW_MARK: "ct mark",
}
_TYPES: Final = {Kind.LINK: "ifname", Kind.ADDRESS: "ipv4_addr", Kind.MARK: "mark"}

_MAP: Final = re.compile(r"\tmap (\S+) \{\n\t\ttype ipv4_addr : verdict\n\t\telements = \{(.*?)\}\n\t\}", re.DOTALL)
_HOLDERS: Final = re.compile(
    rf"\tset {HOLDERS} \{{\n\t\ttype ipv4_addr \. ifname\n\t\telements = \{{(.*?)\}}", re.DOTALL
)
_HOLDER: Final = re.compile(r'([0-9.]+) \. "([^"]+)"')
_ADDRESS: Final = re.compile(r"([0-9.]+) : ")


def name(text: str) -> str:
    """The name of a set, a map or a chain, checked.

    Raises:
        ValueError: it is none that could be given.
    """
    if not _NAME.fullmatch(text) or _TAKEN.fullmatch(text):
        raise ValueError(f"'{text}' is not a generated name")
    return text


def blocks(ruleset: Ruleset) -> str:
    """The sets and maps of a table.

    Raises:
        ValueError: two of one name, or an element that is not of its kind.
    """
    names = [each.name for each in ruleset.sets] + [each.name for each in ruleset.maps]
    if len(set(names)) != len(names):
        raise ValueError("two sets or maps have one name")
    chains = frozenset(chain.name for chain in ruleset.named)
    return "".join(
        (
            *(_set(each.name, each) for each in ruleset.sets),
            *(_map(each, chains) for each in ruleset.maps),
            _holders(ruleset.holders),
        )
    )


def among(wanted: Among, ruleset: Ruleset) -> str:
    """A condition.

    Raises:
        ValueError: there is no such set, or it holds something else.
    """
    kinds = tuple(KINDS[field] for field in wanted.fields)
    if not any(each.name == wanted.name and each.kinds == kinds for each in ruleset.sets):
        raise ValueError(f"there is no set '{wanted.name}' of {', '.join(kinds)}")
    return f"{' . '.join(_EXPRESSIONS[field] for field in wanted.fields)} @{name(wanted.name)}"


def follow(wanted: Follow, ruleset: Ruleset) -> str:
    """The end of a rule.

    Raises:
        ValueError: there is no such map, or it is about something else.
    """
    kind = KINDS[wanted.field]
    if not any(each.name == wanted.name and each.kind is kind for each in ruleset.maps):
        raise ValueError(f"there is no map '{wanted.name}' by {kind}")
    return f"{_EXPRESSIONS[wanted.field]} vmap @{name(wanted.name)}"


def holders_in(listing: str) -> dict[IPv4Address, str]:
    """Who has which address, by a table's listing."""
    found = _HOLDERS.search(listing)
    return {IPv4Address(address): port for address, port in _HOLDER.findall(found[1])} if found else {}


def closing(table: str, listing: str, addresses: Iterable[IPv4Address]) -> str:
    """A transaction after which these addresses begin nothing, by the table's listing; what it decided before stays."""
    wanted = frozenset(map(str, addresses))
    return "".join(
        f"delete element {table} {name(found[1])} {{ {', '.join(gone)} }}\n"
        for found in _MAP.finditer(listing)
        if (gone := [address for address in _ADDRESS.findall(found[2]) if address in wanted])
    )


def _set(called: str, wanted: NamedSet) -> str:
    if not wanted.kinds or any(len(element) != len(wanted.kinds) for element in wanted.elements):
        raise ValueError(f"the set '{called}' has elements of another shape")
    elements = sorted({" . ".join(map(_value, wanted.kinds, element)) for element in wanted.elements})
    return _block(f"set {name(called)}", " . ".join(_TYPES[kind] for kind in wanted.kinds), elements)


def _map(wanted: NamedMap, chains: frozenset[str]) -> str:
    elements: dict[str, str] = {}
    for key, chain in wanted.chains:
        if chain not in chains:
            raise ValueError(f"the map '{wanted.name}' leads to '{chain}', which is no chain of the table")
        if elements.setdefault(_value(wanted.kind, key), chain) != chain:
            raise ValueError(f"the map '{wanted.name}' leads from {key} to two chains")
    lines = [f"{key} : goto {name(chain)}" for key, chain in sorted(elements.items())]
    return _block(f"map {name(wanted.name)}", f"{_TYPES[wanted.kind]} : verdict", lines)


def _holders(holders: Iterable[Holder]) -> str:
    elements = sorted({f"{IPv4Address(each.address)} . {link(each.link)}" for each in holders})
    if len({element.split(" ")[0] for element in elements}) != len(elements):
        raise ValueError("an address has two holders")
    return _block(f"set {HOLDERS}", "ipv4_addr . ifname", elements) if elements else ""


def _block(head: str, kind: str, elements: list[str]) -> str:
    return f"\t{head} {{\n{''.join(_lines(kind, elements))}\t}}\n"


def _lines(kind: str, elements: list[str]) -> Iterator[str]:
    yield f"\t\ttype {kind}\n"
    if elements:
        yield f"\t\telements = {{ {', '.join(elements)} }}\n"


def _value(kind: Kind, value: Value) -> str:
    match kind, value:
        case Kind.LINK, str():
            return link(value)
        case Kind.ADDRESS, IPv4Address():
            return str(value)
        case Kind.MARK, int() if value in _MARKS:
            return f"0x{value:08x}"
    raise ValueError(f"{value!r} is not a {kind}")
