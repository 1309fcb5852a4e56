"""Sets, maps and named chains in nft's text: whatever the values, nothing but checked names, numbers and own words."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.desired.rulesets import Chain, FilterRule, Hook, NamedChain, Ruleset, Verdict
from landbridge.desired.tables import KINDS, Among, Family, Field, Follow, Holder, Kind, NamedMap, NamedSet
from landbridge.drivers.nftables import lookups, render

WORDS = frozenset(
    re.findall(
        r"\w+",
        """table ip chain type filter hook forward priority policy accept drop iifname oifname saddr daddr protocol udp
        tcp icmp code dport ct state established related direction original status confirmed mark meta set map elements
        verdict goto vmap rt nexthop ifname ipv4_addr address_holders""",
    )
)
junk = st.one_of(
    st.text(max_size=20),
    st.sampled_from(['x"; drop', "in", "a_b }", "forward_0", "seal", "a_b\n", "address_holders", "A_B", "accept"]),
)
good_names = st.from_regex(r"[a-z]{1,8}_[a-z0-9]{1,8}", fullmatch=True)
names = st.one_of(junk, good_names)
addresses = st.integers(0, 2**32 - 1).map(IPv4Address)
values = st.one_of(junk, st.from_regex(r"[a-z0-9._-]{1,15}", fullmatch=True), addresses, st.integers(-1, 2**32))
kinds = st.sampled_from(Kind)
fields = st.sampled_from(Field)
sets = st.builds(
    NamedSet,
    name=names,
    kinds=st.lists(kinds, max_size=2).map(tuple),
    elements=st.lists(st.lists(values, max_size=2).map(tuple), max_size=2).map(tuple),
)
maps = st.builds(NamedMap, name=names, kind=kinds, chains=st.lists(st.tuples(values, names), max_size=2).map(tuple))
numbers = st.one_of(st.none(), st.integers(-1, 300))
rules = st.builds(
    FilterRule,
    verdict=st.one_of(st.none(), st.sampled_from([Verdict.ACCEPT, Verdict.KEEP_MARK])),
    protocol=st.one_of(st.none(), st.sampled_from(["tcp", "icmp"]), st.integers(-1, 300), st.text(max_size=4)),
    port_range=st.one_of(st.none(), st.tuples(st.integers(-1, 70000), st.integers(-1, 70000))),
    icmp_type=numbers,
    icmp_code=numbers,
    among=st.one_of(st.none(), st.builds(Among, st.lists(fields, max_size=2).map(tuple), names)),
    established=st.booleans(),
    original=st.booleans(),
    fresh=st.booleans(),
    marked=st.one_of(st.none(), st.booleans()),
    flow_marked=st.one_of(st.none(), st.booleans()),
    follow=st.one_of(st.none(), st.builds(Follow, fields, names)),
)
rulesets = st.builds(
    Ruleset,
    namespace=st.just("x"),
    chains=st.lists(
        st.builds(Chain, hook=st.just(Hook.FORWARD), rules=st.lists(rules, max_size=2).map(tuple)), max_size=1
    ).map(tuple),
    named=st.lists(st.builds(NamedChain, name=names, rules=st.lists(rules, max_size=1).map(tuple)), max_size=2).map(
        tuple
    ),
    sets=st.lists(sets, max_size=2).map(tuple),
    maps=st.lists(maps, max_size=2).map(tuple),
    holders=st.lists(st.builds(Holder, address=addresses, link=st.one_of(junk, st.just("e1"))), max_size=2).map(tuple),
)


@given(rulesets)
def test_no_value_gets_anything_else_into_the_text(ruleset: Ruleset) -> None:
    try:
        text = render.table(ruleset)
    except ValueError:
        return
    assert re.fullmatch(r"[A-Za-z0-9_.:/ \t\n{}\"(),;=!@-]*", text)
    for quoted in re.findall(r'"([^"]*)"', text):
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", quoted)
    given_names = {each.name for several in (ruleset.named, ruleset.sets, ruleset.maps) for each in several}
    for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", re.sub(r'"[^"]*"|\b0x[0-9a-f]{8}\b', "", text)):
        assert word in WORDS or word in ("landbridge", "forward_0") or word in given_names, word
    for name in given_names:
        assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)+", name)


ONE, TWO = IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")
FULL = Ruleset(
    namespace="x",
    sets=(
        NamedSet(name="same_subnet", kinds=(Kind.LINK, Kind.LINK), elements=(("b", "b"), ("a", "a"), ("b", "b"))),
        NamedSet(name="no_one", kinds=(Kind.MARK, Kind.ADDRESS)),
    ),
    maps=(NamedMap(name="to_address", kind=Kind.ADDRESS, chains=((TWO, "in_0"), (ONE, "in_0"))),),
    named=(
        NamedChain(
            name="in_0",
            rules=(
                FilterRule(protocol="icmp", icmp_type=8, icmp_code=0, verdict=Verdict.ACCEPT),
                FilterRule(
                    protocol="tcp", port_range=(22, 22), source=(IPv4Network("10.0.0.0/8"),), verdict=Verdict.ACCEPT
                ),
                FilterRule(protocol="udp", port_range=(0, 99), verdict=Verdict.ACCEPT),
                FilterRule(protocol=50, verdict=Verdict.ACCEPT),
            ),
        ),
    ),
    chains=(
        Chain(
            hook=Hook.FORWARD,
            accept=False,
            rules=(
                FilterRule(among=Among((Field.IIF, Field.OIF), "same_subnet"), verdict=Verdict.ACCEPT),
                FilterRule(
                    established=True,
                    original=True,
                    flow_marked=False,
                    among=Among((Field.FLOW_MARK, Field.NEXT_HOP), "no_one"),
                    verdict=Verdict.ACCEPT,
                ),
                FilterRule(fresh=True, marked=True, verdict=Verdict.KEEP_MARK),
                FilterRule(follow=Follow(Field.NEXT_HOP, "to_address")),
            ),
        ),
    ),
    holders=(Holder(address=TWO, link="e2"), Holder(address=ONE, link="e1")),
)


def test_a_table_reads_as_nft_writes_it() -> None:
    assert render.table(FULL) == (
        "table ip landbridge {\n"
        "\tset same_subnet {\n"
        "\t\ttype ifname . ifname\n"
        '\t\telements = { "a" . "a", "b" . "b" }\n'
        "\t}\n"
        "\tset no_one {\n"
        "\t\ttype mark . ipv4_addr\n"
        "\t}\n"
        "\tmap to_address {\n"
        "\t\ttype ipv4_addr : verdict\n"
        "\t\telements = { 10.0.0.1 : goto in_0, 10.0.0.2 : goto in_0 }\n"
        "\t}\n"
        "\tset address_holders {\n"
        "\t\ttype ipv4_addr . ifname\n"
        '\t\telements = { 10.0.0.1 . "e1", 10.0.0.2 . "e2" }\n'
        "\t}\n"
        "\tchain in_0 {\n"
        "\t\tip protocol 1 icmp type 8 icmp code 0 accept\n"
        "\t\tip saddr 10.0.0.0/8 ip protocol 6 tcp dport 22 accept\n"
        "\t\tip protocol 17 udp dport 0-99 accept\n"
        "\t\tip protocol 50 accept\n"
        "\t\tdrop\n"
        "\t}\n"
        "\tchain forward_0 {\n"
        "\t\ttype filter hook forward priority 0; policy drop;\n"
        "\t\tiifname . oifname @same_subnet accept\n"
        "\t\tct mark . rt ip nexthop @no_one ct state established,related ct direction original ct mark 0 accept\n"
        "\t\tct status ! confirmed meta mark != 0 ct mark set meta mark\n"
        "\t\trt ip nexthop vmap @to_address\n"
        "\t}\n"
        "}\n"
    )


def test_who_had_an_address_is_read_out_of_the_text() -> None:
    assert lookups.holders_in(render.table(FULL)) == {ONE: "e1", TWO: "e2"}
    assert lookups.holders_in("table ip landbridge {\n}\n") == {}
    gone = lookups.closing("ip landbridge", render.table(FULL), [ONE, IPv4Address("10.0.0.3")])
    assert gone == "delete element ip landbridge to_address { 10.0.0.1 }\n"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"named": (NamedChain(name="drop"),)}, "not a generated name"),
        ({"named": (NamedChain(name="forward_0"),)}, "not a generated name"),
        ({"named": (NamedChain(name="a_b"), NamedChain(name="a_b"))}, "one name"),
        ({"sets": (NamedSet(name="a_b", kinds=(Kind.LINK,)), NamedSet(name="a_b", kinds=(Kind.LINK,)))}, "one name"),
        ({"sets": (NamedSet(name="a_b", kinds=(Kind.LINK,), elements=(("a", "b"),)),)}, "another shape"),
        ({"sets": (NamedSet(name="a_b", kinds=()),)}, "another shape"),
        ({"sets": (NamedSet(name="a_b", kinds=(Kind.LINK,), elements=((ONE,),)),)}, "is not a link"),
        ({"sets": (NamedSet(name="a_b", kinds=(Kind.MARK,), elements=((2**32,),)),)}, "is not a mark"),
        ({"sets": (NamedSet(name="a_b", kinds=(Kind.LINK,), elements=(('x" drop',),)),)}, "not a generated link"),
        ({"maps": (NamedMap(name="a_b", kind=Kind.ADDRESS, chains=((ONE, "in_0"),)),)}, "no chain of the table"),
        ({"holders": (Holder(address=ONE, link="a"), Holder(address=ONE, link="b"))}, "two holders"),
        ({"family": Family.BRIDGE, "holders": (Holder(address=ONE, link="a"),)}, "family bridge"),
    ],
)
def test_tables_that_make_no_sense_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        render.table(Ruleset(**{"namespace": "x"} | wrong))


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"protocol": 256, "verdict": Verdict.ACCEPT}, "nor a protocol's number"),
        ({"protocol": "icmp", "icmp_code": 0, "verdict": Verdict.ACCEPT}, "only types have codes"),
        ({"icmp_type": 0, "verdict": Verdict.ACCEPT}, "only icmp has types"),
        ({"protocol": "icmp", "icmp_type": 256, "verdict": Verdict.ACCEPT}, "from 0 to 255"),
        ({"protocol": "icmp", "port_range": (1, 2), "verdict": Verdict.ACCEPT}, "only udp and tcp"),
        ({"protocol": "udp", "port_range": (2, 1), "verdict": Verdict.ACCEPT}, "a range of ports"),
        ({"protocol": "udp", "port_range": (0, 65536), "verdict": Verdict.ACCEPT}, "a range of ports"),
        ({"among": Among((Field.SOURCE,), "a_b"), "verdict": Verdict.ACCEPT}, "no set"),
        ({"among": Among((Field.SOURCE,), "no_one"), "verdict": Verdict.ACCEPT}, "no set"),
        ({"follow": Follow(Field.IIF, "to_address")}, "no map"),
        ({"follow": Follow(Field.SOURCE, "a_b")}, "no map"),
        ({"follow": Follow(Field.SOURCE, "to_address"), "verdict": Verdict.ACCEPT}, "exactly one"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rule: dict[str, Any], message: str) -> None:
    chain = Chain(hook=Hook.FORWARD, rules=(FilterRule(**rule),))
    with pytest.raises(ValueError, match=message):
        render.table(Ruleset(namespace="x", sets=FULL.sets, maps=FULL.maps, named=FULL.named, chains=(chain,)))


def test_every_field_has_a_kind() -> None:
    assert KINDS.keys() == set(Field)
