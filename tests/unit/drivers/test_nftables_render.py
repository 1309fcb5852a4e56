"""The text for nft: whatever the values, nothing but its own words, addresses, numbers and checked names."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.desired.rulesets import Chain, FilterRule, Hook, Ruleset, Verdict
from landbridge.desired.tables import Family, Mapped, OneToOne, Port
from landbridge.drivers.nftables import render

WORDS = frozenset(
    re.findall(
        r"\w+",
        """table ip chain type filter nat hook priority policy accept drop iifname oifname saddr daddr protocol udp tcp
        dport sport ct state established related status dnat snat to masquerade flags syn rst option maxseg size set
        prerouting input forward output postrouting
        hardware own ifname ether_addr ipv4_addr elements bridge from_ports to_ports ether arp
        zone zones map new original
        reply inwards outwards across itself meta mark pkttype host
        icmp code mtu rt ipsec missing fib frag off id numgen random mod offset jump 0x4000 0xbfff""",
    )
)
links = st.one_of(st.text(max_size=20), st.from_regex(r"[a-z0-9._-]{1,15}", fullmatch=True))
names = st.one_of(st.none(), links)
networks = st.lists(
    st.builds(lambda a, n: IPv4Network((a, n), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=4
).map(tuple)
hosts = st.integers(0, 2**32 - 1).map(IPv4Address)
addresses = st.one_of(st.none(), hosts)
rules = st.builds(
    FilterRule,
    verdict=st.one_of(st.none(), st.sampled_from(Verdict)),
    iif=names,
    oif=names,
    not_iif=names,
    leads_to=st.lists(names.filter(bool), max_size=3).map(tuple),
    source=networks,
    destination=networks,
    protocol=st.one_of(st.none(), st.sampled_from(["udp", "tcp", "icmp", "esp"]), st.text(max_size=5)),
    ports=st.lists(st.integers(-1, 70000), max_size=3).map(tuple),
    source_ports=st.lists(st.integers(-1, 70000), max_size=3).map(tuple),
    established=st.booleans(),
    dnatted=st.booleans(),
    in_clear=st.booleans(),
    to_here=st.booleans(),
    icmp_type=st.one_of(st.none(), st.just(3), st.integers(-1, 256)),
    icmp_code=st.one_of(st.none(), st.just(4), st.integers(-1, 256)),
    icmp_mtu_below=st.one_of(st.none(), st.integers(-1, 70000)),
    snat=addresses,
    dnat=addresses,
    mss=st.one_of(st.none(), st.integers(-1, 70000)),
)
chains = st.builds(
    Chain,
    hook=st.sampled_from(Hook),
    kind=st.one_of(st.sampled_from(["filter", "nat"]), st.text(max_size=6)),
    priority=st.integers(-1000, 1000),
    accept=st.booleans(),
    rules=st.lists(rules, max_size=2).map(tuple),
    for_syn=st.booleans(),
)
rulesets = st.builds(
    Ruleset,
    namespace=st.just("x"),
    name=st.one_of(
        st.just("landbridge"), st.text(max_size=12), st.from_regex(r"landbridge_[a-z0-9]{1,8}", fullmatch=True)
    ),
    chains=st.lists(chains, max_size=2).map(tuple),
)
good_rules = st.builds(
    FilterRule,
    verdict=st.sampled_from([Verdict.ACCEPT, Verdict.DROP]),
    iif=st.one_of(st.none(), st.from_regex(r"[a-z][a-z0-9._-]{0,14}", fullmatch=True)),
    source=networks,
    destination=networks,
    protocol=st.just("udp"),
    ports=st.lists(st.integers(1, 65535), max_size=3).map(tuple),
    source_ports=st.lists(st.integers(1, 65535), max_size=3).map(tuple),
)


def check_text(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.:/ \t\n{}\"(),;=!&|@-]*", text)
    for quoted in re.findall(r'"([^"]*)"', text):
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", quoted)
    unnamed = re.sub(r'"[^"]*"|\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b', "", text)
    for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", re.sub(r"\b0x[0-9a-f]{8}\b", "", unnamed)):
        bare = re.sub(r"_\d+(_syn)?$", "", word)
        assert bare in WORDS or render.TABLE_NAME.fullmatch(word), word


@given(rulesets)
def test_no_value_gets_anything_else_into_the_text(ruleset: Ruleset) -> None:
    try:
        text = render.table(ruleset)
    except ValueError:
        return
    check_text(text)


@given(st.lists(good_rules, max_size=4))
def test_good_rules_render_one_line_each(found: list[FilterRule]) -> None:
    text = render.table(Ruleset(namespace="x", chains=(Chain(hook=Hook.INPUT, rules=tuple(found)),)))
    check_text(text)
    assert text.count("\n") == 5 + len(found)


@given(
    st.lists(
        st.builds(
            Port,
            link=links,
            mac=st.one_of(st.from_regex(r"([0-9a-f]{2}:){5}[0-9a-f]{2}", fullmatch=True), st.text(max_size=20)),
            addresses=st.lists(hosts, min_size=1, max_size=3).map(tuple),
            checked=st.booleans(),
            router=st.one_of(st.just(""), st.just("02:00:00:00:00:01"), st.text(max_size=20)),
        ),
        max_size=4,
    )
)
def test_no_port_gets_anything_else_into_the_text(ports: list[Port]) -> None:
    try:
        text = render.table(Ruleset(namespace="x", family=Family.BRIDGE, ports=tuple(ports)))
    except ValueError:
        return
    check_text(text)


@given(
    links,
    st.lists(
        st.builds(Mapped, private=hosts, public=hosts, zone=st.integers(-1, 70000)),
        max_size=4,
    ),
)
def test_no_mapping_gets_anything_else_into_the_text(link: str, mapped: list[Mapped]) -> None:
    nat = OneToOne(inside=link, outside="out0", mapped=tuple(mapped))
    try:
        text = render.table(Ruleset(namespace="x", one_to_one=nat))
    except ValueError:
        return
    check_text(text)


def test_families_do_not_mix() -> None:
    port = Port(link="e1", mac="02:00:5e:00:53:01", addresses=(IPv4Address("10.0.0.4"),))
    for wrong in (
        Ruleset(namespace="x", ports=(port,)),
        Ruleset(namespace="x", family=Family.BRIDGE, chains=(Chain(hook=Hook.INPUT),)),
        Ruleset(namespace="x", family=Family.BRIDGE, one_to_one=OneToOne(inside="a", outside="b")),
    ):
        with pytest.raises(ValueError, match="family bridge"):
            render.table(wrong)


def test_a_rule_reads_as_nft_writes_it() -> None:
    rule = FilterRule(
        iif="a",
        not_iif="b",
        oif="c",
        source=(IPv4Network("10.0.0.0/8"), IPv4Network("10.1.0.0/16")),
        destination=(IPv4Network("192.0.2.0/25"), IPv4Network("198.51.100.1/32")),
        protocol="udp",
        ports=(4500, 500),
        source_ports=(179,),
        established=True,
        dnatted=True,
        to_here=True,
        in_clear=True,
        verdict=Verdict.DROP,
    )
    text = render.table(Ruleset(namespace="x", chains=(Chain(hook=Hook.FORWARD, accept=False, rules=(rule,)),)))
    assert text == (
        "table ip landbridge {\n"
        "\tchain forward_0 {\n"
        "\t\ttype filter hook forward priority 0; policy drop;\n"
        '\t\tiifname "a" iifname != "b" oifname "c" ip saddr 10.0.0.0/8 ip daddr { 192.0.2.0/25, 198.51.100.1/32 } '
        "ip protocol 17 udp dport { 500, 4500 } udp sport 179 ct state established,related ct status dnat "
        "fib daddr type local rt ipsec missing drop\n"
        "\t}\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("chain", "rule", "message"),
    [
        ({}, {"iif": 'x"; drop', "verdict": Verdict.DROP}, "not a generated link name"),
        ({}, {"iif": "x*", "verdict": Verdict.DROP}, "not a generated link name"),
        ({}, {"iif": "", "verdict": Verdict.DROP}, "not a generated link name"),
        ({}, {"iif": "a\n", "verdict": Verdict.DROP}, "not a generated link name"),
        ({}, {"protocol": "sctp", "verdict": Verdict.DROP}, "neither of udp"),
        ({}, {"ports": (1,), "protocol": "icmp", "verdict": Verdict.DROP}, "only udp and tcp"),
        ({}, {"ports": (0,), "protocol": "udp", "verdict": Verdict.DROP}, "from 1 to 65535"),
        ({}, {}, "exactly one"),
        ({}, {"verdict": Verdict.DROP, "snat": IPv4Address("1.1.1.1")}, "exactly one"),
        ({}, {"snat": IPv4Address("1.1.1.1")}, "nat chain"),
        ({"hook": Hook.PREROUTING, "kind": "nat"}, {"snat": IPv4Address("1.1.1.1")}, "does not work at"),
        ({"hook": Hook.POSTROUTING, "kind": "nat"}, {"dnat": IPv4Address("1.1.1.1")}, "does not work at"),
        ({"hook": Hook.PREROUTING, "kind": "nat"}, {"verdict": Verdict.MASQUERADE}, "does not work at"),
        ({"hook": Hook.FORWARD, "kind": "nat"}, {"verdict": Verdict.ACCEPT}, "cannot hang"),
        ({"kind": "route"}, {"verdict": Verdict.ACCEPT}, "cannot hang"),
        ({"priority": 501}, {"verdict": Verdict.ACCEPT}, "not within"),
        ({"for_syn": True, "accept": False}, {"verdict": Verdict.ACCEPT}, "its policy is to accept"),
        ({}, {"verdict": Verdict.CLAMP_MSS}, "belong together"),
        ({}, {"icmp_mtu_below": 1280, "verdict": Verdict.DROP}, "only 'fragmentation needed'"),
        (
            {},
            {"protocol": "icmp", "icmp_type": 8, "icmp_mtu_below": 1280, "verdict": Verdict.DROP},
            "only 'fragmentation",
        ),
        (
            {},
            {"protocol": "icmp", "icmp_type": 3, "icmp_code": 4, "icmp_mtu_below": 67, "verdict": Verdict.DROP},
            "not within",
        ),
        ({}, {"verdict": Verdict.DROP, "mss": 1000}, "belong together"),
        ({}, {"verdict": Verdict.CLAMP_MSS, "mss": 10}, "not within"),
        ({"hook": Hook.PREROUTING}, {"in_clear": True, "verdict": Verdict.DROP}, "does not work at"),
        ({"hook": Hook.FORWARD}, {"verdict": Verdict.CLEAR_DF}, "does not work at"),
        ({"hook": Hook.FORWARD}, {"leads_to": ("a",), "verdict": Verdict.DROP}, "does not work at"),
        ({"hook": Hook.PREROUTING}, {"leads_to": ('a"',), "verdict": Verdict.CLEAR_DF}, "not a generated link name"),
        ({"hook": Hook.PREROUTING, "kind": "nat"}, {"verdict": Verdict.CLEAR_DF}, "nothing else"),
        ({"hook": Hook.PREROUTING}, {"verdict": Verdict.CLEAR_DF, "mss": 1000}, "nothing else"),
        ({"hook": Hook.PREROUTING}, {"verdict": Verdict.CLEAR_DF, "dnat": IPv4Address("1.1.1.1")}, "nothing else"),
    ],
)
def test_what_makes_no_sense_is_refused(chain: dict[str, Any], rule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render.table(
            Ruleset(namespace="x", chains=(Chain(**{"hook": Hook.INPUT} | chain, rules=(FilterRule(**rule),)),))
        )


def test_clearing_df_keeps_what_else_the_field_says() -> None:
    rule = FilterRule(leads_to=("t1-2", "t1-1"), verdict=Verdict.CLEAR_DF)
    text = render.table(Ruleset(namespace="x", chains=(Chain(hook=Hook.PREROUTING, priority=-150, rules=(rule,)),)))
    towards = 'fib daddr . mark oifname { "t1-2", "t1-1" }'
    assert [line.strip() for line in text.splitlines()][3:5] == [
        f"ip frag-off 0x4000 ip id 0 {towards} ip id set numgen random mod 4294901760 offset 65536",
        f"ip frag-off & 0x4000 != 0 {towards} ip frag-off set ip frag-off & 0xbfff",
    ]


def test_a_chain_for_syns_costs_every_other_packet_one_comparison() -> None:
    rules = tuple(FilterRule(oif=link, verdict=Verdict.CLAMP_MSS, mss=1360) for link in ("a", "b"))
    text = render.table(Ruleset(namespace="x", chains=(Chain(hook=Hook.FORWARD, for_syn=True, rules=rules),)))
    assert [line.strip() for line in text.splitlines()] == [
        "table ip landbridge {",
        "chain forward_0_syn {",
        'oifname "a" tcp flags & (syn | rst) == syn tcp option maxseg size set 1360',
        'oifname "b" tcp flags & (syn | rst) == syn tcp option maxseg size set 1360',
        "}",
        "chain forward_0 {",
        "type filter hook forward priority 0; policy accept;",
        "tcp flags & (syn | rst) == syn jump forward_0_syn",
        "}",
        "}",
    ]


@pytest.mark.parametrize(
    "name", ["", "filter", "landbridge_", "landbridge x", "landbridge_x\n", "landbridge_" + "x" * 41]
)
def test_a_table_has_one_of_our_names(name: str) -> None:
    with pytest.raises(ValueError, match="not a name of one of our tables"):
        render.removal(name)


def test_the_fingerprint_follows_the_meaning() -> None:
    def rules(*ports: int) -> Ruleset:
        rule = FilterRule(protocol="udp", ports=ports, verdict=Verdict.ACCEPT)
        return Ruleset(namespace="x", chains=(Chain(hook=Hook.INPUT, rules=(rule,)),))

    assert render.fingerprint(rules(1, 2)) == render.fingerprint(rules(2, 1, 2))
    assert render.fingerprint(rules(1, 2)) != render.fingerprint(rules(1, 3))
