"""The device file, written and read: what goes out comes in again, and what is hostile or broken does not."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.customer.device_file import MAX_LENGTH, BadDeviceFile, read
from landbridge.desired.device_file import ESP, IKE, DeviceBgp, DeviceFile, DeviceTunnel, Suite, device_file, to_xml
from landbridge.desired.ike import IkeConnection
from landbridge.model.resources import State
from landbridge.model.secret import Secret
from landbridge.model.vpn import CustomerGateway, Tunnel, TunnelOptions, VpnConnection, VpnGateway

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEYS = ("A_first.Key_00000001", "B_second.Key_0000002")
WHO = {"account": "123456789012", "region": "eu-central-1", "created": NOW}


def of(*, static: bool = False, dpd: int | None = None) -> DeviceFile:
    """The file of a connection."""
    one, two = (
        Tunnel(
            number=number,
            outside=IPv4Address("203.0.113.128") + number,
            inside=IPv4Network(f"169.254.{number}0.0/30"),
            psk=Secret(KEYS[number - 1]),
            options=TunnelOptions(dpd_timeout_seconds=dpd),
        )
        for number in (1, 2)
    )
    connection = VpnConnection(
        id="vpn-0123456789abcdef0",
        vpn_gateway_id="vgw-0123456789abcdef0",
        customer_gateway_id="cgw-0123456789abcdef0",
        number=1,
        static_only=static,
        tunnels=(one, two),
        state=State.AVAILABLE,
        **WHO,
    )
    gateway = VpnGateway(id=connection.vpn_gateway_id, asn=64512, state=State.AVAILABLE, **WHO)
    customer = CustomerGateway(
        id=connection.customer_gateway_id,
        address=IPv4Address("203.0.113.77"),
        asn=4_200_000_001,
        state=State.AVAILABLE,
        **WHO,
    )
    return device_file(connection, gateway, customer)


def outline(element: ElementTree.Element) -> list[str]:
    """The paths of all leaves, in the order of the document."""
    paths: list[str] = []
    for child in element:
        below = outline(child)
        paths += [f"{child.tag}/{path}" for path in below] or [child.tag]
    return paths


END = [
    "tunnel_outside_address/ip_address",
    "tunnel_inside_address/ip_address",
    "tunnel_inside_address/network_mask",
    "tunnel_inside_address/network_cidr",
]
BGP = ["bgp/asn", "bgp/hold_time"]
SUITE = ["authentication_protocol", "encryption_protocol", "lifetime", "perfect_forward_secrecy", "mode"]
AFTER = [
    "clear_df_bit",
    "fragmentation_before_encryption",
    "tcp_mss_adjustment",
    "dead_peer_detection/interval",
    "dead_peer_detection/retries",
]


@pytest.mark.parametrize("static", [False, True])
def test_elements_are_those_of_aws_in_their_order(static: bool) -> None:
    root = ElementTree.fromstring(to_xml(of(static=static)))
    end = END if static else END + BGP
    tunnel = [
        *(f"customer_gateway/{path}" for path in end),
        *(f"vpn_gateway/{path}" for path in end),
        *(f"ike/{path}" for path in [*SUITE, "pre_shared_key"]),
        *(f"ipsec/{path}" for path in ["protocol", *SUITE, *AFTER]),
    ]
    assert (root.tag, root.attrib) == ("vpn_connection", {"id": "vpn-0123456789abcdef0"})
    assert outline(root) == [
        "customer_gateway_id",
        "vpn_gateway_id",
        "vpn_connection_type",
        *(["vpn_connection_attributes"] if static else []),
        *(f"ipsec_tunnel/{path}" for path in tunnel * 2),
    ]
    assert root.findtext("vpn_connection_attributes") == ("NoBGPVPNConnection" if static else None)


def test_what_terraform_reads() -> None:
    root = ElementTree.fromstring(to_xml(of()))
    paths = (
        "customer_gateway/tunnel_inside_address/ip_address",
        "vpn_gateway/tunnel_inside_address/ip_address",
        "vpn_gateway/tunnel_outside_address/ip_address",
        "vpn_gateway/bgp/asn",
        "vpn_gateway/bgp/hold_time",
        "ike/pre_shared_key",
    )
    assert [[tunnel.findtext(path) for path in paths] for tunnel in root.findall("ipsec_tunnel")] == [
        ["169.254.10.2", "169.254.10.1", "203.0.113.129", "64512", "30", KEYS[0]],
        ["169.254.20.2", "169.254.20.1", "203.0.113.130", "64512", "30", KEYS[1]],
    ]


def test_the_file_says_what_the_endpoints_accept() -> None:
    """The file's words and strongSwan's for the same thing."""
    accepted = IkeConnection.__dataclass_fields__
    assert (IKE.encryption, IKE.authentication, IKE.group) == ("aes-128-gcm-16", "sha2-256", "group19")
    assert "aes128gcm16-prfsha256-ecp256" in accepted["ike_proposals"].default
    assert (ESP.encryption, ESP.authentication, ESP.group) == ("aes-128-gcm-16", "none", "group19")
    assert "aes128gcm16-ecp256" in accepted["esp_proposals"].default
    assert (IKE.lifetime, ESP.lifetime) == (accepted["ike_lifetime"].default, accepted["child_lifetime"].default)


@pytest.mark.parametrize(("timeout", "interval"), [(None, 10), (30, 10), (45, 15), (86_400, 28_800)])
def test_dead_peer_detection_follows_the_option(timeout: int | None, interval: int) -> None:
    tunnel = of(dpd=timeout).tunnels[0]
    assert (tunnel.dpd_interval, tunnel.dpd_retries) == (interval, 3)
    assert tunnel.dpd_timeout == (timeout or 30)


# --- round trip -------------------------------------------------------------------------------------------------------

ids = st.sampled_from(["vpn", "vgw", "cgw", "tgw"]).flatmap(
    lambda p: st.from_regex(rf"{p}-[0-9a-f]{{17}}", fullmatch=True)
)
unicast = st.integers(0x01000000, 0x7EFFFFFF).map(IPv4Address) | st.integers(0x80000000, 0xDFFFFFFF).map(IPv4Address)
asns = st.integers(1, 4_294_967_295)
suites = st.builds(
    Suite,
    authentication=st.sampled_from(["sha1", "sha2-256", "hmac-sha1-96", "none"]),
    encryption=st.sampled_from(["aes-128-cbc", "aes-128-gcm-16"]),
    group=st.sampled_from(["group2", "group14", "group19"]),
    lifetime=st.integers(900, 28_800),
)


@st.composite
def files(draw: st.DrawFn) -> DeviceFile:
    static = draw(st.booleans())
    count = draw(st.integers(2, 4))
    insides = draw(st.lists(st.integers(0, 16_383), min_size=count, max_size=count, unique=True))
    outsides = draw(st.lists(unicast, min_size=count, max_size=count, unique=True))
    hosts = draw(st.sampled_from([(1, 2), (2, 1)]))
    tunnels = tuple(
        DeviceTunnel(
            customer_outside=draw(unicast),
            gateway_outside=outside,
            gateway_inside=IPv4Interface((0xA9FE0000 + 4 * inside + hosts[0], 30)),
            customer_inside=IPv4Interface((0xA9FE0000 + 4 * inside + hosts[1], 30)),
            bgp=None
            if static
            else DeviceBgp(customer_asn=draw(asns), gateway_asn=draw(asns), hold_time=draw(st.integers(3, 65_535))),
            psk=Secret(
                draw(
                    st.from_regex(r"[A-Za-z1-9._][A-Za-z0-9._]{7,63}", fullmatch=True).filter(lambda k: k != "REDACTED")
                )
            ),
            ike=draw(suites),
            esp=draw(suites),
            dpd_interval=draw(st.integers(1, 86_400)),
            dpd_retries=draw(st.integers(1, 100)),
            mss=draw(st.integers(536, 8_960)),
        )
        for inside, outside in zip(insides, outsides, strict=True)
    )
    return DeviceFile(
        vpn_connection_id=draw(ids),
        customer_gateway_id=draw(ids),
        vpn_gateway_id=draw(ids),
        static=static,
        tunnels=tunnels,
    )


@given(files())
def test_what_is_written_is_read(file: DeviceFile) -> None:
    assert read(to_xml(file)) == file


@pytest.mark.parametrize("static", [False, True])
def test_padding_as_other_writers_have_it(static: bool) -> None:
    padded = re.sub(r">([^<>\s][^<>]*)<", r">\n  \1 \t<", to_xml(of(static=static)))
    assert read(padded) == of(static=static)


def test_awss_older_algorithms_are_read() -> None:
    old = Suite(authentication="hmac-sha1-96", encryption="aes-128-cbc", group="group2", lifetime=3600)
    text = to_xml(of()).replace(ESP.encryption, old.encryption).replace(ESP.group, old.group)
    text = text.replace(f">{ESP.authentication}<", f">{old.authentication}<")
    assert [tunnel.esp for tunnel in read(text).tunnels] == [old, old]


# --- hostile and broken -----------------------------------------------------------------------------------------------


def refusal(text: str) -> str:
    """The message of a refusal, which never has a key in it."""
    with pytest.raises(BadDeviceFile) as caught:
        read(text)
    message = caught.value.message
    for key in KEYS:
        assert key not in message
        assert key not in repr(caught.value)
    return message


GOOD = to_xml(of())
BOMB = """<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>
<vpn_connection id="vpn-0123456789abcdef0">&c;</vpn_connection>"""
EXTERNAL = """<?xml version="1.0"?><!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<vpn_connection id="vpn-0123456789abcdef0"><customer_gateway_id>&x;</customer_gateway_id></vpn_connection>"""


@pytest.mark.parametrize(
    "text", [BOMB, EXTERNAL, GOOD.replace("<vpn_c", "<!DOCTYPE vpn_connection SYSTEM 'x'><vpn_c", 1)]
)
def test_entities_and_dtds(text: str) -> None:
    assert "DTD" in refusal(text)


def test_megabytes() -> None:
    assert str(MAX_LENGTH) in refusal(GOOD.replace("</vpn_connection>", " " * 3_000_000 + "</vpn_connection>"))


def test_depth() -> None:
    depth = 30_000
    refusal("<vpn_connection id='vpn-0123456789abcdef0'>" + "<a>" * depth + "</a>" * depth + "</vpn_connection>")


@pytest.mark.parametrize(
    "text", ["", "\x00", "{}", "<a>", "not xml", "<?xml version='1.0' encoding='nonsense-8'?><a/>"]
)
def test_no_xml(text: str) -> None:
    assert "device file" in refusal(text)


@given(st.integers(1, len(GOOD) - len("</vpn_connection>\n") + 16))
def test_cut_off_anywhere(length: int) -> None:
    assert "line" in refusal(GOOD[:length])


@given(st.text(max_size=300))
def test_nothing_else_is_raised(text: str) -> None:
    refusal(text)


@given(st.integers(0, len(GOOD) - 1), st.text(min_size=1, max_size=3))
def test_one_thing_wrong_somewhere(position: int, wrong: str) -> None:
    """Either it is still a file, or it is refused; nothing else happens."""
    try:
        read(GOOD[:position] + wrong + GOOD[position + 1 :])
    except BadDeviceFile as error:
        assert error.message  # noqa: PT017 - both ways are right


@pytest.mark.parametrize(
    "tag",
    sorted(
        set(re.findall(r"<([a-z_]+)>", GOOD)) - {"mode", "protocol", "clear_df_bit", "fragmentation_before_encryption"}
    ),
)
def test_every_element_that_is_read_is_missed(tag: str) -> None:
    text, count = re.subn(rf"<{tag}>.*?</{tag}>", "", GOOD, count=1, flags=re.DOTALL)
    assert count == 1
    assert tag in refusal(text)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('id="vpn-0123456789abcdef0"', 'id="x; reboot"', "id"),
        ("<vpn_connection ", "<vpc_connection ", "vpn_connection"),
        ("cgw-0123456789abcdef0", "../../etc", "customer_gateway_id"),
        ("ipsec.1", "ipsec.2", "vpn_connection_type"),
        ("203.0.113.129", "203.0.113.300", "vpn_gateway/tunnel_outside_address/ip_address"),
        ("203.0.113.129", "224.0.0.1", "vpn_gateway/tunnel_outside_address/ip_address"),
        ("203.0.113.129", "203.0.113.130", "tunnel_outside_address"),
        ("169.254.10.2", "169.254.10.1", "tunnel_inside_address"),
        ("169.254.10.2", "169.254.30.2", "tunnel_inside_address"),
        ("255.255.255.252", "255.255.255.0", "network_mask"),
        (">30</network_cidr>", ">33</network_cidr>", "network_cidr"),
        (">30</hold_time>", ">2</hold_time>", "hold_time"),
        (">30</hold_time>", ">90</hold_time>", "hold_time"),
        ("4200000001", "4294967296", "asn"),
        ("4200000001", "-1", "asn"),
        ("4200000001", "6٣", "asn"),
        (KEYS[0], "short", "ike/pre_shared_key"),
        (KEYS[0], KEYS[0] + "; quit", "ike/pre_shared_key"),
        (KEYS[0], "REDACTED", "REDACTED"),
        ("aes-128-gcm-16", "aes\n}", "encryption_protocol"),
        (">28800<", ">0<", "lifetime"),
        (">1360<", ">1<", "tcp_mss_adjustment"),
        (">10</interval>", ">0</interval>", "interval"),
        (
            "<vpn_connection_type>",
            "<vpn_connection_attributes>X</vpn_connection_attributes><vpn_connection_type>",
            "attributes",
        ),
        (
            "<vpn_connection_type>",
            "<vpn_connection_attributes>NoBGPVPNConnection</vpn_connection_attributes><vpn_connection_type>",
            "bgp",
        ),
    ],
)
def test_impossible_values_are_named(old: str, new: str, named: str) -> None:
    text = GOOD.replace(old, new, 1)
    if old == "<vpn_connection ":
        text = text.replace("</vpn_connection>", "</vpc_connection>")
    assert named in refusal(text)


@pytest.mark.parametrize("count", [0, 1, 9])
def test_two_tunnels_or_a_few_more(count: int) -> None:
    file = of()
    assert "ipsec_tunnel" in refusal(to_xml(replace(file, tunnels=(file.tunnels * 5)[:count])))
