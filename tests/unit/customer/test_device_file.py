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
from landbridge.desired.device_file import DeviceBgp, DeviceFile, DeviceTunnel, Suite, device_file, to_xml
from landbridge.model.crypto import CryptoPolicy, Encryption, Group, IkeVersion, Integrity, PhaseOptions
from landbridge.model.resources import State
from landbridge.model.secret import Secret
from landbridge.model.vpn import CustomerGateway, Tunnel, TunnelOptions, VpnConnection, VpnGateway

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEYS = ("A_first.Key_00000001", "B_second.Key_0000002")
NOTHING_SET = TunnelOptions()
WHO = {"account": "123456789012", "region": "eu-central-1", "created": NOW}


def of(
    *,
    static: bool = False,
    options: TunnelOptions = NOTHING_SET,
    policy: CryptoPolicy = CryptoPolicy.AWS,
    **selectors: IPv4Network,
) -> DeviceFile:
    """The file of a connection."""
    one, two = (
        Tunnel(
            number=number,
            outside=IPv4Address("203.0.113.128") + number,
            inside=IPv4Network(f"169.254.{number}0.0/30"),
            psk=Secret(KEYS[number - 1]),
            options=options,
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
        **selectors,
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
    return device_file(connection, gateway, customer, policy)


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


def words(file: DeviceFile) -> dict[str, str | None]:
    """What the first tunnel's ike and ipsec say of algorithms, by path."""
    tunnel = ElementTree.fromstring(to_xml(file)).find("ipsec_tunnel")
    assert tunnel is not None
    return {path: tunnel.findtext(path) for path in (f"{part}/{tag}" for part in ("ike", "ipsec") for tag in SUITE)}


def test_where_nothing_was_chosen_the_file_says_what_is_strong_and_quick() -> None:
    assert list(words(of()).values()) == [
        *("sha2-256", "aes-128-gcm-16", "28800", "group19", "main"),
        *("none", "aes-128-gcm-16", "3600", "group19", "tunnel"),
    ]
    assert list(words(of(policy=CryptoPolicy.CNSA)).values())[:4] == ["sha2-384", "aes-256-gcm-16", "28800", "group20"]


def test_of_what_was_chosen_the_file_says_the_lowest_as_awss_does() -> None:
    chosen = TunnelOptions(
        phase1=PhaseOptions(
            (Encryption.AES_CBC_256, Encryption.AES_GCM_16_256),
            (Integrity.SHA1, Integrity.SHA2_512),
            (Group.MODP_1024, Group.ECP_521),
            7_200,
        ),
        phase2=PhaseOptions(
            (Encryption.AES_CBC_128,), (Integrity.SHA2_384,), (Group.MODP_1536, Group.MODP_2048), 1_800
        ),
    )
    assert list(words(of(options=chosen)).values()) == [
        *("sha1", "aes-256-cbc", "7200", "group2", "main"),
        *("hmac-sha2-384-192", "aes-128-cbc", "1800", "group5", "tunnel"),
    ]


def test_a_device_is_told_of_ikev1_and_of_selectors_where_there_are_such() -> None:
    plain = to_xml(of())
    assert "version>" not in plain.replace('?xml version="1.0"', "")
    assert "network_cidr>" not in plain.replace("<network_cidr>30</network_cidr>", "")
    both = TunnelOptions(ike_versions=tuple(IkeVersion))
    assert to_xml(of(options=both)) == plain
    old = of(
        options=TunnelOptions(ike_versions=(IkeVersion.IKEV1,)),
        customer_network=IPv4Network("192.168.60.0/24"),
        cloud_network=IPv4Network("10.0.0.0/16"),
    )
    root = ElementTree.fromstring(to_xml(old))
    paths = ("ike/version", "ipsec/local_ipv4_network_cidr", "ipsec/remote_ipv4_network_cidr")
    for tunnel in root.findall("ipsec_tunnel"):
        assert [tunnel.findtext(path) for path in paths] == ["ikev1", "192.168.60.0/24", "10.0.0.0/16"]
        # IKEv1 has no AES-GCM for phase 1.
        assert tunnel.findtext("ike/encryption_protocol") == "aes-128-cbc"
        assert tunnel.findtext("ipsec/encryption_protocol") == "aes-128-gcm-16"
    assert read(to_xml(old)) == old


@pytest.mark.parametrize(("timeout", "interval"), [(None, 10), (30, 10), (45, 15), (86_400, 28_800)])
def test_dead_peer_detection_follows_the_option(timeout: int | None, interval: int) -> None:
    tunnel = of(options=TunnelOptions(dpd_timeout_seconds=timeout)).tunnels[0]
    assert (tunnel.dpd_interval, tunnel.dpd_retries) == (interval, 3)
    assert tunnel.dpd_timeout == (timeout or 30)


# --- round trip -------------------------------------------------------------------------------------------------------

ids = st.sampled_from(["vpn", "vgw", "cgw", "tgw"]).flatmap(
    lambda p: st.from_regex(rf"{p}-[0-9a-f]{{17}}", fullmatch=True)
)
unicast = st.integers(0x01000000, 0x7EFFFFFF).map(IPv4Address) | st.integers(0x80000000, 0xDFFFFFFF).map(IPv4Address)
asns = st.integers(1, 4_294_967_295)
ciphers = st.sampled_from(Encryption)
hashes = st.sampled_from(Integrity)


@st.composite
def suites(draw: st.DrawFn, *, esp: bool, version: IkeVersion = IkeVersion.IKEV2) -> Suite:
    old = version is IkeVersion.IKEV1 and not esp
    cipher = draw(ciphers.filter(lambda one: not (old and one.authenticates)))
    return Suite(
        encryption=cipher,
        integrity=None if esp and cipher.authenticates else draw(hashes),
        group=draw(st.sampled_from(Group)),
        lifetime=draw(st.integers(900, 28_800)),
    )


networks = st.just(IPv4Network("0.0.0.0/0")) | st.builds(
    lambda base, length: IPv4Network((base, length), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)
)


@st.composite
def files(draw: st.DrawFn) -> DeviceFile:
    static = draw(st.booleans())
    count = draw(st.integers(2, 4))
    insides = draw(st.lists(st.integers(0, 16_383), min_size=count, max_size=count, unique=True))
    outsides = draw(st.lists(unicast, min_size=count, max_size=count, unique=True))
    hosts = draw(st.sampled_from([(1, 2), (2, 1)]))
    version = draw(st.sampled_from(IkeVersion))
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
            ike_version=version,
            ike=draw(suites(esp=False, version=version)),
            esp=draw(suites(esp=True)),
            dpd_interval=draw(st.integers(1, 86_400)),
            dpd_retries=draw(st.integers(1, 100)),
            mss=draw(st.integers(536, 8_960)),
            customer_network=draw(networks),
            gateway_network=draw(networks),
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


@pytest.mark.parametrize(
    ("cipher", "hashing", "group", "suite"),
    [
        ("aes-128-cbc", "hmac-sha1-96", "group2", (Encryption.AES_CBC_128, Integrity.SHA1, 2)),
        ("aes-256-cbc", "hmac-sha2-256-128", "group14", (Encryption.AES_CBC_256, Integrity.SHA2_256, 14)),
        ("aes256", "hmac-sha-256-128", "14", (Encryption.AES_CBC_256, Integrity.SHA2_256, 14)),
        ("aes-256-cbc", "sha512", "group24", (Encryption.AES_CBC_256, Integrity.SHA2_512, 24)),
        ("aes-256-gcm-16", "hmac-sha2-384-192", "group20", (Encryption.AES_GCM_16_256, None, 20)),
        ("aes-128-gcm", "none", "group19", (Encryption.AES_GCM_16_128, None, 19)),
    ],
)
def test_algorithms_are_read_by_the_names_that_files_have(
    cipher: str, hashing: str, group: str, suite: tuple[Encryption, Integrity | None, int]
) -> None:
    text = to_xml(of()).replace(">none<", f">{hashing}<")
    start = text.index("<ipsec>")
    text = text[:start] + text[start:].replace("aes-128-gcm-16", cipher).replace("group19", group)
    read_back = read(text).tunnels[0].esp
    assert (read_back.encryption, read_back.integrity, read_back.group) == suite


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
        ("aes-128-gcm-16", "des", "encryption_protocol"),
        (">sha2-256<", ">md5<", "authentication_protocol"),
        (">sha2-256<", ">none<", "authentication_protocol"),
        ("group19", "group31", "perfect_forward_secrecy"),
        ("</pre_shared_key>", "</pre_shared_key><version>ikev3</version>", "ike/version"),
        ("</pre_shared_key>", "</pre_shared_key><version>ikev1</version>", "encryption_protocol"),
        (
            "</dead_peer_detection>",
            "</dead_peer_detection><local_ipv4_network_cidr>10.0.0.1/8</local_ipv4_network_cidr>",
            "local_ipv4_network_cidr",
        ),
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
