"""The customer gateway's device file: AWS's XML, from which a customer's device can be set up without asking anybody.

The file states what the tunnel endpoints accept. Element names, their order and their nesting are AWS's
(`customerGatewayConfiguration` of DescribeVpnConnections); Terraform and other readers depend on them.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import Final

from landbridge.desired.endpoint import DPD_PROBES
from landbridge.desired.mtu import LIBIPSEC_MTU, TCP_IP_HEADERS, mss
from landbridge.model.resources import CustomerGateway, Tunnel, VpnConnection, VpnGateway
from landbridge.model.secret import Secret

CONNECTION_TYPE: Final = "ipsec.1"
STATIC_ATTRIBUTE: Final = "NoBGPVPNConnection"
HOLD_TIME: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Algorithms of IKE or ESP in the file's words. With AES-GCM there is no integrity algorithm beside the cipher:

    `authentication` is then the pseudo-random function's hash (IKE) or `none` (ESP).
    """

    authentication: str
    encryption: str
    group: str
    """Diffie-Hellman, `groupN` with IANA's number N."""
    lifetime: int
    """Seconds."""


IKE: Final = Suite(authentication="sha2-256", encryption="aes-128-gcm-16", group="group19", lifetime=28800)
ESP: Final = Suite(authentication="none", encryption="aes-128-gcm-16", group="group19", lifetime=3600)
"""The first of the proposals that the endpoints accept (`IkeConnection`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceBgp:
    """The BGP session through a tunnel."""

    customer_asn: int
    gateway_asn: int
    hold_time: int
    """Seconds, on both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTunnel:
    """One tunnel as the customer's device needs to know it. `bgp` is None with static routing."""

    customer_outside: IPv4Address
    gateway_outside: IPv4Address
    customer_inside: IPv4Interface
    gateway_inside: IPv4Interface
    bgp: DeviceBgp | None
    psk: Secret
    ike: Suite
    esp: Suite
    dpd_interval: int
    dpd_retries: int
    mss: int
    """What TCP's segment size is to be clamped to."""

    @property
    def mtu(self) -> int:
        """The tunnel interface's MTU that goes with the segment size."""
        return self.mss + TCP_IP_HEADERS

    @property
    def dpd_timeout(self) -> int:
        """Seconds after which a silent gateway is dead."""
        return self.dpd_interval * self.dpd_retries


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFile:
    """A connection as the customer's device needs to know it."""

    vpn_connection_id: str
    customer_gateway_id: str
    vpn_gateway_id: str
    static: bool
    tunnels: tuple[DeviceTunnel, ...]


def device_file(connection: VpnConnection, gateway: VpnGateway, customer: CustomerGateway) -> DeviceFile:
    """What the file of this connection says."""
    return DeviceFile(
        vpn_connection_id=connection.id,
        customer_gateway_id=customer.id,
        vpn_gateway_id=gateway.id,
        static=connection.static_only,
        tunnels=tuple(_tunnel(connection, gateway, customer, tunnel) for tunnel in connection.tunnels),
    )


def _tunnel(connection: VpnConnection, gateway: VpnGateway, customer: CustomerGateway, tunnel: Tunnel) -> DeviceTunnel:
    length = tunnel.inside.prefixlen
    bgp = DeviceBgp(customer_asn=customer.asn, gateway_asn=gateway.asn, hold_time=HOLD_TIME)
    return DeviceTunnel(
        customer_outside=customer.address,
        gateway_outside=tunnel.outside,
        customer_inside=IPv4Interface((tunnel.customer_inside, length)),
        gateway_inside=IPv4Interface((tunnel.cloud_inside, length)),
        bgp=None if connection.static_only else bgp,
        psk=tunnel.psk,
        ike=IKE,
        esp=ESP,
        dpd_interval=tunnel.options.dpd_timeout // DPD_PROBES,
        dpd_retries=DPD_PROBES,
        mss=mss(LIBIPSEC_MTU),
    )


def to_xml(file: DeviceFile) -> str:
    """The file as text, pre-shared keys included: give it to nobody but the caller."""
    root = ET.Element("vpn_connection", id=file.vpn_connection_id)
    _leaf(root, "customer_gateway_id", file.customer_gateway_id)
    _leaf(root, "vpn_gateway_id", file.vpn_gateway_id)
    _leaf(root, "vpn_connection_type", CONNECTION_TYPE)
    if file.static:
        _leaf(root, "vpn_connection_attributes", STATIC_ATTRIBUTE)
    for tunnel in file.tunnels:
        _write_tunnel(ET.SubElement(root, "ipsec_tunnel"), tunnel)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _write_tunnel(element: ET.Element, tunnel: DeviceTunnel) -> None:
    bgp = tunnel.bgp
    for tag, outside, inside, asn in (
        ("customer_gateway", tunnel.customer_outside, tunnel.customer_inside, bgp.customer_asn if bgp else None),
        ("vpn_gateway", tunnel.gateway_outside, tunnel.gateway_inside, bgp.gateway_asn if bgp else None),
    ):
        end = ET.SubElement(element, tag)
        _leaf(ET.SubElement(end, "tunnel_outside_address"), "ip_address", outside)
        address = ET.SubElement(end, "tunnel_inside_address")
        _leaf(address, "ip_address", inside.ip)
        _leaf(address, "network_mask", inside.netmask)
        _leaf(address, "network_cidr", inside.network.prefixlen)
        if bgp is not None and asn is not None:
            session = ET.SubElement(end, "bgp")
            _leaf(session, "asn", asn)
            _leaf(session, "hold_time", bgp.hold_time)
    ike = ET.SubElement(element, "ike")
    _write_suite(ike, tunnel.ike, mode="main")
    _leaf(ike, "pre_shared_key", tunnel.psk.reveal())
    ipsec = ET.SubElement(element, "ipsec")
    _leaf(ipsec, "protocol", "esp")
    _write_suite(ipsec, tunnel.esp, mode="tunnel")
    _leaf(ipsec, "clear_df_bit", "true")
    _leaf(ipsec, "fragmentation_before_encryption", "true")
    _leaf(ipsec, "tcp_mss_adjustment", tunnel.mss)
    detection = ET.SubElement(ipsec, "dead_peer_detection")
    _leaf(detection, "interval", tunnel.dpd_interval)
    _leaf(detection, "retries", tunnel.dpd_retries)


def _write_suite(element: ET.Element, suite: Suite, *, mode: str) -> None:
    _leaf(element, "authentication_protocol", suite.authentication)
    _leaf(element, "encryption_protocol", suite.encryption)
    _leaf(element, "lifetime", suite.lifetime)
    _leaf(element, "perfect_forward_secrecy", suite.group)
    _leaf(element, "mode", mode)


def _leaf(parent: ET.Element, tag: str, value: str | int | IPv4Address) -> None:
    ET.SubElement(parent, tag).text = str(value)
