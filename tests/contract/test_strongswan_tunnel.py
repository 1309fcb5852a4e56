"""Two charons with their TUNs in router namespaces: a tunnel that carries packets, breaks, and is repaired."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest
from networks import KERNEL, ip, until
from vpn import Vpn

from landbridge.desired.links import DataPlane
from landbridge.drivers.probe import diagnose
from landbridge.drivers.strongswan.daemon import UNSOUND
from landbridge.observe.ike import Cause, IkeEventKind
from landbridge.reconcile.driver import DriverError

pytestmark = pytest.mark.lab
libipsec = pytest.mark.skipif(KERNEL, reason="the kernel's ESP has no TUN that dies with charon, and no placeholder")


@pytest.fixture
def vpn() -> Iterator[Vpn]:
    made = Vpn()
    try:
        made.up()
        yield made
    finally:
        made.down()


def test_a_tunnel_carries_packets_and_none_once_it_is_dropped(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_up()
    vpn.await_ping()
    [sa] = vpn.sas(vpn.a)
    assert sa.initiator
    assert (sa.local, sa.remote, sa.local_id) == (vpn.a.outside, vpn.b.outside, str(vpn.a.outside))
    assert sa.suite == "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256"
    [child] = sa.children
    assert child.udp is not KERNEL  # libipsec always has it, the kernel only where a NAT is
    assert child.suite == "AES_GCM_16-128"
    assert child.packets_out > 0
    assert child.packets_in > 0
    [mirror] = vpn.sas(vpn.b)[0].children
    assert (child.spi_in, child.spi_out) == (mirror.spi_out, mirror.spi_in)

    vpn.drivers.connections.drop(vpn.seen()["ike", vpn.b.endpoint, "t1"])

    assert not vpn.pings()
    assert vpn.sas(vpn.b) == ()


def test_drop_leaves_nothing_and_is_idempotent(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_up()
    for side in (vpn.a, vpn.b):
        seen = vpn.seen()
        for key in (
            ("ike", side.endpoint, "t1"),
            ("link", side.router, "tun0"),
            ("charon", side.endpoint),
        ):
            item = seen[key]
            driver = {
                "ike": vpn.drivers.connections,
                "link": vpn.drivers.devices,
                "charon": vpn.drivers.charons,
            }[key[0]]
            driver.drop(item)
            driver.drop(item)
    assert vpn.seen() == {}
    assert vpn.pids() == []
    assert list(vpn.run_dir.iterdir()) == []
    for side in (vpn.a, vpn.b):
        assert "tun0" not in ip(f"-n {side.router} link show")
        assert "ipsec0" not in ip(f"-n {side.endpoint} link show")


def test_put_is_idempotent_and_reads_as_wanted(vpn: Vpn) -> None:
    wanted = (vpn.a.charon(), vpn.a.device(), vpn.a.connection(vpn.b))
    vpn.put(*wanted)
    before, pid = vpn.seen(), vpn.pid(vpn.a)
    assert before[wanted[0].key].fingerprint == vpn.drivers.charons.fingerprint(wanted[0])  # type: ignore[attr-defined]
    assert before[wanted[1].key] == wanted[1]
    assert before[wanted[2].key].fingerprint == vpn.drivers.connections.fingerprint(wanted[2])  # type: ignore[attr-defined]
    vpn.put(*wanted)
    assert vpn.seen() == before
    assert vpn.pid(vpn.a) == pid


def test_a_killed_charon_is_seen_told_and_repaired(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_up()
    vpn.await_ping()
    os.kill(vpn.pid(vpn.b), signal.SIGKILL)
    until(lambda: vpn.heard(IkeEventKind.GONE, vpn.b), "its death is told", 1.0)
    until(lambda: {vpn.b.endpoint, vpn.b.router} <= set(vpn.woken), "both namespaces are woken", 1.0)
    seen = vpn.seen()
    for key in (("charon", vpn.b.endpoint), ("ike", vpn.b.endpoint, "t1")):
        assert key not in seen
    assert (("link", vpn.b.router, "tun0") in seen) is KERNEL
    assert vpn.sas(vpn.b) == ()
    assert vpn.drivers.watcher.causes(vpn.b.endpoint) == {"": Cause.PROCESS_GONE}

    vpn.endpoint(vpn.b, vpn.b.connection(vpn.a, initiate=True))
    vpn.await_ping()


def test_a_killed_responder_calls_its_peer_back(vpn: Vpn) -> None:
    """The peer would notice only by DPD, in tens of seconds (traps 9)."""
    vpn.both()
    vpn.await_ping()
    os.kill(vpn.pid(vpn.b), signal.SIGKILL)
    until(lambda: vpn.heard(IkeEventKind.GONE, vpn.b), "its death is told", 1.0)
    vpn.endpoint(vpn.b, vpn.b.connection(vpn.a))
    vpn.await_ping()
    until(lambda: len(vpn.sas(vpn.a)) == 1 and vpn.sas(vpn.a)[0].up, "one SA is left")


def test_a_killed_initiator_comes_back_by_itself(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    os.kill(vpn.pid(vpn.a), signal.SIGKILL)
    until(lambda: vpn.heard(IkeEventKind.GONE, vpn.a), "its death is told", 1.0)
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
    vpn.await_up()
    vpn.await_ping()
    # unique=replace: the other side has no stale SA left.
    until(lambda: len(vpn.sas(vpn.b)) == 1, "one SA is left")


@libipsec
def test_a_charon_whose_tun_was_deleted_is_replaced(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    pid = vpn.pid(vpn.a)
    ip(f"-n {vpn.a.router} link delete tun0")
    seen = vpn.seen()
    charon = vpn.a.charon()
    assert seen[charon.key].fingerprint != vpn.drivers.charons.fingerprint(charon)  # type: ignore[attr-defined]
    assert ("ike", vpn.a.endpoint, "t1") not in seen
    assert ("link", vpn.a.router, "tun0") not in seen

    vpn.put(vpn.a.device())

    assert vpn.pid(vpn.a) != pid
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
    vpn.await_ping()


@libipsec
def test_a_lost_placeholder_reads_as_half_right_and_is_put_back(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    ip(f"-n {vpn.a.endpoint} link delete ipsec0")
    assert vpn.seen()[vpn.a.device().key] != vpn.a.device()
    vpn.put(vpn.a.device())
    assert vpn.seen()[vpn.a.device().key] == vpn.a.device()
    assert vpn.pings()


def test_drivers_with_no_memory_adopt_what_runs(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    before, pids, sas = vpn.seen(), sorted(vpn.pids()), vpn.sas(vpn.a)
    vpn.drivers.close()
    vpn.drivers = vpn.open()
    vpn.events.clear()
    assert vpn.seen() == before
    vpn.put(
        vpn.a.charon(),
        vpn.a.device(),
        vpn.a.connection(vpn.b, initiate=True),
        vpn.b.charon(),
        vpn.b.device(),
        vpn.b.connection(vpn.a),
    )
    assert vpn.seen() == before
    assert sorted(vpn.pids()) == pids
    after = vpn.sas(vpn.a)
    assert [(s.unique_id, s.spi_initiator, s.children[0].spi_in) for s in after] == [
        (s.unique_id, s.spi_initiator, s.children[0].spi_in) for s in sas
    ]
    until(lambda: vpn.heard(IkeEventKind.SYNCED, vpn.a), "the new watcher is in touch")
    os.kill(vpn.pid(vpn.a), signal.SIGKILL)
    until(lambda: vpn.heard(IkeEventKind.GONE, vpn.a), "an adopted charon's death is told", 1.0)


def test_without_a_service_charon_keeps_the_tunnel_up_by_itself(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    first = vpn.sas(vpn.a)[0].spi_initiator
    vpn.drivers.close()
    vpn.drivers.endpoints.vici(vpn.b.endpoint).terminate("t1")
    until(lambda: vpn.is_up(vpn.a) and vpn.sas(vpn.a)[0].spi_initiator != first, "charon has initiated again", 3.0)
    vpn.await_ping()


def test_a_router_namespace_that_was_deleted_is_served_again(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    pid = vpn.pid(vpn.a)
    ip(f"netns delete {vpn.a.router}")
    ip(f"netns add {vpn.a.router}")
    charon = vpn.a.charon()
    if not KERNEL:  # its charon spins from here on (traps 1): what is read says that it has to be replaced
        until(lambda: vpn.seen()[charon.key].fingerprint == UNSOUND, "it is unsound")  # type: ignore[attr-defined]
    until(lambda: vpn.a.device().key not in vpn.seen(), "the device is gone")
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
    assert (vpn.pid(vpn.a) == pid) is KERNEL
    vpn.await_ping()


def test_a_kernel_without_xfrm_interfaces_is_told_as_that(vpn: Vpn) -> None:
    if not diagnose().kernel:
        pytest.skip("this kernel has them")
    wanted = replace(vpn.a.device(), data_plane=DataPlane.KERNEL, if_id=42)
    with pytest.raises(DriverError, match=r"no XFRM interfaces.*modprobe xfrm_interface"):
        vpn.put(wanted)
    assert wanted.key not in vpn.seen()
