"""The plan's order, over any two states, and the values and lines it consists of."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest
from host_states import ike, site, states
from hypothesis import given

from landbridge.desired.ike import Charon, IkeConnection
from landbridge.desired.links import Address, Bridge, Namespace, TunnelDevice, VethEnd
from landbridge.desired.objects import HostObject, Key, Seen, host_state
from landbridge.desired.speakers import Speaker
from landbridge.drivers.fake import fingerprint
from landbridge.reconcile.diff import Plan, PlanError, diff, needed_by
from landbridge.reconcile.steps import Change, Create, Delete

State = dict[Key, HostObject]


def plan_of(desired: State, actual: State) -> Plan:
    return diff(desired, actual, fingerprint)


def places(plan: Plan) -> tuple[dict[Key, int], dict[Key, int]]:
    deletes: dict[Key, int] = {}
    puts: dict[Key, int] = {}
    for number, wave in enumerate(plan.waves):
        for step in wave:
            (deletes if isinstance(step, Delete) else puts)[step.key] = number
    return deletes, puts


@given(states(), states())
def test_order(desired: State, actual: State) -> None:
    plan = plan_of(desired, actual)
    deletes, puts = places(plan)
    assert max(deletes.values(), default=-1) < min(puts.values(), default=len(plan.waves))
    for key, number in puts.items():
        for need in desired[key].needs:
            assert need not in deletes, "what needs a replaced object waits"
            assert puts.get(need, -1) < number
            assert need in puts or need in actual
    for key, number in deletes.items():
        for need in actual[key].needs:
            assert number < deletes.get(need, len(plan.waves)), "dependants go first"
    daemons = [number for key, number in deletes.items() if isinstance(actual[key], Charon | Speaker)]
    speakers = [number for key, number in deletes.items() if isinstance(actual[key], Speaker)]
    tunnels = [number for key, number in deletes.items() if isinstance(actual[key], IkeConnection)]
    assert max(speakers, default=-1) < min(tunnels, default=len(plan.waves)), "wherever they are"
    spaces = [number for key, number in deletes.items() if isinstance(actual[key], Namespace)]
    assert max(daemons, default=-1) < min(spaces, default=len(plan.waves))


@given(states(), states())
def test_the_plan_is_a_value(desired: State, actual: State) -> None:
    plan = plan_of(desired, actual)
    again = plan_of(dict(reversed(desired.items())), dict(reversed(actual.items())))
    assert plan == again
    assert str(plan) == str(again)
    assert all("secret" not in line for line in str(plan).splitlines())
    assert len(str(plan).splitlines()) == len(plan)
    assert bool(plan) == (desired != actual)


@given(states(), states())
def test_knowing_what_differs_gives_the_same_plan(desired: State, actual: State) -> None:
    differing = {key for key in desired.keys() | actual.keys() if desired.get(key) != actual.get(key)}
    known = diff(desired, actual, fingerprint, only=differing, dependants=needed_by(actual.values()))
    assert known == plan_of(desired, actual)


def test_every_site_in_order() -> None:
    assert str(plan_of(site(), {})) == (
        "create namespace ep1 (owner test)\n"
        "create namespace gw1 (owner test, forwarding True)\n"
        "create charon ep1 (data_plane libipsec)\n"
        "create veth-end (host)/e1 (peer_namespace ep1, peer_name up)\n"
        "create veth-end ep1/up (peer_namespace (host), peer_name e1)\n"
        "create address ep1/up/192.0.2.1/24\n"
        "create tunnel-device gw1/tun1 (endpoint ep1, data_plane libipsec, mtu 1400)\n"
        "create address gw1/tun1/169.254.1.1/30 (peer 169.254.1.2)\n"
        "create ike-connection ep1/c1 (local 192.0.2.1, remote 198.51.100.1, local_id 192.0.2.1, "
        "remote_id 198.51.100.1, psk ***)\n"
        "create kernel-route gw1/254/10.9.0.0/16/0 (gateway 169.254.1.2)\n"
        "create speaker gw1 (router_id 169.254.1.1, asn 64512)"
    )


def test_a_namespace_outlives_the_charon_whose_tun_it_holds() -> None:
    deletes, _ = places(plan_of({}, site()))
    assert deletes["link", "gw1", "tun1"] < deletes["charon", "ep1"] < deletes["namespace", "gw1"]
    assert deletes["speaker", "gw1"] < deletes["namespace", "gw1"]
    assert deletes["ike", "ep1", "c1"] < deletes["charon", "ep1"] < deletes["namespace", "ep1"]


def test_what_vanishes_with_its_namespace_has_no_step_of_its_own() -> None:
    deletes, _ = places(plan_of({}, site()))
    assert {kind for kind, *_ in deletes} == {"namespace", "charon", "ike", "speaker", "link"}
    assert {key for key in deletes if key[0] == "link"} == {("link", "", "e1"), ("link", "gw1", "tun1")}


def test_a_session_ends_while_it_still_has_a_way_to_say_so() -> None:
    there = site()
    left = {key: item for key, item in there.items() if key[0] == "namespace"}
    deletes, _ = places(plan_of(left, there))
    assert deletes["speaker", "gw1"] < deletes["address", "gw1", "tun1", "169.254.1.1/30"]
    assert deletes["ike", "ep1", "c1"] < deletes["address", "ep1", "up", "192.0.2.1/24"]
    assert deletes["speaker", "gw1"] < deletes["ike", "ep1", "c1"], "BGP's last word goes through the tunnel"


def test_another_kind_under_the_same_name_is_replaced() -> None:
    space = Namespace(namespace="a", owner="test")
    bridge = Bridge(namespace="a", name="x")
    pair = (
        VethEnd(namespace="a", name="x", peer_namespace="a", peer_name="y"),
        VethEnd(namespace="a", name="y", peer_namespace="a", peer_name="x"),
    )
    on_it = Address(namespace="a", link="x", address=IPv4Interface("10.0.0.1/24"))
    plan = plan_of(host_state((space, *pair, on_it)), host_state((space, bridge)))
    assert plan == Plan(((Delete(bridge),), (Create(pair[0]), Create(pair[1]))))


def test_an_address_that_moves_is_free_before_it_is_given() -> None:
    space = Namespace(namespace="a", owner="test")
    links = (Bridge(namespace="a", name="x"), Bridge(namespace="a", name="y"))
    before = Address(namespace="a", link="x", address=IPv4Interface("10.0.0.1/24"))
    after = replace(before, link="y")
    plan = plan_of(host_state((space, *links, after)), host_state((space, *links, before)))
    assert plan == Plan(((Delete(before),), (Create(after),)))


def test_what_was_seen_is_compared_by_its_fingerprint() -> None:
    space, charon = Namespace(namespace="a", owner="test"), site()["charon", "ep1"]
    assert isinstance(charon, Charon)
    charon = replace(charon, namespace="a")
    wanted = ike("a", "old-secret")

    def seen(item: IkeConnection) -> Seen:
        return Seen(
            namespace="a", kind=IkeConnection, what=item.key, requires=item.needs, fingerprint=fingerprint(item)
        )

    same, other = seen(wanted), seen(ike("a", "new-secret"))
    base = (space, charon)
    assert not plan_of(host_state((*base, wanted)), host_state((*base, same)))
    plan = plan_of(host_state((*base, wanted)), host_state((*base, other)))
    assert plan == Plan(((Change(wanted, other),),))
    assert str(plan) == "change ike-connection a/c1 (differs from what is in force)"
    assert str(plan_of({}, host_state((same,)))) == "delete ike-connection a/c1"


def test_a_changed_secret_is_named_but_not_shown() -> None:
    line = str(Change(ike("a", "new-secret"), ike("a", "old-secret")))
    assert line == "change ike-connection a/c1 (psk changes)"


def test_changes_name_what_changes() -> None:
    device = site()["link", "gw1", "tun1"]
    assert isinstance(device, TunnelDevice)
    assert str(Change(replace(device, mtu=1300), device)) == "change tunnel-device gw1/tun1 (mtu 1400 -> 1300)"


def test_missing_needs_are_refused() -> None:
    state = site()
    del state["charon", "ep1"]
    with pytest.raises(PlanError, match="link/gw1/tun1 needs charon/ep1"):
        plan_of(state, {})
    with pytest.raises(PlanError, match=r"link/gw1/tun1 needs charon/ep1|ike/ep1/c1 needs charon/ep1"):
        diff(state, site(), fingerprint, only={("charon", "ep1")})


class Circular(Bridge):
    """Needs the other one of two."""

    @property
    def needs(self) -> tuple[Key, ...]:
        return (("link", "a", "y" if self.name == "x" else "x"),)


def test_circles_are_refused() -> None:
    state = host_state((Circular(namespace="a", name="x"), Circular(namespace="a", name="y")))
    with pytest.raises(PlanError, match="in a circle"):
        plan_of(state, {})
