"""A ruleset as nft's text. Pure.

The text consists of addresses, numbers, this module's own words, and link and table names that are checked here once
more, whatever was checked before: nothing that a user typed can become a rule.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from ipaddress import IPv4Network, collapse_addresses
from typing import Final

from landbridge.desired.objects import Chain, FilterRule, Hook, Ruleset, Verdict

TABLE_NAME: Final = re.compile(r"landbridge(_[A-Za-z0-9_]{1,40})?")
_LINK_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}")
_PROTOCOLS: Final = {"udp": 17, "tcp": 6, "icmp": 1, "esp": 50}
_WITH_PORTS: Final = frozenset({"udp", "tcp"})
_REWRITES_SOURCE: Final = frozenset({Hook.POSTROUTING, Hook.INPUT})
_REWRITES_DESTINATION: Final = frozenset({Hook.PREROUTING, Hook.OUTPUT})
_NAT_HOOKS: Final = _REWRITES_SOURCE | _REWRITES_DESTINATION
_MSS: Final = range(88, 65496)
"""From the least IPv4 datagram anybody has to take, less headers, upwards."""
_SYN: Final = "tcp flags & (syn | rst) == syn"
_NO_DF: Final = 0xBFFF
_PRIORITIES: Final = range(-500, 501)
_REMARK: Final = re.compile(r"[A-Za-z0-9_.: -]{1,120}")
SEAL: Final = "seal"
LISTED: Final = "listed"


def table(ruleset: Ruleset) -> str:
    """The table as a block of nft's language, without the seal.

    Raises:
        ValueError: a name is not one, or a rule makes no sense where it stands.
    """
    chains = "".join(_chain(index, chain) for index, chain in enumerate(ruleset.chains))
    return f"table ip {table_name(ruleset.name)} {{\n{chains}}}\n"


def fingerprint(ruleset: Ruleset) -> str:
    """Equal for rulesets that mean the same."""
    return digest(table(ruleset))


def digest(text: str) -> str:
    """Thirty-two hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def creation(ruleset: Ruleset, owner: str) -> str:
    """One transaction that makes the table; owner and fingerprint are the comment of its empty chain `seal`."""
    return table(ruleset) + _remark(ruleset.name, SEAL, f"{owner} {fingerprint(ruleset)}")


def replacement(ruleset: Ruleset, owner: str) -> str:
    """The same in the place of whatever has the table's name."""
    return removal(ruleset.name) + creation(ruleset, owner)


def listed(name: str, digest_of_listing: str) -> str:
    """A transaction that notes in the empty chain `listed` how the kernel lists the table without that chain.

    A chain of its own, since a comment cannot be changed and deleting a chain waits for 12 ms.
    """
    return _remark(name, LISTED, digest_of_listing)


def removal(name: str) -> str:
    """A transaction that takes a table away, whether it is there or not."""
    return f"table ip {table_name(name)} {{\n}}\ndelete table ip {table_name(name)}\n"


def table_name(name: str) -> str:
    """The name, checked."""
    if not TABLE_NAME.fullmatch(name):
        raise ValueError(f"'{name}' is not a name of one of our tables: landbridge, or landbridge_ and a suffix")
    return name


def _remark(name: str, chain: str, text: str) -> str:
    if not _REMARK.fullmatch(text):
        raise ValueError(f"'{text}' cannot be a remark in a table")
    return f'table ip {table_name(name)} {{\n\tchain {chain} {{\n\t\tcomment "{text}"\n\t}}\n}}\n'


def _chain(index: int, chain: Chain) -> str:
    if chain.kind not in ("filter", "nat") or (chain.kind == "nat" and chain.hook not in _NAT_HOOKS):
        raise ValueError(f"a chain of kind '{chain.kind}' cannot hang at {chain.hook}")
    if chain.priority not in _PRIORITIES:
        raise ValueError(f"chain priority {chain.priority} is not within {_PRIORITIES}")
    hook = Hook(chain.hook).value
    policy = "accept" if chain.accept else "drop"
    head = f"\t\ttype {chain.kind} hook {hook} priority {int(chain.priority)}; policy {policy};\n"
    rules = "".join(f"\t\t{line}\n" for rule in chain.rules for line in _lines(rule, chain))
    name = f"{hook}_{index}"
    if not chain.for_syn:
        return f"\tchain {name} {{\n{head}{rules}\t}}\n"
    if not chain.accept:
        raise ValueError("a chain for SYNs alone lets everything else pass: its policy is to accept")
    return f"\tchain {name}_syn {{\n{rules}\t}}\n\tchain {name} {{\n{head}\t\t{_SYN} jump {name}_syn\n\t}}\n"


def _lines(rule: FilterRule, chain: Chain) -> Iterator[str]:
    conditions = list(_conditions(rule, chain))
    if rule.verdict is Verdict.CLEAR_DF:
        # Looking a route up is dear: after what is cheap.
        return (" ".join((match, *conditions, change)) for match, change in _clearing(rule, chain))
    return iter((" ".join((*conditions, _end(rule, chain))),))


def _conditions(rule: FilterRule, chain: Chain) -> Iterator[str]:
    if rule.iif is not None:
        yield f"iifname {_link(rule.iif)}"
    if rule.not_iif is not None:
        yield f"iifname != {_link(rule.not_iif)}"
    if rule.oif is not None:
        yield f"oifname {_link(rule.oif)}"
    yield from _prefixes("saddr", rule.source)
    yield from _prefixes("daddr", rule.destination)
    if rule.protocol is not None:
        if rule.protocol not in _PROTOCOLS:
            raise ValueError(f"'{rule.protocol}' is none of {', '.join(_PROTOCOLS)}")
        yield f"ip protocol {_PROTOCOLS[rule.protocol]}"
    yield from _ports("dport", rule.ports, rule.protocol)
    yield from _ports("sport", rule.source_ports, rule.protocol)
    if rule.established:
        yield "ct state established,related"
    if rule.dnatted:
        yield "ct status dnat"
    if rule.leads_to:
        _at(chain, frozenset({Hook.PREROUTING}), "a look at the routing table")
        # The packet's mark decides as well where the machine has rules by mark.
        yield f"fib daddr . mark oifname {_set([_link(link) for link in rule.leads_to])}"


def _ports(which: str, ports: tuple[int, ...], protocol: str | None) -> Iterator[str]:
    if not ports:
        return
    if protocol not in _WITH_PORTS:
        raise ValueError("only udp and tcp have ports")
    if not all(0 < port < 1 << 16 for port in ports):
        raise ValueError("a port is a number from 1 to 65535")
    yield f"{protocol} {which} {_set([str(int(port)) for port in sorted(set(ports))])}"


def _clearing(rule: FilterRule, chain: Chain) -> tuple[tuple[str, str], ...]:
    """What a packet has to be like, and what is changed in it."""
    # Too late anywhere else: routers refuse what is too large before they forward it.
    _at(chain, frozenset({Hook.PREROUTING}), "clearing DF")
    if (chain.kind, rule.mss, rule.snat, rule.dnat) != ("filter", None, None, None):
        raise ValueError("a rule that clears DF does nothing else, in a filter chain")
    return (
        # Senders number packets that nobody may fragment all alike, with 0. Fragments are put together by number.
        # nft makes 32 bits and takes two bytes of them, which two depends on its version: hence random in both.
        ("ip frag-off 0x4000 ip id 0", "ip id set numgen random mod 4294901760 offset 65536"),
        ("ip frag-off & 0x4000 != 0", f"ip frag-off set ip frag-off & {_NO_DF:#x}"),
    )


def _end(rule: FilterRule, chain: Chain) -> str:
    if [rule.verdict, rule.snat, rule.dnat].count(None) != 2:
        raise ValueError("a rule ends in exactly one of a verdict, snat and dnat")
    if (rule.mss is not None) != (rule.verdict is Verdict.CLAMP_MSS):
        raise ValueError("mss and the verdict clamp-mss belong together")
    nat = rule.snat is not None or rule.dnat is not None or rule.verdict is Verdict.MASQUERADE
    if nat != (chain.kind == "nat") and rule.verdict not in (Verdict.ACCEPT, Verdict.DROP):
        raise ValueError(f"a rule that rewrites addresses, and no other, belongs in a nat chain, not {chain.kind}")
    if rule.snat is not None:
        _at(chain, _REWRITES_SOURCE, "snat")
        return f"snat to {rule.snat}"
    if rule.dnat is not None:
        _at(chain, _REWRITES_DESTINATION, "dnat")
        return f"dnat to {rule.dnat}"
    match rule.verdict:
        case Verdict.MASQUERADE:
            _at(chain, frozenset({Hook.POSTROUTING}), "masquerade")
            return "masquerade"
        case Verdict.CLAMP_MSS:
            assert rule.mss is not None
            if rule.mss not in _MSS:
                raise ValueError(f"an MSS of {rule.mss} is not within {_MSS}")
            # nft sets the option only where it is greater (nft_exthdr.c).
            return f"{_SYN} tcp option maxseg size set {int(rule.mss)}"
        case Verdict.DROP:
            return "drop"
        case _:
            return "accept"


def _at(chain: Chain, hooks: frozenset[Hook], what: str) -> None:
    if chain.hook not in hooks:
        raise ValueError(f"{what} does not work at {chain.hook}")


def _link(name: str) -> str:
    if not _LINK_NAME.fullmatch(name):
        raise ValueError(f"'{name}' is not a generated link name")
    return f'"{name}"'


def _prefixes(field: str, networks: tuple[IPv4Network, ...]) -> Iterator[str]:
    # nft refuses sets whose intervals overlap; nor does it matter in which order they were named.
    merged = [str(IPv4Network(network)) for network in collapse_addresses(networks)]
    if merged and merged != ["0.0.0.0/0"]:
        yield f"ip {field} {_set(merged)}"


def _set(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{{ {', '.join(items)} }}"
