"""What `landbridge status` prints."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from admin_world import World
from rich.console import Console
from support import START

from landbridge.cli.overview import amount, customer_gateway, duration, overview
from landbridge.control.attachments import AttachNetworkInterface
from landbridge.control.changes import ModifyTunnel
from landbridge.control.elastic_addresses import AllocateAddress, AssociateAddress
from landbridge.control.network_interfaces import CreateNetworkInterface, ModifyNetworkInterface, NewAddresses
from landbridge.control.rollout import Advance, Progress
from landbridge.control.tags import CreateTags
from landbridge.control.tunnels import TunnelWish
from landbridge.model.instances import Instance
from landbridge.model.network import Vpc
from landbridge.model.secret import Secret
from landbridge.model.vpn import VpnConnection
from landbridge.views.status import status

GOLDEN = """\
landbridge a1b2c3  http://127.0.0.1:8780  /var/lib/landbridge
data plane libipsec, with the lab: this kernel has no ESP
VPC vpc-ID "prod"  10.0.0.0/16  available
├── subnet subnet-ID  10.0.1.0/24  rtb-ID
├── route table rtb-ID  main  kernel table 100
│   ├── 10.0.0.0/16  local
│   └── 192.168.60.0/24  vgw-ID  propagated
├── internet gateway igw-ID  attached
└── instance i-ID "web"  10.0.1.4  198.51.100.2  running
VPN gateway vgw-ID  ASN 64512  available  attached vpc-ID
└── 192.168.60.0/24  by vpn-ID tunnel 1
Customer gateway cgw-ID  203.0.113.11  ASN 65001
Customer gateway cgw-ID  203.0.113.12  ASN 65002
VPN connection vpn-ID  BGP  available  vgw-ID to cgw-ID
├── tunnel 1  UP for 5 min  203.0.113.128  INSIDE
│   ├── IKE established  BGP Established  BFD up  1 route  in 1.2 kB, out 5.6 MB
│   └── ESP AES_GCM_16-128 in UDP  no ESN  replay window 128 (1024 asked for)
└── tunnel 2  DOWN for 2 h  203.0.113.129  INSIDE
    ├── IKE down  BGP down  no BFD  0 routes  in 0 B, out 0 B
    └── The customer gateway has not called yet.
VPN connection vpn-ID  static  available  vgw-ID to cgw-ID
├── tunnel 1  UP for 5 min  203.0.113.130  INSIDE
│   ├── IKE established  BFD up  1 route  in 1.2 kB, out 5.6 MB
│   └── ESP AES_GCM_16-128  ESN  replay window 1024
├── tunnel 2  DOWN for 2 h  203.0.113.131  INSIDE
│   ├── IKE down  no BFD  0 routes  in 0 B, out 0 B
│   └── The customer gateway has not called yet.
├── DF is cleared, UDP is forced
└── static routes 192.168.70.0/24
What does not work
└── vgw-ID  BIRD could not be started: it is not installed.
"""


def rendered(world: World, width: int, *, terminal: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, highlight=False, markup=False)
    console.print(overview(status(world.cloud.snapshot, world.observation, world.facts()), START))
    return out.getvalue()


def test_a_connection_shows_what_is_being_changed(world: World) -> None:
    connection = next(iter(world.cloud.snapshot.all(VpnConnection)))
    world.cloud.run(ModifyTunnel(connection.id, 1, TunnelWish(psk=Secret("A_new.key"))))
    text = rendered(world, 120)
    assert f"VPN connection {connection.id}  BGP  modifying" in text
    assert "tunnel 1 is changed: leaving for 0 s" in text
    for _ in range(2):
        change = next(each for each in world.cloud.snapshot.all(VpnConnection) if each.id == connection.id).change
        assert change is not None
        world.cloud.run(Advance({connection.id: Progress(change, ready=True, gone=True, up=frozenset())}))
    text = rendered(world, 120)
    assert "is changed" not in text
    assert "the former pre-shared key connects, too, until 2026-" in text
    assert "A_new.key" not in text


def test_an_instance_shows_its_interfaces_when_there_is_more_to_them_than_one_address(world: World) -> None:
    run = world.cloud.run
    (instance,) = world.cloud.snapshot.all(Instance)
    second = run(CreateNetworkInterface(instance.subnet_id, NewAddresses(count=1), tags=(("Name", "second"),)))
    run(AttachNetworkInterface(second.id, instance.id, 1))
    run(ModifyNetworkInterface(second.id, source_dest_check=False))
    run(AssociateAddress(run(AllocateAddress()).id, interface_id=second.id))
    world.build()
    text = re.sub(r"-[0-9a-f]{17}", "-ID", rendered(world, 120))
    assert (
        """
└── instance i-ID "web"  10.0.1.4  198.51.100.2  running
    ├── eth0 eni-ID  10.0.1.4 (198.51.100.2)
    └── eth1 eni-ID "second"  10.0.1.5 (198.51.100.3), 10.0.1.6  no source/destination check
"""
        in text
    )


@pytest.fixture
def world() -> World:
    made = World()
    made.furnish()
    return made


def test_the_overview(world: World) -> None:
    text = re.sub(r"\b([a-z]+)-[0-9a-f]{17}\b", r"\1-ID", rendered(world, 200))
    text = re.sub(r"169\.254\.\d+\.\d+/30", "INSIDE", text)
    assert text == GOLDEN


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_narrow_terminal_loses_nothing(world: World, width: int) -> None:
    wide, narrow = rendered(world, 500), rendered(world, width)
    assert max(map(len, narrow.splitlines())) <= width
    rails = str.maketrans("", "", "│├└─ \n")
    assert narrow.translate(rails) == wide.translate(rails)


def test_the_customer_gateways_own_view() -> None:
    tunnel = {
        "number": 1,
        "customer_outside": "203.0.113.77",
        "cloud_outside": "203.0.113.128",
        "status": "DOWN",
        "since": START.isoformat(),
        "why": "The other side does not answer.",
        "ike": "connecting",
        "bgp": "Active",
        "bfd": False,
        "accepted_routes": 0,
        "bytes_in": 0,
        "bytes_out": 0,
        "esp": None,
    }
    document = {
        "vpn_connection_id": "vpn-1",
        "static": False,
        "clear_df": True,
        "force_udp": False,
        "advertised": ["192.168.60.0/24"],
        "faults": ["BIRD is not installed."],
        "tunnels": [tunnel],
        "agent": None,
    }
    out = io.StringIO()
    Console(file=out, width=100, highlight=False).print(customer_gateway(document, START))
    assert out.getvalue() == (
        "VPN connection vpn-1  agent not running\n"
        "├── tunnel 1  DOWN for 0 s  203.0.113.77 to 203.0.113.128\n"
        "│   ├── IKE connecting  BGP Active  no BFD  0 routes  in 0 B, out 0 B\n"
        "│   └── The other side does not answer.\n"
        "├── DF is cleared\n"
        "├── advertised 192.168.60.0/24\n"
        "└── BIRD is not installed.\n"
    )


def test_what_is_weak_is_marked_and_a_stricter_policy_told(world: World) -> None:
    identity, seen = next((i, t) for i, t in world.observation.tunnels.items() if t.esp is not None)
    assert seen.esp is not None
    old = replace(
        seen,
        suite="AES_CBC-128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_1024",
        ike_version="ikev1",
        esp=replace(seen.esp, suite="AES_CBC-128/HMAC_SHA2_256_128/MODP_1536"),
    )
    before = rendered(world, 200)
    assert "weak" not in before
    assert "crypto policy" not in before
    world.observation = replace(world.observation, tunnels={**world.observation.tunnels, identity: old})
    world.crypto_policy = "modern"
    text = rendered(world, 200)
    assert "weak: IKEv1, SHA1, Diffie-Hellman group 2, Diffie-Hellman group 5\n" in text
    assert text.splitlines()[2] == "crypto policy modern"


def test_an_empty_service() -> None:
    assert "There is no VPC and no gateway yet." in rendered(World(), 80)


def test_what_was_typed_cannot_drive_the_terminal(world: World) -> None:
    (vpc,) = world.cloud.snapshot.all(Vpc)
    (instance,) = world.cloud.snapshot.all(Instance)
    world.cloud.run(CreateTags((vpc.id, instance.id), (("Name", "\x1b[31m[red]\x07\n\u202e"),)))
    text = rendered(world, 200)
    assert text.count('"?[31m[red]???"') == 2
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_colours_on_a_terminal_only(world: World) -> None:
    assert "\x1b[32mUP" in rendered(world, 200, terminal=True)
    assert "\x1b" not in rendered(world, 200)


@pytest.mark.parametrize(
    ("ago", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (7_199, "1 h"), (86_400 * 3, "3 d"), (-5, "0 s")],
)
def test_duration(ago: int, text: str) -> None:
    since = (START - timedelta(seconds=ago)).isoformat()
    assert duration(since, START) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (123_456_789, "123.5 MB"), (5 * 10**15, "5000.0 TB")],
)
def test_amount(number: int, text: str) -> None:
    assert amount(number) == text
