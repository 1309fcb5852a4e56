"""The BIRD driver with real BIRDs: what is learned reaches the kernels it should reach, and survives what happens."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import speakers
from networks import ip, until
from speakers import PROPAGATED, Lab, a, n

from landbridge.desired.objects import HERE, Seen
from landbridge.desired.speakers import SPEAKER_METRIC, Bfd, Speaker, SpeakerStatic
from landbridge.drivers.bird import watch as bird_watch
from landbridge.drivers.bird.driver import ASTRAY, SILENT, STOPPED, BirdDriver
from landbridge.drivers.bird.render import CANARY_TABLE, INTERNAL
from landbridge.drivers.bird.watch import Sessions, SpeakerWatch
from landbridge.drivers.deaths import Deaths
from landbridge.drivers.netlink.inside import inside
from landbridge.reconcile.driver import DriverError

pytestmark = pytest.mark.lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with speakers.lab(tmp_path) as made:
        yield made


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Lab]:
    """With BFD, 100 ms x 3."""
    with speakers.lab(tmp_path, Bfd(interval=100, multiplier=3)) as made:
        yield made


def test_learned_routes_reach_the_tables_they_are_propagated_to(lab: Lab) -> None:
    lab.all_up()
    assert lab.routes(lab.vgw) == {"10.0.0.0/16": "vp", "192.168.1.0/24": "t11", "192.168.2.0/24": "t21"}
    assert lab.routes(lab.c1) == {"10.0.0.0/16": "t11", "192.168.2.0/24": "t11"}
    for table in (254, PROPAGATED):
        assert lab.routes(lab.vpc, table) == {"192.168.1.0/24": "vp", "192.168.2.0/24": "vp"}
    # A table that propagates no more is emptied, a new one is filled, and nothing flaps.
    before = lab.since(lab.vpc)
    lab.put(lab.router(254, 1002))
    assert lab.routes(lab.vpc, PROPAGATED) == {}
    until(lambda: len(lab.routes(lab.vpc, 1002)) == 2, "the new table")
    assert INTERNAL not in lab.flapped(lab.vpc, before)


def test_sites_talk_through_the_hub_and_hear_nothing_of_their_own(lab: Lab) -> None:
    lab.all_up()
    until(lambda: lab.prefixes(lab.c1) == {"10.0.0.0/16", "192.168.2.0/24"}, "what site 1 hears")
    until(lambda: lab.prefixes(lab.c2) == {"10.0.0.0/16", "192.168.1.0/24"}, "what site 2 hears")
    heard = [route for route in lab.learned(lab.c1) if route.destination == n("192.168.2.0/24")]
    assert {(route.session, route.as_path, route.med) for route in heard} == {
        ("t1", ("64512", "4200000002"), 100),
        ("t2", ("64512", "4200000002"), 200),
    }
    assert all(not route.large_communities and not route.communities for route in heard)
    assert lab.protocols(lab.vpc)[INTERNAL].bgp is not None
    # The gateway hears from its router nothing, and tells it nothing of the VPC's own network.
    assert lab.prefixes(lab.vpc) == {"192.168.1.0/24", "192.168.2.0/24"}
    assert all(route.session for route in lab.learned(lab.vgw))


def test_what_nobody_may_announce_is_refused(lab: Lab) -> None:
    bad = ("169.254.99.0/24", "127.1.0.0/16", "224.1.0.0/16", "240.0.0.0/8", "0.0.0.0/8", "10.0.7.0/24", "10.0.0.0/16")
    lab.put(lab.customer(1, *bad, "0.0.0.0/0", "10.0.0.0/8"), lab.gateway(1), lab.router())
    lab.established(lab.vgw, 3)
    until(lambda: len(lab.routes(lab.vpc)) == 3, "the good ones")
    assert set(lab.routes(lab.vpc)) == {"default", "10.0.0.0/8", "192.168.1.0/24"}
    until(lambda: lab.protocols(lab.vgw)["bgp_c1_t1"].bgp.imported == 3, "the first tunnel's")  # type: ignore[union-attr]
    assert set(lab.routes(lab.vgw)) == {"default", "10.0.0.0/8", "10.0.0.0/16", "192.168.1.0/24"}


def test_what_would_swallow_the_tunnels_is_refused(lab: Lab) -> None:
    """Prefixes that contain an address to be spared, a default route among them; their neighbours are taken."""
    gateway = lab.gateway(1)
    sessions = tuple(dataclasses.replace(s, reject_containing=(a("203.0.113.128"),)) for s in gateway.sessions)
    bad = ("203.0.113.0/24", "203.0.113.128/32", "203.0.0.0/16", "0.0.0.0/0")
    lab.put(lab.customer(1, *bad, "203.0.113.0/25"), dataclasses.replace(gateway, sessions=sessions), lab.router())
    until(lambda: "203.0.113.0/25" in lab.routes(lab.vpc), "the good one")
    assert set(lab.routes(lab.vpc)) == {"192.168.1.0/24", "203.0.113.0/25"}


def test_too_many_routes_end_the_session(lab: Lab) -> None:
    many = tuple(f"172.16.{number}.0/24" for number in range(120))
    lab.put(lab.customer(1, *many), lab.gateway(1))

    def told() -> bool:
        bgp = lab.protocols(lab.vgw)["bgp_c1_t1"].bgp
        return bgp is not None and "limit" in bgp.last_error

    until(told, "the session ends")
    assert not any(prefix.startswith("172.16") for prefix in lab.routes(lab.vgw))


def test_so_many_routes_are_advertised_and_no_more(lab: Lab) -> None:
    """The first ones, while the session stays; when some go, others take their places."""
    many = tuple(f"172.16.{number}.0/24" for number in range(20))
    gateway = lab.gateway(1, 2)
    sessions = tuple(dataclasses.replace(session, send_limit=10) for session in gateway.sessions)
    lab.put(lab.customer(1), lab.customer(2), dataclasses.replace(gateway, sessions=sessions), lab.router())
    lab.established(lab.vgw, 5)
    until(lambda: lab.prefixes(lab.c2) == {"10.0.0.0/16", "192.168.1.0/24"}, "the first routes")
    lab.put(lab.customer(1, *many))
    until(lambda: len(lab.routes(lab.vgw)) == 23, "all of them at the gateway")
    until(lambda: len(lab.prefixes(lab.c2)) == 10, "what site 2 hears")
    assert lab.prefixes(lab.c2) >= {"10.0.0.0/16", "192.168.1.0/24"}
    before = lab.since(lab.vgw)
    kept_back = [prefix for prefix in many if prefix not in lab.prefixes(lab.c2)]
    lab.put(lab.customer(1, *kept_back[:6]))

    watch = SpeakerWatch(lab.driver, lambda _: None)
    expected = {"10.0.0.0/16", "192.168.1.0/24", *kept_back[:6]}
    until(lambda: watch.look(lab.vgw) and lab.prefixes(lab.c2) == expected, "those that were kept back")
    assert not lab.flapped(lab.vgw, before)
    lab.put(lab.customer(1, *kept_back), lab.gateway(1, 2))
    until(lambda: lab.prefixes(lab.c2) == expected | set(kept_back), "without a limit")


def test_so_many_routes_are_propagated_and_no_more(lab: Lab) -> None:
    """In each propagating table, the first ones; the router itself knows them all."""
    many = tuple(f"172.16.{number}.0/24" for number in range(20))
    lab.put(lab.customer(1), lab.gateway(1), dataclasses.replace(lab.router(), table_limit=10))
    until(lambda: "192.168.1.0/24" in lab.routes(lab.vpc, PROPAGATED), "the first route")
    lab.put(lab.customer(1, *many))
    until(lambda: len(lab.routes(lab.vpc)) == 21, "all of them in the router's own table")
    until(lambda: len(lab.routes(lab.vpc, PROPAGATED)) == 10, "a full table")
    assert "192.168.1.0/24" in lab.routes(lab.vpc, PROPAGATED)
    kept_back = [prefix for prefix in many if prefix not in lab.routes(lab.vpc, PROPAGATED)]
    lab.put(lab.customer(1, *kept_back[:6]))

    watch = SpeakerWatch(lab.driver, lambda _: None)
    expected = {"192.168.1.0/24", *kept_back[:6]}
    until(lambda: watch.look(lab.vpc) and set(lab.routes(lab.vpc, PROPAGATED)) == expected, "those that were kept back")


def test_a_withdrawn_prefix_disappears(lab: Lab) -> None:
    lab.put(lab.customer(1, "172.16.0.0/16"), lab.gateway(1), lab.router())
    until(lambda: "172.16.0.0/16" in lab.routes(lab.vpc, PROPAGATED), "the prefix")
    lab.put(lab.customer(1))
    until(lambda: "172.16.0.0/16" not in lab.routes(lab.vpc, PROPAGATED), "the prefix goes")
    assert "192.168.1.0/24" in lab.routes(lab.vpc, PROPAGATED)


def test_a_lower_med_moves_the_traffic_and_flaps_nothing(lab: Lab) -> None:
    lab.all_up()
    assert (lab.way(lab.c1, "10.0.0.0/16"), lab.way(lab.vgw, "192.168.1.0/24")) == ("t11", "t11")
    before = lab.since(lab.vgw)
    with lab.probing(1.5) as gap:
        lab.put(lab.gateway(1, 2, meds=(100, 50)), lab.customer(1, meds=(100, 50)))
        until(lambda: lab.way(lab.c1, "10.0.0.0/16") == "t12", "the customer's choice")
        until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t12", "the gateway's choice")
    assert not lab.flapped(lab.vgw, before)
    assert gap[0] < 200, f"a change of MED cost {gap[0]:.0f} ms"


def test_another_connection_flaps_nothing(lab: Lab) -> None:
    lab.put(lab.customer(1), lab.customer(2), lab.gateway(1), lab.router())
    lab.established(lab.vgw, 3)
    before = lab.since(lab.vgw)
    lab.put(lab.gateway(1, 2))
    lab.established(lab.vgw, 5)
    assert not lab.flapped(lab.vgw, before)
    lab.put(lab.gateway(1))
    lab.established(lab.vgw, 3)
    assert not lab.flapped(lab.vgw, before)


def test_a_link_that_goes_down_moves_the_traffic(lab: Lab) -> None:
    lab.all_up()
    with lab.probing(2) as gap:
        ip(f"-n {lab.vgw} link set t11 down")
        until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t12", "the other tunnel")
        until(lambda: lab.way(lab.c1, "10.0.0.0/16") == "t12", "the other tunnel")
    print(f"\nlink down: longest gap {gap[0]:.0f} ms")
    ip(f"-n {lab.vgw} link set t11 up")
    until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t11", "back again")


def test_a_silent_tunnel_is_found_out_by_bfd(fast: Lab) -> None:
    lab = fast
    lab.all_up()
    until(lambda: len(lab.routes(lab.vgw, CANARY_TABLE)) == 4, "BFD")
    with lab.probing(3) as gap:
        lab.cut(lab.vgw, "t11")
        until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t12", "the other tunnel")
        until(lambda: lab.way(lab.c1, "10.0.0.0/16") == "t12", "the other tunnel")
    print(f"\nsilent tunnel, BFD 100 ms x 3: longest gap {gap[0]:.0f} ms")
    assert lab.learned(lab.vgw)
    with lab.driver.control(lab.vgw) as control:
        assert {peer.link: peer.state for peer in control.bfd_sessions()}["t11"] == "Down"
    lab.heal(lab.vgw, "t11")
    until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t11", "back again")


def test_a_site_that_vanishes_is_forgotten(fast: Lab) -> None:
    lab = fast
    lab.all_up()
    os.kill(lab.pid(lab.c1), signal.SIGKILL)
    until(lambda: lab.protocols(lab.vgw)["bgp_c1_t1"].bgp.stale, "its routes are the last resort")  # type: ignore[union-attr]
    assert "192.168.1.0/24" in lab.routes(lab.vpc)
    until(lambda: "192.168.1.0/24" not in lab.routes(lab.vpc), "its routes go", seconds=25)


@pytest.mark.parametrize("who", ["vgw", "vpc", "c1"])
def test_a_killed_bird_comes_back_and_nobody_notices(fast: Lab, who: str) -> None:
    lab = fast
    lab.all_up()
    until(lambda: len(lab.routes(lab.vgw, CANARY_TABLE)) == 4, "BFD")
    namespace = getattr(lab, who)
    wanted = {lab.vgw: lab.gateway(1, 2), lab.vpc: lab.router(), lab.c1: lab.customer(1)}[namespace]
    assert lab.seen()[namespace] == lab.driver.fingerprint(wanted)
    with lab.probing(6) as gap:
        os.kill(lab.pid(namespace), signal.SIGKILL)
        until(lambda: lab.seen()[namespace] == STOPPED, "it reads as stopped")
        # A service with no memory starts it again.
        BirdDriver(lab.run_dir, lab.log_dir).put(wanted, None)
        lab.established(namespace, {lab.vgw: 5, lab.vpc: 1, lab.c1: 2}[namespace])
    print(f"\nBIRD of {who} killed and started again: longest gap {gap[0]:.0f} ms")
    assert gap[0] < 500
    assert lab.seen()[namespace] == lab.driver.fingerprint(wanted)

    def recovered() -> bool:
        with lab.driver.control(namespace) as control:
            return not control.status().recovering

    until(recovered, "the end of the recovery", seconds=10)
    assert "192.168.2.0/24" in lab.routes(lab.vpc, PROPAGATED)


def test_static_routes_follow_bfd_and_the_greater_preference(lab: Lab) -> None:
    timers = Bfd(interval=100, multiplier=3)

    def statics(there: bool) -> Speaker:
        sites = "192.168.1.0/24" if there else "10.0.0.0/16"
        ways = [(lab.inside(1, tunnel), tunnel) for tunnel in (1, 2)]
        return Speaker(
            namespace=lab.vgw if there else lab.c1,
            router_id=a("169.254.0.1") if there else a("192.168.1.1"),
            asn=64512 if there else 65001,
            statics=(
                *(
                    SpeakerStatic(
                        destination=n(sites),
                        via=way[1] if there else way[0],
                        link=f"t1{tunnel}",
                        bfd=True,
                        preference=210 - tunnel,
                        connection=1,
                    )
                    for way, tunnel in ways
                ),
                *([SpeakerStatic(destination=n("10.0.0.0/16"), via=a("169.254.0.2"), link="vp")] if there else []),
            ),
            internal=lab.gateway().internal if there else None,
            bfd=timers,
            bfd_peers=tuple(
                (f"t1{tunnel}", way[0] if there else way[1], way[1] if there else way[0]) for way, tunnel in ways
            ),
        )

    lab.put(statics(True), statics(False), lab.router())
    until(lambda: lab.way(lab.vpc, "192.168.1.0/24") == "vp", "the static route propagates")
    until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t11", "the preferred tunnel")
    until(lambda: lab.reaches("192.168.1.1"), "a ping")
    assert lab.prefixes(lab.vpc) == {"192.168.1.0/24"}
    with lab.probing(2) as gap:
        lab.cut(lab.vgw, "t11")
        until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t12", "the other tunnel")
    print(f"\nstatic routes with BFD 100 ms x 3: longest gap {gap[0]:.0f} ms")
    lab.heal(lab.vgw, "t11")
    until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t11", "back again")


def test_own_routes_win_over_learned_ones_and_both_are_there(lab: Lab) -> None:
    ip(f"-n {lab.vpc} route add 192.168.1.0/24 dev lo table {PROPAGATED} metric 10 proto 187")
    lab.all_up()
    shown = ip(f"-n {lab.vpc} route show table {PROPAGATED} 192.168.1.0/24")
    assert re.findall(r"metric (\d+)", shown) == ["10", str(SPEAKER_METRIC)]
    # The kernel looks for the prefix itself in that table, and finds the lower metric first.
    ip(f"-n {lab.vpc} rule add priority 100 table {PROPAGATED}")
    assert " dev lo " in ip(f"-n {lab.vpc} route get 192.168.1.9")
    assert " dev vp " in ip(f"-n {lab.vpc} route get 192.168.2.9")


def test_a_driver_without_memory_adopts_and_drops(lab: Lab) -> None:
    lab.all_up()
    pids = {name: lab.pid(name) for name in lab.names}
    adopter = BirdDriver(lab.run_dir, lab.log_dir)
    assert lab.seen(adopter) == {
        lab.vgw: adopter.fingerprint(lab.gateway(1, 2)),
        lab.vpc: adopter.fingerprint(lab.router()),
        lab.c1: adopter.fingerprint(lab.customer(1)),
        lab.c2: adopter.fingerprint(lab.customer(2)),
    }
    adopter.put(lab.router(), None)
    assert {name: lab.pid(name) for name in lab.names} == pids
    ip(f"-n {lab.vpc} route add 203.0.113.0/24 dev vp proto bird metric 32")
    (seen,) = adopter.read([lab.vpc])
    assert isinstance(seen, Seen)
    adopter.drop(seen)
    adopter.drop(seen)
    assert not list(adopter.read([lab.vpc]))
    assert not Path(f"/proc/{pids[lab.vpc]}").exists() or lab.driver.place(lab.vpc).find() is None
    assert lab.routes(lab.vpc, PROPAGATED) == {}
    # Another BIRD's route is none of ours.
    assert "203.0.113.0/24" in ip(f"-n {lab.vpc} route")


def test_a_dead_bird_can_be_dropped_with_its_routes(lab: Lab) -> None:
    lab.put(lab.customer(1), lab.gateway(1), lab.router())
    until(lambda: lab.routes(lab.vpc, PROPAGATED), "a route")
    os.kill(lab.pid(lab.vpc), signal.SIGKILL)
    (seen,) = lab.driver.read([lab.vpc])
    lab.driver.drop(seen)
    assert lab.routes(lab.vpc, PROPAGATED) == {}
    assert not list(lab.driver.read([lab.vpc]))


def test_a_bird_that_somebody_ended_leaves_its_routes(lab: Lab) -> None:
    """Debian's init script ends every BIRD of the machine, ours too."""
    lab.put(lab.customer(1), lab.gateway(1), lab.router())
    until(lambda: len(lab.routes(lab.vpc, PROPAGATED)) == 1, "a route")
    os.kill(lab.pid(lab.vpc), signal.SIGTERM)
    until(lambda: lab.seen()[lab.vpc] == STOPPED, "it ends")
    assert len(lab.routes(lab.vpc, PROPAGATED)) == 1
    # And its successor takes none of them away, not even for a moment.
    with subprocess.Popen(
        f"stdbuf -oL ip -n {lab.vpc} monitor route".split(), stdout=subprocess.PIPE, text=True
    ) as monitor:
        assert monitor.stdout is not None
        ip(f"-n {lab.vpc} route add 203.0.113.0/24 dev vp")
        assert monitor.stdout.readline()
        lab.put(lab.router())
        lab.established(lab.vpc, 1)
        until(lambda: lab.learned(lab.vpc), "the route is learned again")
        with lab.driver.control(lab.vpc) as control:
            until(lambda: not control.status().recovering, "the end of the recovery")
        ip(f"-n {lab.vpc} route add 203.0.114.0/24 dev vp")
        heard = [monitor.stdout.readline()]
        while "203.0.114.0/24" not in heard[-1]:
            heard.append(monitor.stdout.readline())
        monitor.terminate()
    assert not [line for line in heard if line.startswith("Deleted")]
    assert len(lab.routes(lab.vpc, PROPAGATED)) == 1


def test_who_takes_leave_is_forgotten_at_once(fast: Lab) -> None:
    lab = fast
    lab.all_up()
    (seen,) = lab.driver.read([lab.c1])
    lab.driver.drop(seen)
    until(lambda: "192.168.1.0/24" not in lab.routes(lab.vpc), "its routes go", seconds=2)


def test_a_link_that_is_made_anew_needs_nothing(fast: Lab) -> None:
    """As libipsec's TUN, which dies with its charon and is there again under its name."""
    lab = fast
    lab.all_up()
    ip(f"-n {lab.vgw} link delete t11")
    until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t12", "the other tunnel")
    here, there = lab.inside(1, 1)
    lab.veth(lab.vgw, "t11", str(here), lab.c1, str(there))
    made = time.monotonic()
    until(lambda: lab.way(lab.vgw, "192.168.1.0/24") == "t11", "back again")
    print(f"\nroutes over a link made anew: after {(time.monotonic() - made) * 1000:.0f} ms")


def test_a_machine_of_its_own_keeps_what_is_not_ours(lab: Lab) -> None:
    lab.put(lab.gateway(1))
    wanted = dataclasses.replace(lab.customer(1), namespace=HERE)
    kept = {"198.51.100.0/24": "proto bird metric 32", "10.0.0.0/16": "proto static metric 5"}
    with inside(lab.c1):
        for prefix, words in kept.items():
            ip(f"route add {prefix} dev t11 {words}")
        try:
            lab.driver.put(wanted, None)
            until(lambda: "10.0.0.0/16" in lab.routes(lab.c1), "a learned route")
            (seen,) = lab.driver.read([HERE])
            assert isinstance(seen, Seen)
            assert (seen.key, seen.needs) == (("speaker", HERE), ())
            assert seen.fingerprint == lab.driver.fingerprint(wanted)
            # Through its periodic scans, too.
            with lab.driver.control(HERE) as control:
                control.command("disable kernel_254")
                control.command("enable kernel_254")
            until(lambda: "10.0.0.0/16" in lab.routes(lab.c1), "the learned route again")
        finally:
            for found in lab.driver.read([HERE]):
                lab.driver.drop(found)
        shown = ip("route show")
        for prefix, words in kept.items():
            assert f"{prefix} dev t11 {words.split(' metric')[0]}" in shown
        assert f"metric {SPEAKER_METRIC}" not in shown


def test_a_hung_bird_is_started_anew(lab: Lab) -> None:
    lab.driver = BirdDriver(lab.run_dir, lab.log_dir, answer_within=0.3)
    lab.put(lab.router())
    hung = lab.pid(lab.vpc)
    os.kill(hung, signal.SIGSTOP)
    assert lab.seen(lab.driver)[lab.vpc] == SILENT
    lab.put(lab.router(254))
    assert lab.pid(lab.vpc) != hung
    assert lab.seen()[lab.vpc] == lab.driver.fingerprint(lab.router(254))


def test_a_namespace_made_anew_gets_a_bird_of_its_own(lab: Lab) -> None:
    lab.put(lab.router())
    astray = lab.pid(lab.vpc)
    ip(f"netns delete {lab.vpc}")
    assert lab.seen()[lab.vpc] == ASTRAY  # it runs on, and would for ever
    ip(f"netns add {lab.vpc}")
    assert lab.seen()[lab.vpc] == ASTRAY
    lab.put(lab.router())
    assert lab.pid(lab.vpc) != astray
    assert lab.seen()[lab.vpc] == lab.driver.fingerprint(lab.router())


def test_a_refused_configuration_leaves_the_old_one_in_force(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.put(lab.router())
    before = lab.seen()
    monkeypatch.setattr("landbridge.drivers.bird.driver.render.render", lambda speaker: "protocol nonsense {}\n")
    with pytest.raises(DriverError, match=r"refuses its configuration: bird\.conf\.new:1"):
        lab.put(lab.router(254))
    assert lab.seen() == before
    assert "nonsense" not in (lab.driver.place(lab.vpc).run / "bird.conf").read_text()


def test_a_speaker_that_cannot_be_rendered_is_refused(lab: Lab) -> None:
    wrong = dataclasses.replace(lab.gateway(1), asn=65001)
    with pytest.raises(DriverError, match="another AS number"):
        lab.put(wrong)


def test_bird_runs_without_more_rights_than_it_needs(lab: Lab) -> None:
    lab.put(lab.router())
    status = Path(f"/proc/{lab.pid(lab.vpc)}/status").read_text().splitlines()
    facts = dict(line.split(":\t", 1) for line in status if ":\t" in line)
    assert set(facts["Uid"].split()) != {"0"}
    # net_bind_service, net_broadcast, net_admin, net_raw
    assert int(facts["CapPrm"], 16) == 0x3C00
    place = lab.driver.place(lab.vpc)
    assert (place.run.stat().st_mode & 0o777, place.run.stat().st_uid) == (0o750, 0)
    assert (place.run / "bird.conf").stat().st_mode & 0o777 == 0o640


def test_the_watch_tells_of_sessions_and_deaths(fast: Lab) -> None:
    lab = fast
    lab.put(lab.gateway(1))
    heard: list[str] = []
    deaths = Deaths()
    watch = SpeakerWatch(lab.driver, heard.append, deaths)
    try:
        watch.follow([lab.vgw, lab.vpc])
        until(lambda: {lab.vgw, lab.vpc} <= set(heard), "the first looks")
        assert watch.seen(lab.vpc) == Sessions(answered=False)
        lab.put(lab.customer(1))

        def states() -> dict[str, str]:
            sessions = watch.seen(lab.vgw)
            return dict(sessions.bgp) if sessions is not None else {}

        until(lambda: states().get("bgp_c1_t1") == "Established", "the session is told of")
        sessions = watch.seen(lab.vgw)
        assert sessions is not None
        assert not sessions.quiet  # the router is not there
        heard.clear()
        os.kill(lab.pid(lab.vgw), signal.SIGKILL)
        until(lambda: lab.vgw in heard and watch.seen(lab.vgw) == Sessions(answered=False), "the death", seconds=0.9)
    finally:
        watch.close()
        deaths.close()


def test_bird_itself_says_when_a_session_changes(fast: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks: the first look was the last that was not asked for."""
    for pause in ("EAGER", "RESTLESS", "QUIET"):
        monkeypatch.setattr(bird_watch, pause, 3600.0)
    lab = fast
    lab.put(lab.gateway(1))
    watch = SpeakerWatch(lab.driver, lambda _: None)

    def seen() -> tuple[str, set[str]]:
        sessions = watch.seen(lab.vgw) or Sessions()
        return dict(sessions.bgp).get("bgp_c1_t1", ""), {state for link, _, state in sessions.bfd if link == "t11"}

    try:
        watch.follow([lab.vgw])
        until(lambda: seen()[0], "the first look")
        assert seen()[0] != "Established"
        lab.put(lab.customer(1))
        until(lambda: seen() == ("Established", {"Up"}), "BGP and BFD are told of")
        os.kill(lab.pid(lab.c1), signal.SIGSTOP)
        try:
            until(lambda: seen()[0] != "Established" and seen()[1] == {"Down"}, "that they are down is told of")
        finally:
            os.kill(lab.pid(lab.c1), signal.SIGCONT)
        until(lambda: seen() == ("Established", {"Up"}), "that they are up again is told of", seconds=30)
        os.kill(lab.pid(lab.vgw), signal.SIGKILL)
        until(lambda: watch.seen(lab.vgw) == Sessions(answered=False), "the death")
    finally:
        watch.close()


def test_the_whole_view(fast: Lab) -> None:
    lab = fast
    lab.all_up()
    until(lambda: len(lab.routes(lab.vgw, CANARY_TABLE)) == 4, "BFD")
    told = {"c1_t1", "c1_t2", "c2_t1", "c2_t2"}
    until(lambda: told <= {route.session for route in lab.driver.view(lab.vgw).routes}, "what each session tells")
    view = lab.driver.view(lab.vgw)
    assert view is not None
    assert view.status.version.startswith("2.")
    assert view.status.router_id == a("169.254.0.1")
    sessions = {item.session: item.bgp for item in view.protocols if item.session}
    assert set(sessions) == {"c1_t1", "c1_t2", "c2_t1", "c2_t2"}
    first = sessions["c1_t1"]
    assert first is not None
    assert (first.link, first.peer_asn, first.hold_time, first.imported) == ("t11", 65001, 30, 1)
    assert {(peer.link, peer.state, peer.timeout) for peer in view.bfd} == {
        (link, "Up", 0.3) for link in ("t11", "t12", "t21", "t22")
    }
    routes = {(str(route.destination), route.session): route for route in view.routes}
    best = routes["192.168.2.0/24", "c2_t1"]
    assert best.preferred
    assert (best.connection, best.as_path, best.med, best.link) == (2, ("4200000002",), 100, "t21")
    assert not routes["192.168.2.0/24", "c2_t2"].preferred
    assert lab.driver.view("nosuch") is None
