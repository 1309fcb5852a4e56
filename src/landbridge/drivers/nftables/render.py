"""A ruleset as nft's text. Pure.

The text consists of addresses, numbers, this module's own words, and link and table names that are checked here once
more, whatever was checked before: nothing that a user typed can become a rule.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Network, collapse_addresses
from typing import Final

from landbridge.desired.rulesets import Chain, FilterRule, Hook, NamedChain, Ruleset, Verdict
from landbridge.desired.tables import Family
from landbridge.drivers.nftables import lookups, one_to_one, ports
from landbridge.drivers.nftables.words import link

TABLE_NAME: Final = re.compile(r"landbridge(_[A-Za-z0-9_]{1,40})?")
_PROTOCOLS: Final[Mapping[str | int, int]] = {"udp": 17, "tcp": 6, "icmp": 1, "esp": 50}
_NUMBERS: Final = range(256)
_WITH_PORTS: Final = frozenset({"udp", "tcp"})
_REWRITES_SOURCE: Final = frozenset({Hook.POSTROUTING, Hook.INPUT})
_REWRITES_DESTINATION: Final = frozenset({Hook.PREROUTING, Hook.OUTPUT})
_ROUTED: Final = frozenset({Hook.FORWARD, Hook.OUTPUT, Hook.POSTROUTING})
_NAT_HOOKS: Final = _REWRITES_SOURCE | _REWRITES_DESTINATION
_MSS: Final = range(88, 65496)
"""From the least IPv4 datagram anybody has to take, less headers, upwards."""
_MTUS: Final = range(68, 65536)
"""From what every link of IPv4 carries (RFC 791) upwards."""
_FRAGMENTATION_NEEDED: Final = (3, 4)
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
    others = (ruleset.chains, ruleset.one_to_one, ruleset.named, ruleset.sets, ruleset.maps, ruleset.holders)
    if ruleset.ports if ruleset.family is Family.IP else any(others):
        raise ValueError("ports, and nothing else, go into a table of the family bridge")
    if len({chain.name for chain in ruleset.named}) != len(ruleset.named):
        raise ValueError("two chains have one name")
    chains = lookups.blocks(ruleset)
    chains += "".join(_named(chain, ruleset) for chain in ruleset.named)
    chains += "".join(_chain(index, chain, ruleset) for index, chain in enumerate(ruleset.chains))
    if ruleset.one_to_one is not None:
        chains += one_to_one.chains(ruleset.one_to_one)
    if ruleset.family is Family.BRIDGE:
        chains += ports.chains(ruleset.ports)
    return f"table {_place(ruleset.family, ruleset.name)} {{\n{chains}}}\n"


def fingerprint(ruleset: Ruleset) -> str:
    """Equal for rulesets that mean the same."""
    return digest(table(ruleset))


def digest(text: str) -> str:
    """Thirty-two hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def creation(ruleset: Ruleset, owner: str) -> str:
    """One transaction that makes the table; owner and fingerprint are the comment of its empty chain `seal`."""
    text = table(ruleset)
    return text + _remark(ruleset.family, ruleset.name, SEAL, f"{owner} {digest(text)}")


def listed(name: str, digest_of_listing: str, family: Family = Family.IP) -> str:
    """A transaction that notes in the empty chain `listed` how the kernel lists the table without that chain.

    A chain of its own, since a comment cannot be changed and deleting a chain waits for 12 ms.
    """
    return _remark(family, name, LISTED, digest_of_listing)


def removal(name: str, family: Family = Family.IP) -> str:
    """A transaction that takes a table away, whether it is there or not."""
    return f"table {_place(family, name)} {{\n}}\ndelete table {_place(family, name)}\n"


def table_name(name: str) -> str:
    """The name, checked."""
    if not TABLE_NAME.fullmatch(name):
        raise ValueError(f"'{name}' is not a name of one of our tables: landbridge, or landbridge_ and a suffix")
    return name


def _place(family: Family, name: str) -> str:
    return f"{Family(family).value} {table_name(name)}"


def _remark(family: Family, name: str, chain: str, text: str) -> str:
    if not _REMARK.fullmatch(text):
        raise ValueError(f"'{text}' cannot be a remark in a table")
    return f'table {_place(family, name)} {{\n\tchain {chain} {{\n\t\tcomment "{text}"\n\t}}\n}}\n'


def _named(chain: NamedChain, ruleset: Ruleset) -> str:
    # Nothing is sent to where it has to be translated.
    elsewhere = Chain(hook=Hook.FORWARD, rules=chain.rules)
    rules = "".join(f"\t\t{line}\n" for rule in chain.rules for line in _lines(rule, elsewhere, ruleset))
    return f"\tchain {lookups.name(chain.name)} {{\n{rules}\t\tdrop\n\t}}\n"


def _chain(index: int, chain: Chain, ruleset: Ruleset) -> str:
    if chain.kind not in ("filter", "nat") or (chain.kind == "nat" and chain.hook not in _NAT_HOOKS):
        raise ValueError(f"a chain of kind '{chain.kind}' cannot hang at {chain.hook}")
    if chain.priority not in _PRIORITIES:
        raise ValueError(f"chain priority {chain.priority} is not within {_PRIORITIES}")
    hook = Hook(chain.hook).value
    policy = "accept" if chain.accept else "drop"
    head = f"\t\ttype {chain.kind} hook {hook} priority {int(chain.priority)}; policy {policy};\n"
    rules = "".join(f"\t\t{line}\n" for rule in chain.rules for line in _lines(rule, chain, ruleset))
    name = f"{hook}_{index}"
    if not chain.for_syn:
        return f"\tchain {name} {{\n{head}{rules}\t}}\n"
    if not chain.accept:
        raise ValueError("a chain for SYNs alone lets everything else pass: its policy is to accept")
    return f"\tchain {name}_syn {{\n{rules}\t}}\n\tchain {name} {{\n{head}\t\t{_SYN} jump {name}_syn\n\t}}\n"


def _lines(rule: FilterRule, chain: Chain, ruleset: Ruleset) -> Iterator[str]:
    conditions = list(_conditions(rule, chain, ruleset))
    if rule.verdict is Verdict.CLEAR_DF:
        # Looking a route up is dear: after what is cheap.
        return (" ".join((match, *conditions, change)) for match, change in _clearing(rule, chain))
    return iter((" ".join((*conditions, _end(rule, chain, ruleset))),))


def _conditions(rule: FilterRule, chain: Chain, ruleset: Ruleset) -> Iterator[str]:
    if rule.iif is not None:
        yield f"iifname {link(rule.iif)}"
    if rule.not_iif is not None:
        yield f"iifname != {link(rule.not_iif)}"
    if rule.oif is not None:
        yield f"oifname {link(rule.oif)}"
    yield from _prefixes("saddr", rule.source)
    yield from _prefixes("daddr", rule.destination)
    if rule.among is not None:
        yield lookups.among(rule.among, ruleset)
    if rule.protocol is not None:
        number = _PROTOCOLS.get(rule.protocol, rule.protocol)
        if number not in _NUMBERS:
            raise ValueError(
                f"'{rule.protocol}' is neither of {', '.join(map(str, _PROTOCOLS))} nor a protocol's number"
            )
        yield f"ip protocol {int(number)}"
    yield from _ports("dport", rule.ports, rule.protocol)
    yield from _ports("sport", rule.source_ports, rule.protocol)
    yield from _port_range(rule.port_range, rule.protocol)
    yield from _icmp(rule)
    yield from _flow(rule, chain)


def _flow(rule: FilterRule, chain: Chain) -> Iterator[str]:
    if rule.established:
        yield "ct state established,related"
    if rule.original:
        yield "ct direction original"
    if rule.fresh:
        yield "ct status ! confirmed"
    if rule.dnatted:
        yield "ct status dnat"
    if rule.to_here:
        yield "fib daddr type local"
    if rule.in_clear:
        _at(chain, _ROUTED, "a look at IPsec policies")
        yield "rt ipsec missing"
    for what, marked in (("meta", rule.marked), ("ct", rule.flow_marked)):
        if marked is not None:
            yield f"{what} mark {'!= ' if marked else ''}0"
    if rule.leads_to:
        _at(chain, frozenset({Hook.PREROUTING}), "a look at the routing table")
        # The packet's mark decides as well where the machine has rules by mark.
        yield f"fib daddr . mark oifname {_set([link(name) for name in rule.leads_to])}"


def _icmp(rule: FilterRule) -> Iterator[str]:
    if rule.icmp_mtu_below is not None and (rule.icmp_type, rule.icmp_code) != _FRAGMENTATION_NEEDED:
        raise ValueError("only 'fragmentation needed' (icmp, type 3, code 4) names an MTU")
    if rule.icmp_type is None and rule.icmp_code is None:
        return
    if rule.protocol != "icmp" or rule.icmp_type is None:
        raise ValueError("only icmp has types, and only types have codes")
    for what, value in (("type", rule.icmp_type), ("code", rule.icmp_code)):
        if value is not None:
            if value not in _NUMBERS:
                raise ValueError(f"an ICMP {what} is a number from 0 to 255")
            yield f"icmp {what} {int(value)}"
    if rule.icmp_mtu_below is not None:
        if rule.icmp_mtu_below not in _MTUS:
            raise ValueError(f"an MTU of {rule.icmp_mtu_below} is not within {_MTUS}")
        yield f"icmp mtu < {int(rule.icmp_mtu_below)}"


def _port_range(ports: tuple[int, int] | None, protocol: str | int | None) -> Iterator[str]:
    if ports is None:
        return
    if protocol not in _WITH_PORTS:
        raise ValueError("only udp and tcp have ports")
    first, last = ports
    if not 0 <= first <= last < 1 << 16:
        raise ValueError("a range of ports goes from a number from 0 up to one below 65536")
    yield f"{protocol} dport {int(first)}" + (f"-{int(last)}" if last > first else "")


def _ports(which: str, ports: tuple[int, ...], protocol: str | int | None) -> Iterator[str]:
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
    if (chain.kind, rule.mss, rule.snat, rule.dnat, rule.follow) != ("filter", None, None, None, None):
        raise ValueError("a rule that clears DF does nothing else, in a filter chain")
    return (
        # Senders number packets that nobody may fragment all alike, with 0. Fragments are put together by number.
        # nft makes 32 bits and takes two bytes of them, which two depends on its version: hence random in both.
        ("ip frag-off 0x4000 ip id 0", "ip id set numgen random mod 4294901760 offset 65536"),
        ("ip frag-off & 0x4000 != 0", f"ip frag-off set ip frag-off & {_NO_DF:#x}"),
    )


def _end(rule: FilterRule, chain: Chain, ruleset: Ruleset) -> str:
    if [rule.verdict, rule.snat, rule.dnat, rule.follow].count(None) != 3:
        raise ValueError("a rule ends in exactly one of a verdict, snat, dnat and where to follow")
    if (rule.mss is not None) != (rule.verdict is Verdict.CLAMP_MSS):
        raise ValueError("mss and the verdict clamp-mss belong together")
    if rule.follow is not None:
        return lookups.follow(rule.follow, ruleset)
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
        case Verdict.KEEP_MARK:
            return "ct mark set meta mark"
        case Verdict.DROP:
            return "drop"
        case _:
            return "accept"


def _at(chain: Chain, hooks: frozenset[Hook], what: str) -> None:
    if chain.hook not in hooks:
        raise ValueError(f"{what} does not work at {chain.hook}")


def _prefixes(field: str, networks: tuple[IPv4Network, ...]) -> Iterator[str]:
    # nft refuses sets whose intervals overlap; nor does it matter in which order they were named.
    merged = [str(IPv4Network(network)) for network in collapse_addresses(networks)]
    if merged and merged != ["0.0.0.0/0"]:
        yield f"ip {field} {_set(merged)}"


def _set(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{{ {', '.join(items)} }}"
