"""The customer gateway's device file: AWS's XML, from which a customer's device can be set up without asking anybody.

The file states what the tunnel endpoints accept. Element names, their order and their nesting are AWS's
(`customerGatewayConfiguration` of DescribeVpnConnections); Terraform and other readers depend on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from landbridge.desired.endpoint import DPD_PROBES
from landbridge.desired.mtu import LIBIPSEC_MTU, TCP_IP_HEADERS, mss
from landbridge.model.secret import Secret
from landbridge.model.vpn import CustomerGateway, Tunnel, VpnConnection, VpnGateway

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


@lru_cache(maxsize=4096)
def configuration(connection: VpnConnection, gateway: VpnGateway, customer: CustomerGateway) -> str:
    """The file of this connection as text. It follows from these values alone and is asked for with every Describe, so
    it is remembered; a connection that changes is another value."""
    return to_xml(device_file(connection, gateway, customer))


def to_xml(file: DeviceFile) -> str:
    """The file as text, pre-shared keys included: give it to nobody but the caller."""
    return "\n".join(('<?xml version="1.0" encoding="UTF-8"?>', *_document(file), ""))


def _document(file: DeviceFile) -> Iterator[str]:
    yield f"<vpn_connection id={quoteattr(file.vpn_connection_id)}>"
    yield f"  <customer_gateway_id>{escape(file.customer_gateway_id)}</customer_gateway_id>"
    yield f"  <vpn_gateway_id>{escape(file.vpn_gateway_id)}</vpn_gateway_id>"
    yield f"  <vpn_connection_type>{CONNECTION_TYPE}</vpn_connection_type>"
    if file.static:
        yield f"  <vpn_connection_attributes>{STATIC_ATTRIBUTE}</vpn_connection_attributes>"
    for tunnel in file.tunnels:
        yield "  <ipsec_tunnel>"
        yield from _ends(tunnel)
        yield "    <ike>"
        yield from _suite(tunnel.ike, mode="main")
        yield f"      <pre_shared_key>{escape(tunnel.psk.reveal())}</pre_shared_key>"
        yield "    </ike>"
        yield "    <ipsec>"
        yield "      <protocol>esp</protocol>"
        yield from _suite(tunnel.esp, mode="tunnel")
        yield "      <clear_df_bit>true</clear_df_bit>"
        yield "      <fragmentation_before_encryption>true</fragmentation_before_encryption>"
        yield f"      <tcp_mss_adjustment>{tunnel.mss}</tcp_mss_adjustment>"
        yield "      <dead_peer_detection>"
        yield f"        <interval>{tunnel.dpd_interval}</interval>"
        yield f"        <retries>{tunnel.dpd_retries}</retries>"
        yield "      </dead_peer_detection>"
        yield "    </ipsec>"
        yield "  </ipsec_tunnel>"
    yield "</vpn_connection>"


def _ends(tunnel: DeviceTunnel) -> Iterator[str]:
    bgp = tunnel.bgp
    for tag, outside, inside, asn in (
        ("customer_gateway", tunnel.customer_outside, tunnel.customer_inside, bgp.customer_asn if bgp else None),
        ("vpn_gateway", tunnel.gateway_outside, tunnel.gateway_inside, bgp.gateway_asn if bgp else None),
    ):
        yield f"    <{tag}>"
        yield "      <tunnel_outside_address>"
        yield f"        <ip_address>{outside}</ip_address>"
        yield "      </tunnel_outside_address>"
        yield "      <tunnel_inside_address>"
        yield f"        <ip_address>{inside.ip}</ip_address>"
        yield f"        <network_mask>{inside.netmask}</network_mask>"
        yield f"        <network_cidr>{inside.network.prefixlen}</network_cidr>"
        yield "      </tunnel_inside_address>"
        if bgp is not None:
            yield "      <bgp>"
            yield f"        <asn>{asn}</asn>"
            yield f"        <hold_time>{bgp.hold_time}</hold_time>"
            yield "      </bgp>"
        yield f"    </{tag}>"


def _suite(suite: Suite, *, mode: str) -> Iterator[str]:
    yield f"      <authentication_protocol>{suite.authentication}</authentication_protocol>"
    yield f"      <encryption_protocol>{suite.encryption}</encryption_protocol>"
    yield f"      <lifetime>{suite.lifetime}</lifetime>"
    yield f"      <perfect_forward_secrecy>{suite.group}</perfect_forward_secrecy>"
    yield f"      <mode>{mode}</mode>"
