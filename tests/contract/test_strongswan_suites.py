"""Every algorithm, version and time that a tunnel's options can name: negotiated, carrying packets, and rekeyed.

What is in force is read from charon, in its own words.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import pytest
from networks import KERNEL, SLOW, ip, until
from vici.exception import CommandException
from vpn import PSK, Vpn

from landbridge.desired.ike import IkeConnection
from landbridge.drivers.netlink.inside import inside
from landbridge.drivers.strongswan.settings import PLUGINS
from landbridge.model.crypto import PHASE_1, PHASE_2, Encryption, Group, IkeVersion, Integrity, Transforms
from landbridge.observe.ike import Cause, ChildSaStatus, IkeEventKind, IkeSaStatus
from stock_swan import StockSwan

pytestmark = pytest.mark.lab

ETH_P_ALL = 3
CIPHERS = {
    Encryption.AES_CBC_128: "AES_CBC-128",
    Encryption.AES_CBC_256: "AES_CBC-256",
    Encryption.AES_GCM_16_128: "AES_GCM_16-128",
    Encryption.AES_GCM_16_256: "AES_GCM_16-256",
}
HASHES = {
    Integrity.SHA1: ("HMAC_SHA1_96", "PRF_HMAC_SHA1"),
    Integrity.SHA2_256: ("HMAC_SHA2_256_128", "PRF_HMAC_SHA2_256"),
    Integrity.SHA2_384: ("HMAC_SHA2_384_192", "PRF_HMAC_SHA2_384"),
    Integrity.SHA2_512: ("HMAC_SHA2_512_256", "PRF_HMAC_SHA2_512"),
}


def ike_words(cipher: Encryption, hashing: Integrity, group: Group) -> str:
    """A suite of phase 1 as charon tells it."""
    integrity, prf = HASHES[hashing]
    return "/".join((CIPHERS[cipher], *([] if cipher.authenticates else [integrity]), prf, group.name))


def esp_words(cipher: Encryption, hashing: Integrity, group: Group) -> str:
    """A suite of phase 2 as charon tells it, after a Diffie-Hellman exchange of its own."""
    return "/".join((CIPHERS[cipher], *([] if cipher.authenticates else [HASHES[hashing][0]]), group.name))


@dataclass(frozen=True)
class Case:
    """A suite for both phases, and a version."""

    version: IkeVersion
    cipher: Encryption
    hashing: Integrity
    group: Group

    def __str__(self) -> str:
        return f"{self.version}-{self.cipher}-{self.hashing}-group{self.group}"

    @property
    def ike_cipher(self) -> Encryption:
        """IKEv1 has no AES-GCM for itself."""
        both = self.version is IkeVersion.IKEV1 and self.cipher.authenticates
        return Encryption.AES_CBC_128 if both else self.cipher

    def of(self, connection: IkeConnection) -> IkeConnection:
        """The connection with nothing else to choose from."""
        return replace(
            connection,
            versions=(self.version,),
            ike=Transforms((self.ike_cipher,), (self.hashing,), (self.group,)),
            esp=Transforms((self.cipher,), (self.hashing,), (self.group,)),
        )


CASES = [
    case
    for version in IkeVersion
    for case in (
        *(Case(version, cipher, hashing, Group.ECP_256) for cipher in Encryption for hashing in Integrity),
        *(
            Case(version, Encryption.AES_CBC_128, Integrity.SHA2_256, group)
            for group in Group
            if group != Group.ECP_256
        ),
    )
]


@pytest.fixture(scope="module")
def vpn() -> Iterator[Vpn]:
    """Two endpoints whose charons stay, without connections."""
    made = Vpn()
    try:
        made.up()
        made.put(made.a.charon(), made.a.device(), made.b.charon(), made.b.device())
        made.address(made.a, made.b)
        yield made
    finally:
        made.down()


@pytest.fixture(autouse=True)
def unloaded(vpn: Vpn) -> Iterator[None]:
    """Each test begins without connections and SAs."""
    yield
    for side, peer in ((vpn.a, vpn.b), (vpn.b, vpn.a)):
        vpn.drivers.connections.drop(side.connection(peer))
    until(lambda: not vpn.sas(vpn.a) and not vpn.sas(vpn.b), "all SAs are gone")


def carrying(vpn: Vpn) -> tuple[IkeSaStatus, ChildSaStatus]:
    """The initiator's SAs that carry packets."""
    sa = next(sa for sa in vpn.sas(vpn.a) if sa.up)
    return sa, min((child for child in sa.children if child.carries), key=lambda child: child.installed)


def test_no_plugin_is_loaded_but_those_that_these_algorithms_take(vpn: Vpn) -> None:
    with vpn.control(vpn.a) as session:
        loaded = {name.decode() for name in session.stats()["plugins"]}
    assert loaded == {"charon-systemd", *PLUGINS} - ({"kernel-libipsec"} if KERNEL else set())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_negotiated_carries_packets_and_is_rekeyed(vpn: Vpn, case: Case) -> None:
    vpn.put(case.of(vpn.b.connection(vpn.a)), case.of(vpn.a.connection(vpn.b, initiate=True)))
    vpn.await_up(seconds=20)
    sa, child = carrying(vpn)
    assert (sa.version, sa.suite) == (case.version, ike_words(case.ike_cipher, case.hashing, case.group))
    # With IKEv2 the first CHILD SA has no Diffie-Hellman exchange of its own.
    full = esp_words(case.cipher, case.hashing, case.group)
    assert child.suite == (full if case.version is IkeVersion.IKEV1 else full.rpartition("/")[0])
    vpn.await_ping()

    vpn.drivers.endpoints.vici(vpn.a.endpoint).rekey("t1")

    until(lambda: carrying(vpn)[1].unique_id != child.unique_id, "new keys carry")
    assert carrying(vpn)[1].suite == full
    vpn.await_ping()


@pytest.fixture
def stock(vpn: Vpn, tmp_path: Path) -> Iterator[StockSwan]:
    """Stock strongSwan in our charon's place on side b."""
    vpn.drivers.charons.drop(vpn.b.charon())
    try:
        with StockSwan(vpn.b.endpoint, tmp_path, kernel=KERNEL) as made:
            yield made
    finally:
        vpn.put(vpn.b.charon(), vpn.b.device())
        vpn.address(vpn.b)


def stock_connection(vpn: Vpn, version: IkeVersion, ike: list[str], esp: list[str]) -> dict[str, Any]:
    """To side a, in swanctl.conf's words. With 0.0.0.0/0 it would route its own packets into the tunnel."""
    return {
        "version": version.removeprefix("ikev"),
        "local_addrs": [str(vpn.b.outside)],
        "remote_addrs": [str(vpn.a.outside)],
        "proposals": ike,
        "local": {"auth": "psk", "id": str(vpn.b.outside)},
        "remote": {"auth": "psk", "id": str(vpn.a.outside)},
        "children": {"all": {"local_ts": ["0.0.0.0/1"], "remote_ts": ["0.0.0.0/1"], "esp_proposals": esp}},
    }


@pytest.mark.parametrize("version", IkeVersion)
@pytest.mark.parametrize(
    ("offers", "chosen"),
    [
        (
            [
                "aes256gcm16-aes128gcm16-prfsha384-ecp384",
                "aes256-sha512-ecp384",
                "aes128-sha256-ecp384",
                "aes128-sha1-ecp384",
            ],
            (Encryption.AES_CBC_128, Integrity.SHA1, Group.ECP_384),
        ),
        (["aes256-sha512-ecp384", "aes256-sha384-ecp384"], (Encryption.AES_CBC_256, Integrity.SHA2_384, Group.ECP_384)),
    ],
    ids=["cipher", "hash"],
)
def test_the_lowest_is_taken_whatever_the_peer_prefers(
    vpn: Vpn, stock: StockSwan, version: IkeVersion, offers: list[str], chosen: tuple[Encryption, Integrity, Group]
) -> None:
    """It offers the strongest first."""
    vpn.put(replace(vpn.a.connection(vpn.b), versions=tuple(IkeVersion), ike=PHASE_1, esp=PHASE_2))
    ike = [each for each in offers if version is IkeVersion.IKEV2 or "gcm" not in each]
    esp = [each.replace("-prfsha384", "") for each in offers]
    stock.load("strongest-first", stock_connection(vpn, version, ike, esp), key=PSK, ids=vpn.identities)
    stock.initiate("strongest-first", "all")
    until(lambda: vpn.is_up(vpn.a), "it is up")
    sa, child = carrying(vpn)
    assert (sa.version, sa.suite) == (version, ike_words(*chosen))
    assert child.suite.startswith(f"{CIPHERS[chosen[0]]}/{HASHES[chosen[1]][0]}")


def test_of_one_proposals_algorithms_the_lowest_of_each_kind_is_taken(vpn: Vpn, stock: StockSwan) -> None:
    vpn.put(replace(vpn.a.connection(vpn.b), versions=tuple(IkeVersion), ike=PHASE_1, esp=PHASE_2))
    offer = ["aes256-aes128-sha512-sha256-ecp521-ecp256"]
    stock.load("all-at-once", stock_connection(vpn, IkeVersion.IKEV2, offer, offer), key=PSK, ids=vpn.identities)
    stock.initiate("all-at-once", "all")
    until(lambda: vpn.is_up(vpn.a), "it is up")
    assert carrying(vpn)[0].suite == ike_words(Encryption.AES_CBC_128, Integrity.SHA2_256, Group.ECP_256)


@pytest.mark.parametrize("versions", [(IkeVersion.IKEV1,), (IkeVersion.IKEV2,), tuple(IkeVersion)], ids="+".join)
def test_a_version_that_is_not_permitted_is_refused(
    vpn: Vpn, stock: StockSwan, versions: tuple[IkeVersion, ...]
) -> None:
    vpn.put(replace(vpn.a.connection(vpn.b), versions=versions, ike=PHASE_1, esp=PHASE_2))
    offer = ["aes128-sha256-modp2048"]
    for version in IkeVersion:
        stock.load(version, stock_connection(vpn, version, offer, offer), key=PSK, ids=vpn.identities)
        if version not in versions:
            with pytest.raises(CommandException):
                stock.initiate(version, "all")
            assert not any(sa.up for sa in vpn.sas(vpn.a))
            continue
        stock.initiate(version, "all")
        until(lambda: vpn.is_up(vpn.a), f"{version} is up")
        assert carrying(vpn)[0].version is version
        vpn.drivers.endpoints.vici(vpn.a.endpoint).terminate("t1")
        until(lambda: not vpn.sas(vpn.a), "it is down")


def packets(vpn: Vpn) -> socket.socket:
    """Hears every packet to and from side a's endpoint, without its link's header."""
    with inside(vpn.internet):
        heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
        heard.bind(("pa", ETH_P_ALL))
    heard.setblocking(False)
    return heard


def asked(heard: socket.socket, source: IPv4Address) -> Iterator[bytes]:
    """The IP packets from that address to UDP port 500, and whatever is a fragment."""
    with suppress(BlockingIOError):
        while True:
            packet = heard.recv(65_535)
            ports = (packet[0] & 0xF) * 4
            fragment = int.from_bytes(packet[6:8], "big") & 0x3FFF
            if packet[12:16] == source.packed and (fragment or packet[ports + 2 : ports + 4] == b"\x01\xf4"):
                yield packet


def test_who_initiates_with_everything_asks_in_one_packet_and_finds_the_peers_group(vpn: Vpn) -> None:
    narrow = Case(IkeVersion.IKEV2, Encryption.AES_GCM_16_256, Integrity.SHA2_512, Group.ECP_521)
    everything = {"versions": tuple(IkeVersion), "ike": PHASE_1, "esp": PHASE_2}
    with packets(vpn) as heard:
        vpn.put(narrow.of(vpn.b.connection(vpn.a)), replace(vpn.a.connection(vpn.b, initiate=True), **everything))
        vpn.await_up()
        sizes = [len(packet) for packet in asked(heard, vpn.a.outside)]
    assert carrying(vpn)[0].suite == ike_words(narrow.cipher, narrow.hashing, narrow.group)
    vpn.await_ping()
    print(f"IKE_SA_INIT: packets of {sizes} bytes")
    assert len(sizes) >= 2, "its first guess at the group was another one"
    assert max(sizes) <= 1_280


def test_no_algorithm_in_common_is_told_as_the_cause(vpn: Vpn) -> None:
    for number, version in enumerate(IkeVersion):
        one = Case(version, Encryption.AES_CBC_128, Integrity.SHA2_256, Group.MODP_2048)
        other = replace(one, hashing=Integrity.SHA2_512)
        vpn.put(one.of(vpn.b.connection(vpn.a)), other.of(vpn.a.connection(vpn.b, initiate=True)))
        for side in (vpn.a, vpn.b):
            until(
                lambda side=side, number=number: (
                    len(vpn.heard(IkeEventKind.TROUBLE, side, Cause.NO_PROPOSAL_CHOSEN)) > number
                ),
                f"{side.endpoint} hears of it with {version}",
            )
        assert not vpn.is_up(vpn.a)
        vpn.put(one.of(vpn.a.connection(vpn.b, initiate=True)))
        vpn.await_up()


def test_sas_by_an_algorithm_that_is_wanted_no_more_end(vpn: Vpn) -> None:
    weak = Case(IkeVersion.IKEV2, Encryption.AES_CBC_128, Integrity.SHA1, Group.MODP_1024)
    strong = Case(IkeVersion.IKEV2, Encryption.AES_GCM_16_256, Integrity.SHA2_384, Group.ECP_384)
    both = replace(
        vpn.a.connection(vpn.b, initiate=True),
        ike=Transforms((weak.cipher, strong.cipher), (weak.hashing, strong.hashing), (weak.group, strong.group)),
        esp=Transforms((weak.cipher, strong.cipher), (weak.hashing,), (weak.group, strong.group)),
    )
    vpn.put(replace(vpn.b.connection(vpn.a), ike=both.ike, esp=both.esp), both)
    vpn.await_up()
    assert carrying(vpn)[0].suite == ike_words(weak.cipher, weak.hashing, weak.group)
    vpn.put(strong.of(vpn.b.connection(vpn.a)))
    until(
        lambda: vpn.is_up(vpn.a) and carrying(vpn)[0].suite == ike_words(strong.cipher, strong.hashing, strong.group),
        "the strong ones are up",
    )
    vpn.await_ping()


@pytest.mark.parametrize("version", IkeVersion)
def test_lifetimes_margin_and_fuzz_are_charons(vpn: Vpn, version: IkeVersion) -> None:
    times = {"ike_lifetime": 7_200, "child_lifetime": 1_800, "rekey_margin": 600}
    case = Case(version, Encryption.AES_CBC_128, Integrity.SHA2_256, Group.ECP_256)
    vpn.put(replace(case.of(vpn.b.connection(vpn.a)), **times, rekey_fuzz=0))
    vpn.put(replace(case.of(vpn.a.connection(vpn.b, initiate=True)), **times, rekey_fuzz=50))
    vpn.await_up()
    for side, earliest in ((vpn.b, 600), (vpn.a, 900)):
        sa = next(sa for sa in vpn.sas(side) if sa.up)
        [child] = sa.children
        assert sa.rekey_in is not None
        assert child.rekey_in is not None
        assert child.expires_in is not None
        assert 7_200 - earliest - 20 <= sa.rekey_in <= 7_200 - 600
        assert 1_800 - earliest - 20 <= child.rekey_in <= 1_800 - 600
        assert 1_800 - 20 <= child.expires_in <= 1_800


@pytest.mark.parametrize("version", IkeVersion)
def test_only_what_the_selectors_name_passes(vpn: Vpn, version: IkeVersion) -> None:
    """10.9.0.1 and 10.9.1.1 behind a, 10.8.0.1 behind b. IKEv1 has no selector for the ends of the tunnel."""
    here, there = IPv4Network("10.9.0.0/24"), IPv4Network("10.8.0.0/24")
    case = Case(version, Encryption.AES_CBC_256, Integrity.SHA2_256, Group.ECP_256)
    ours, theirs = (here, IPv4Network(vpn.a.inside)), (there, IPv4Network(vpn.b.inside))
    for side, peer, networks in ((vpn.a, there, ours), (vpn.b, here, theirs)):
        ip(f"-n {side.router} route replace {peer} dev tun0")
        for network in networks if not KERNEL else ():  # as the service does for libipsec
            ip(f"-n {side.endpoint} address replace {network[min(1, network.num_addresses - 1)]}/32 dev lo")
    ip(f"-n {vpn.b.router} route replace 10.9.1.0/24 dev tun0")
    for router, address in ((vpn.a.router, "10.9.0.1"), (vpn.a.router, "10.9.1.1"), (vpn.b.router, "10.8.0.1")):
        ip(f"-n {router} address replace {address}/32 dev lo")
    vpn.put(
        replace(case.of(vpn.b.connection(vpn.a)), local_ts=theirs, remote_ts=ours),
        replace(case.of(vpn.a.connection(vpn.b, initiate=True)), local_ts=ours, remote_ts=theirs),
    )
    vpn.await_up()
    named = 1 if version is IkeVersion.IKEV1 else 2
    child = carrying(vpn)[1]
    assert set(child.local_ts) == {str(network) for network in ours[:named]}
    assert set(child.remote_ts) == {str(network) for network in theirs[:named]}

    def passes(source: str) -> bool:
        command = f"ip netns exec {vpn.a.router} ping -c 1 -W {SLOW:g} -I {source} 10.8.0.1"
        return subprocess.run(command.split(), capture_output=True, timeout=20 * SLOW, check=False).returncode == 0

    until(lambda: passes("10.9.0.1"), "what is named passes")
    assert not passes("10.9.1.1")
    assert vpn.pings() is (version is IkeVersion.IKEV2)
