"""The kernel's own: SAs in the endpoint's namespace, XFRM interfaces, and what becomes of both when disturbed."""

from __future__ import annotations

import array
import fcntl
import os
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from networks import IF_ID, KERNEL, SLOW, TUNNEL_MTU, ip, run, until
from vpn import Side, Vpn

from landbridge.desired.links import DataPlane, TunnelDevice, VethEnd
from landbridge.drivers.netlink.driver import NetlinkDriver
from landbridge.drivers.netlink.inside import inside
from landbridge.drivers.strongswan import sas
from landbridge.drivers.strongswan.connections import LOST, OUTDATED
from landbridge.observe.ike import IkeEventKind
from landbridge.reconcile.driver import DriverError

SIOCETHTOOL = 0x8946
ETHTOOL_GGSO, ETHTOOL_GGRO = 0x23, 0x2B

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not KERNEL, reason="this run's data plane is libipsec (LANDBRIDGE_TEST_DATA_PLANE)"),
]


@pytest.fixture
def vpn() -> Iterator[Vpn]:
    made = Vpn()
    try:
        made.up()
        yield made
    finally:
        made.down()


def spis(vpn: Vpn, side: Side) -> set[str]:
    [ike] = vpn.sas(side)
    return {spi for child in ike.children for spi in (child.spi_in, child.spi_out)}


def test_sas_stay_in_the_endpoint_with_esn_and_a_replay_window(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    shown = ip(f"-n {vpn.a.endpoint} -d xfrm state")
    assert "esn" in shown
    assert "replay_window 1024" in shown
    assert f"if_id {IF_ID:#x}" in shown
    assert "encap type espinudp" not in shown
    assert ip(f"-n {vpn.a.router} xfrm state") == ip(f"-n {vpn.a.router} xfrm policy") == ""
    assert spis(vpn, vpn.a) <= sas.installed(vpn.a.endpoint).spis
    assert sas.installed(vpn.a.endpoint).if_ids == {IF_ID}


def test_esp_goes_in_udp_where_a_nat_is_and_only_there(vpn: Vpn) -> None:
    """Without a NAT: the test above."""
    private = IPv4Address("192.0.2.1")
    ip(f"-n {vpn.a.endpoint} address add {private}/32 dev lo")
    run(f"ip netns exec {vpn.a.endpoint} nft add table ip nat")
    nft = ["ip", "netns", "exec", vpn.a.endpoint, "nft"]
    hook = "{ type nat hook postrouting priority 100 ; }"
    subprocess.run([*nft, f"add chain ip nat out {hook}"], check=True, timeout=20 * SLOW)
    subprocess.run([*nft, f"add rule ip nat out ip saddr {private} snat to {vpn.a.outside}"], check=True)
    vpn.endpoint(vpn.b, vpn.b.connection(vpn.a))
    vpn.endpoint(vpn.a, replace(vpn.a.connection(vpn.b, initiate=True), local=private))
    vpn.await_ping()
    for side, nat_is_here in ((vpn.a, True), (vpn.b, False)):
        [ike] = vpn.sas(side)
        assert (ike.nat_local, ike.nat_remote) == (nat_is_here, not nat_is_here)
        assert all(child.udp for child in ike.children)
        assert ip(f"-n {side.endpoint} xfrm state").count("encap type espinudp sport 4500 dport 4500") == 2


@pytest.mark.parametrize("offload", [ETHTOOL_GGSO, ETHTOOL_GGRO], ids=["GSO", "GRO"])
def test_segmentation_and_its_reverse_stay_on(vpn: Vpn, offload: int) -> None:
    """Links that drivers made are like links that `ip` makes (pa and pb)."""
    vpn.both()
    vpn.await_ping()
    assert is_on(vpn.a.router, "tun0", offload)
    ends = [
        VethEnd(namespace=vpn.internet, name="made0", peer_namespace=vpn.a.router, peer_name="made1"),
        VethEnd(namespace=vpn.a.router, name="made1", peer_namespace=vpn.internet, peer_name="made0"),
    ]
    for end in ends:
        NetlinkDriver(vpn.prefix).put(end, None)
    for end in ends:
        assert is_on(end.namespace, end.name, offload) == is_on(vpn.internet, "pa", offload), "as the kernel made it"


def is_on(namespace: str, link: str, offload: int) -> bool:
    """What ethtool says (linux/ethtool.h: struct ethtool_value)."""
    with inside(namespace):
        asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with asker:
        value = array.array("I", [offload, 0])
        fcntl.ioctl(asker, SIOCETHTOOL, struct.pack("16sP", link.encode(), value.buffer_info()[0]))
        return bool(value[1])


def test_a_packet_that_just_fits_passes_and_the_next_larger_does_not(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    ping = f"netns exec {vpn.a.router} ping -c 1 -W 10 -M do {vpn.b.inside} -s"
    ip(f"{ping} {TUNNEL_MTU - 28}")
    with pytest.raises(AssertionError):
        ip(f"{ping} {TUNNEL_MTU - 27}")


@pytest.mark.parametrize("what", ["state flush", "policy flush", "state deleteall"])
@pytest.mark.parametrize("initiator", [True, False])
def test_sas_that_somebody_took_are_noticed_and_made_anew(
    vpn: Vpn, what: str, initiator: bool, caplog: pytest.LogCaptureFixture
) -> None:
    vpn.both()
    vpn.await_ping()
    side, peer = (vpn.a, vpn.b) if initiator else (vpn.b, vpn.a)
    wanted = side.connection(peer, initiate=initiator)
    until(lambda: vpn.heard(IkeEventKind.SYNCED, side), "the watcher listens")
    vpn.woken.clear()
    before = spis(vpn, side)

    ip(f"-n {side.endpoint} xfrm {what}")

    until(lambda: side.endpoint in vpn.woken, "the loop is told to look", 1.0)
    assert vpn.seen()[wanted.key].fingerprint == LOST  # type: ignore[attr-defined]
    assert not vpn.pings()
    vpn.put(wanted)
    [said] = warnings(caplog)
    assert all(word in said for word in (wanted.name, side.endpoint, *before)), said
    until(lambda: vpn.is_up(side) and not spis(vpn, side) & before, "there are new SAs", 5.0)
    vpn.await_ping()
    vpn.put(wanted)
    assert warnings(caplog) == [said], "nothing is missing any more"
    assert vpn.seen()[wanted.key].fingerprint == vpn.drivers.connections.fingerprint(wanted)  # type: ignore[attr-defined]


def test_one_sa_deleted_by_hand_is_noticed_and_made_anew(vpn: Vpn, caplog: pytest.LogCaptureFixture) -> None:
    """Also with packets on their way: for these the kernel keeps a place of the same SPI for a while, without a key."""
    vpn.both()
    vpn.await_ping()
    wanted = vpn.a.connection(vpn.b, initiate=True)
    [child] = vpn.sas(vpn.a)[0].children
    ip(f"-n {vpn.a.endpoint} xfrm state delete src {vpn.a.outside} dst {vpn.b.outside} proto esp spi 0x{child.spi_out}")
    assert not vpn.pings()
    assert child.spi_out in ip(f"-n {vpn.a.endpoint} xfrm state")
    assert vpn.seen()[wanted.key].fingerprint == LOST  # type: ignore[attr-defined]
    vpn.put(wanted)
    assert child.spi_out in warnings(caplog)[0]
    vpn.await_ping()


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What was said of SAs that are not where they should be."""
    return [record.getMessage() for record in caplog.records if "Somebody took SAs" in record.getMessage()]


def test_what_a_killed_charon_left_is_flushed_before_the_next_one(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    before = spis(vpn, vpn.a)
    os.kill(vpn.pid(vpn.a), signal.SIGKILL)
    until(lambda: vpn.heard(IkeEventKind.GONE, vpn.a), "its death is told")
    assert before <= sas.installed(vpn.a.endpoint).spis
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
    assert not before & sas.installed(vpn.a.endpoint).spis
    vpn.await_ping()


def test_a_deleted_interface_is_made_anew_without_its_charon_noticing(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    pid, before = vpn.pid(vpn.a), spis(vpn, vpn.a)
    ip(f"-n {vpn.a.router} link delete tun0")
    assert vpn.a.device().key not in vpn.seen()
    vpn.put(vpn.a.device())
    vpn.address(vpn.a)
    vpn.await_ping()
    assert vpn.pid(vpn.a) == pid
    assert spis(vpn, vpn.a) == before


def test_an_interface_under_another_name_or_not_yet_moved_is_no_obstacle(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    ip(f"-n {vpn.a.router} link set tun0 down")
    ip(f"-n {vpn.a.router} link set tun0 name other0")
    vpn.put(vpn.a.device())
    assert "other0" not in ip(f"-n {vpn.a.router} link show")
    ip(f"-n {vpn.a.router} link delete tun0")
    ip(f"-n {vpn.a.endpoint} link add half0 type xfrm if_id {IF_ID}")
    vpn.put(vpn.a.device())
    vpn.address(vpn.a)
    vpn.await_ping()
    assert "half0" not in ip(f"-n {vpn.a.endpoint} link show")


def test_an_interface_of_a_namespace_that_is_gone_and_still_held_is_made_anew(vpn: Vpn) -> None:
    """Its endpoint's name stands for another namespace meanwhile. The interface lives on, and leads nowhere."""
    vpn.both()
    vpn.await_ping()
    with subprocess.Popen(["ip", "netns", "exec", vpn.a.endpoint, "sleep", "1000"]) as holder:
        try:
            ip(f"netns delete {vpn.a.endpoint}")
            ip(f"-n {vpn.internet} link delete pa")
            vpn.outside(vpn.a)
            assert "tun0" in ip(f"-n {vpn.a.router} link show"), "it is there, up, with its if_id and its alias"
            assert vpn.seen()[vpn.a.device().key] != vpn.a.device()

            vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))

            assert vpn.seen()[vpn.a.device().key] == vpn.a.device()
            vpn.await_ping()
        finally:
            holder.kill()


def test_a_taken_name_and_a_taken_if_id_are_told(vpn: Vpn) -> None:
    vpn.put(vpn.a.charon())
    ip(f"-n {vpn.a.router} link add tun0 type dummy")
    with pytest.raises(DriverError, match=r"'tun0' that is somebody else's.*rename or delete"):
        vpn.put(vpn.a.device())
    assert "dummy" in ip(f"-n {vpn.a.router} -d link show tun0")
    ip(f"-n {vpn.a.router} link delete tun0")
    ip(f"-n {vpn.a.endpoint} link add theirs0 type xfrm if_id {IF_ID}")
    ip(f"-n {vpn.a.endpoint} link set theirs0 netns {vpn.b.router}")
    with pytest.raises(DriverError, match=rf"if_id {IF_ID} .* taken"):
        vpn.put(vpn.a.device())
    ip(f"-n {vpn.b.router} link delete theirs0")
    vpn.put(vpn.a.device())
    assert vpn.seen()[vpn.a.device().key] == vpn.a.device()


def test_another_if_id_reads_as_different_and_is_changed(vpn: Vpn) -> None:
    vpn.put(vpn.a.device())
    other = replace(vpn.a.device(), if_id=IF_ID + 1)
    assert vpn.seen()[other.key] != other
    vpn.put(other)
    assert vpn.seen()[other.key] == other


def test_a_tunnel_of_libipsec_becomes_the_kernels_and_goes_back(vpn: Vpn) -> None:
    for data_plane in (DataPlane.LIBIPSEC, DataPlane.KERNEL, DataPlane.LIBIPSEC):
        for side, peer in ((vpn.b, vpn.a), (vpn.a, vpn.b)):
            vpn.endpoint(side, side.connection(peer, initiate=side is vpn.a), data_plane)
        vpn.await_ping()
        device = vpn.seen()[vpn.a.device().key]
        assert isinstance(device, TunnelDevice)
        assert device.data_plane is data_plane
        assert len(vpn.pids()) == 2


@pytest.mark.parametrize("initiator", [True, False])
def test_udp_is_forced_and_given_up(vpn: Vpn, initiator: bool) -> None:
    """By either side: who initiates ends the IKE SA that it had, of who waits a second one takes over."""
    vpn.both()
    vpn.await_ping()
    side, peer = (vpn.a, vpn.b) if initiator else (vpn.b, vpn.a)
    plain = side.connection(peer, initiate=initiator)
    for wanted, udp in ((replace(plain, force_udp=True), True), (plain, False)):
        vpn.put(wanted)
        for end in (vpn.a, vpn.b):
            until(lambda end=end: [sa.up for sa in vpn.sas(end)] == [True], f"{end.endpoint} has one IKE SA", 20.0)
            [ike] = vpn.sas(end)
            assert ({child.udp for child in ike.children}, ike.nat_fake) == ({udp}, udp and end is side)
            assert ("encap type espinudp" in ip(f"-n {end.endpoint} xfrm state")) is udp
        assert vpn.seen()[wanted.key].fingerprint == vpn.drivers.connections.fingerprint(wanted)  # type: ignore[attr-defined]
        vpn.await_ping()


def test_a_peer_that_does_not_agree_to_udp_keeps_its_tunnel_and_is_told(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    forced = replace(vpn.b.connection(vpn.a), force_udp=True)
    before = spis(vpn, vpn.b)
    vpn.cut()
    with pytest.raises(DriverError, match="stays as it is until it does"):
        vpn.put(forced)
    assert before <= sas.installed(vpn.b.endpoint).spis
    assert vpn.seen()[forced.key].fingerprint == OUTDATED  # type: ignore[attr-defined]
    vpn.mend()
    vpn.put(forced)
    assert vpn.seen()[forced.key].fingerprint == vpn.drivers.connections.fingerprint(forced)  # type: ignore[attr-defined]
    vpn.await_ping()


@pytest.mark.parametrize("window", [64, 2048])
def test_the_replay_window_is_the_kernels(vpn: Vpn, window: int) -> None:
    vpn.endpoint(vpn.b, vpn.b.connection(vpn.a))
    vpn.endpoint(vpn.a, replace(vpn.a.connection(vpn.b, initiate=True), replay_window=window))
    vpn.await_ping()
    for side, expected in ((vpn.a, window), (vpn.b, 1024)):
        [child] = vpn.sas(side)[0].children
        assert (child.replay_window, child.esn) == (expected, True)
        peer = vpn.b if side is vpn.a else vpn.a
        inbound = f"src {peer.outside} dst {side.outside} proto esp spi 0x{child.spi_in}"
        assert f"replay_window {expected}," in ip(f"-n {side.endpoint} xfrm state get {inbound}")
