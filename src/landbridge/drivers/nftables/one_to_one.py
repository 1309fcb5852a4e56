"""1:1 NAT between two links as chains of nft's language. Pure.

Conntrack decides about a flow once, with its first packet, and remembers. So each mapping has a zone of its own, which
changes when the mapping does: what is tracked in the old zone belongs to no packet any more, and the flow is decided
about anew. And should two mappings, one after the other, have the same zone, a flow of the old one is stopped all the
same: what passes has to be translated as the mappings say now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from landbridge.desired.tables import OneToOne
from landbridge.drivers.nftables.words import link, pairs

_ZONES: Final = range(1, 1 << 16)


def chains(nat: OneToOne) -> str:
    """The five chains: zones, both translations, what may pass, and what the gateway itself takes (ICMP only)."""
    near, far = link(nat.inside), link(nat.outside)
    mapped = sorted(nat.mapped, key=lambda each: each.private)
    if not all(each.zone in _ZONES for each in mapped):
        raise ValueError(f"a zone is not within {_ZONES}")
    by_private = pairs((f"{each.private} : {each.public}",) for each in mapped)
    by_public = pairs((f"{each.public} : {each.private}",) for each in mapped)
    both = pairs((str(each.private), str(each.public)) for each in mapped)

    def chain(name: str, kind: str, hook: str, priority: int, policy: str, rules: Iterable[str]) -> str:
        head = f"\t\ttype {kind} hook {hook} priority {priority}; policy {policy};\n"
        # A set or a map of nothing is no set to nft: without mappings there are no rules either.
        body = "".join(f"\t\t{rule}\n" for rule in rules)
        return f"\tchain {name} {{\n{head}{body}\t}}\n"

    def when_mapped(*rules: str) -> Iterator[str]:
        return iter(rules if mapped else ())

    zones_out = pairs((f"{each.private} : {each.zone}",) for each in mapped)
    zones_in = pairs((f"{each.public} : {each.zone}",) for each in mapped)
    return "".join(
        (
            chain(
                "zones",
                "filter",
                "prerouting",
                -300,
                "accept",
                when_mapped(
                    f"iifname {near} ct zone set ip saddr map {zones_out}",
                    f"iifname {far} ct zone set ip daddr map {zones_in}",
                ),
            ),
            chain(
                "inwards",
                "nat",
                "prerouting",
                -100,
                "accept",
                when_mapped(f"iifname {far} dnat to ip daddr map {by_public}"),
            ),
            chain(
                "outwards",
                "nat",
                "postrouting",
                100,
                "accept",
                when_mapped(f"oifname {far} snat to ip saddr map {by_private}"),
            ),
            chain(
                "across",
                "filter",
                "forward",
                0,
                "drop",
                when_mapped(
                    # Begun inside. With the first packet the translation is still to come.
                    f"iifname {near} oifname {far} ct state new ip saddr "
                    f"{pairs((str(each.private),) for each in mapped)} accept",
                    f"ct original ip saddr . ct reply ip daddr {both} accept",
                    # Begun outside.
                    f"ct reply ip saddr . ct original ip daddr {both} accept",
                ),
            ),
            chain("itself", "filter", "input", 0, "drop", ["ip protocol 1 accept"]),
        )
    )
