"""What is too large for a tunnel: the sender is told how much fits; TCP and fragments pass all the same, both ways.

All of it with an uplink of 1500 bytes on both sides, and with one of 1400.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest
from cloud import Connection, Instance
from daemons import security_associations
from packets import Capture, Host, get, web_server
from shell import eventually, ok
from sites import Site
from sizes import carried, forget_mtus, large_ping, passes_in_pieces, passes_whole, segment_sizes, told
from world import World, opened

pytestmark = pytest.mark.lab

FITS = {
    # The lab's customer gateway is behind its own source NAT: ESP is in UDP either way.
    ("kernel", 1500): 1438,
    ("kernel", 1400): 1338,
    ("libipsec", 1500): 1400,
    ("libipsec", 1400): 1338,
}


@dataclass(frozen=True)
class Lab:
    """instance -- VPC 10.0.0.0/16 -- VGW == connection == paris -- host"""

    world: World
    instance: Instance
    paris: Site
    connection: Connection
    uplink: int

    def ends(self, name: str) -> tuple[Host, Host]:
        """Sender and receiver of the direction."""
        pair = (self.instance, self.paris.host)
        return pair if name == "to the site" else (pair[1], pair[0])

    @property
    def fits(self) -> int:
        """Bytes that the tunnels take."""
        return FITS[self.world.status()["data_plane"], self.uplink]


@pytest.fixture(scope="module", params=[1500, 1400], ids=lambda size: f"uplink {size}")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    uplink: int = request.param
    with opened("--uplink-mtu", str(uplink)) as world:
        vpc = world.cloud.vpc("10.0.0.0/16").opened()
        instance = vpc.subnet("10.0.1.0/24").instance()
        gateway = vpc.vpn_gateway(64_620)
        paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
        if uplink < 1500:
            ok("ip", "-n", paris.name, "route", "add", "203.0.113.128/25", "dev", "wan", "mtu", str(uplink))
        connection = gateway.connect(paris, asn=65_010)
        vpc.main_table.propagate(gateway)
        paris.customer_gateway_up(connection)
        connection.comes_up()
        made = Lab(world, instance, paris, connection, uplink)
        instance.comes_to_reach(paris.host)
        yield made


directions = pytest.mark.parametrize("direction", ["to the site", "to the VPC"])


@directions
def test_who_must_not_be_fragmented_is_told_how_much_fits(lab: Lab, direction: str) -> None:
    sender, receiver = lab.ends(direction)
    # The one before the tunnel says so, by its address on the link that the packet came by.
    teller = IPv4Address("169.254.0.2") if direction == "to the site" else lab.paris.gateway.address
    said = eventually(lambda: told(sender, receiver), "the sender hears of the tunnel's MTU")
    assert said == (lab.fits, teller)
    assert passes_whole(sender, receiver, lab.fits)
    assert not passes_whole(sender, receiver, lab.fits + 1)


@directions
def test_both_ends_of_a_tcp_connection_hear_how_much_fits_into_a_segment(lab: Lab, direction: str) -> None:
    client, server = lab.ends(direction)
    for host in (client, server):
        forget_mtus(host)  # else they would know by themselves
    with Capture(client.namespace) as at_the_client, Capture(server.namespace) as at_the_server:
        with web_server(server, b"whatever"):
            assert get(client, server.address) == b"whatever"
        assert segment_sizes(at_the_server.frames(), client) == {lab.fits - 40}
        assert segment_sizes(at_the_client.frames(), server) == {lab.fits - 40}
        assert segment_sizes(at_the_client.frames(), client) == {1460}, "what it said itself was overruled on the way"


@directions
def test_with_df_cleared_what_forbids_fragments_passes_all_the_same(lab: Lab, direction: str) -> None:
    sender, receiver = lab.ends(direction)
    refused = f"fragmentation needed, {lab.fits} bytes"

    def clear(wish: str) -> None:
        if direction == "to the site":
            said = lab.world.landbridge("vpn-connection", "set", lab.connection.id, wish)
            assert said.returncode == 0, said.stderr
        else:
            lab.paris.customer_gateway_up(lab.connection, wish)

    # What comes out of a VPC was put together and taken apart again by its router, which tracks flows: of a packet that
    # was in fragments from the beginning it keeps no DF.
    whole = direction == "to the site"
    before = security_associations(lab.world.instance)
    assert not passes_whole(sender, receiver, 1500)
    assert whole or large_ping(sender, receiver) == refused
    clear("--clear-df")
    assert large_ping(sender, receiver) == "answered"
    assert passes_whole(sender, receiver, 1500)
    clear("--no-clear-df")
    assert whole or large_ping(sender, receiver) == refused
    assert not passes_whole(sender, receiver, 1500)
    assert security_associations(lab.world.instance) == before, "no tunnel was made anew for it"


@directions
def test_a_ping_of_64_kilobytes_passes_in_fragments_that_fit_the_uplink(lab: Lab, direction: str) -> None:
    sender, receiver = lab.ends(direction)
    with Capture(lab.world.internet) as outside:
        eventually(lambda: passes_in_pieces(sender, receiver), "a large ping passes", 15)
    packets = [frame[14:] for frame in outside.frames() if frame[12:14] == b"\x08\x00"]
    assert max(map(len, packets)) <= lab.uplink
    assert max(map(len, packets)) > lab.uplink - 64, "those that are full fill it"
    assert not any(packet[6] & 0x3F or packet[7] for packet in packets), (
        "fragmented before they are encrypted, not after"
    )


@directions
def test_a_hundred_megabytes_of_tcp_arrive_whole(lab: Lab, direction: str) -> None:
    sent, arrived = carried(*lab.ends(direction), megabytes=100)
    assert sent == arrived


@pytest.mark.parametrize(
    ("site", "hashing", "fits"),
    [
        ("203.0.113.78", "SHA1", {("kernel", 1500): 1422, ("libipsec", 1500): 1400, 1400: 1326}),
        ("203.0.113.79", "SHA2-512", {("kernel", 1500): 1406, ("libipsec", 1500): 1400, 1400: 1310}),
    ],
    ids=["SHA1", "SHA2-512"],
)
def test_with_aes_cbc_less_fits_and_that_goes_by_the_hash(
    lab: Lab, site: str, hashing: str, fits: dict[object, int]
) -> None:
    address = IPv4Address(site)
    there = lab.world.site(f"s{address.packed[3]}", site, f"192.168.{address.packed[3]}.0/24")
    if lab.uplink < 1500:
        ok("ip", "-n", there.name, "route", "add", "203.0.113.128/25", "dev", "wan", "mtu", str(lab.uplink))
    suite = {
        "Phase2EncryptionAlgorithms": [{"Value": "AES256"}],
        "Phase2IntegrityAlgorithms": [{"Value": hashing}],
    }
    connection = lab.connection.gateway.connect(there, asn=65_000 + address.packed[3], tunnels=[suite, suite])
    there.customer_gateway_up(connection)
    connection.comes_up()
    lab.instance.comes_to_reach(there.host)
    size = fits[1400] if lab.uplink == 1400 else fits[lab.world.status()["data_plane"], lab.uplink]
    with Capture(lab.world.internet) as outside:
        for sender, receiver in ((lab.instance, there.host), (there.host, lab.instance)):
            found = eventually(lambda sender=sender, receiver=receiver: told(sender, receiver), "the sender is told")
            assert found[0] == size
            assert passes_whole(sender, receiver, size)
            assert not passes_whole(sender, receiver, size + 1)
    packets = [frame[14:] for frame in outside.frames() if frame[12:14] == b"\x08\x00"]
    assert max(map(len, packets)) <= lab.uplink
    assert not any(packet[6] & 0x3F or packet[7] for packet in packets), "nothing encrypted is in fragments"
