"""The customer gateway's device file: AWS's XML, from which a customer's device can be set up without asking anybody.

The file states what the tunnel endpoints accept. Element names, their order and their nesting are AWS's
(`customerGatewayConfiguration` of DescribeVpnConnections); Terraform and other readers depend on them. Where AWS's file
has no element and a device would go wrong without, there is one more, at the end: the version of IKE if it is not 2,
and traffic selectors if they are not everything. With certificates there is no key in it: it names the device's
certificate and holds the authority's, by which the device knows the tunnel endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from landbridge.desired import suites
from landbridge.desired.device_words import CIPHERS, HASHES, HMACS, NONE
from landbridge.desired.endpoint import ANYWHERE, DPD_PROBES
from landbridge.desired.mtu import LIBIPSEC_MTU, TCP_IP_HEADERS, mss
from landbridge.model.crypto import CryptoPolicy, Encryption, Group, IkeVersion, Integrity, Transforms
from landbridge.model.secret import Secret
from landbridge.model.vpn import CustomerGateway, Tunnel, VpnConnection, VpnGateway

CONNECTION_TYPE: Final = "ipsec.1"
STATIC_ATTRIBUTE: Final = "NoBGPVPNConnection"
HOLD_TIME: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """The algorithms that a device is told for IKE or ESP, one of each kind."""

    encryption: Encryption
    integrity: Integrity | None
    """With AES-GCM the pseudo-random function's hash (IKE), or None (ESP)."""
    group: Group
    lifetime: int
    """Seconds."""

    @property
    def transforms(self) -> Transforms:
        """The same as sets of one."""
        return Transforms((self.encryption,), (self.integrity,) if self.integrity else (), (self.group,))


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

    customer_outside: IPv4Address | None
    """None: anywhere."""
    gateway_outside: IPv4Address
    customer_inside: IPv4Interface
    gateway_inside: IPv4Interface
    bgp: DeviceBgp | None
    psk: Secret | None
    """None: certificates take its place."""
    ike_version: IkeVersion = IkeVersion.IKEV2
    ike: Suite
    esp: Suite
    dpd_interval: int
    dpd_retries: int
    mss: int
    """What TCP's segment size is to be clamped to."""
    customer_network: IPv4Network = ANYWHERE
    gateway_network: IPv4Network = ANYWHERE
    """Each side's traffic selector."""

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
    certificate_arn: str = ""
    """Of the device's certificate, if it proves itself with one."""
    authority: str = ""
    """The certificate (PEM) of the authority that the endpoints' certificates are from."""

    @property
    def certified(self) -> bool:
        """Whether certificates take the pre-shared keys' place."""
        return any(tunnel.psk is None for tunnel in self.tunnels)


def device_file(
    connection: VpnConnection,
    gateway: VpnGateway,
    customer: CustomerGateway,
    policy: CryptoPolicy = CryptoPolicy.AWS,
    authority: str = "",
) -> DeviceFile:
    """What the file of this connection says. `authority`: the certificate of the service's own, if there is one."""
    return DeviceFile(
        vpn_connection_id=connection.id,
        customer_gateway_id=customer.id,
        vpn_gateway_id=gateway.id,
        static=connection.static_only,
        tunnels=tuple(_tunnel(connection, gateway, customer, tunnel, policy) for tunnel in connection.tunnels),
        certificate_arn=customer.certificate_arn,
        authority=authority if customer.certificate_arn else "",
    )


def _tunnel(
    connection: VpnConnection, gateway: VpnGateway, customer: CustomerGateway, tunnel: Tunnel, policy: CryptoPolicy
) -> DeviceTunnel:
    length, options = tunnel.inside.prefixlen, tunnel.options
    bgp = DeviceBgp(customer_asn=customer.asn, gateway_asn=gateway.asn, hold_time=HOLD_TIME)
    return DeviceTunnel(
        customer_outside=customer.address,
        gateway_outside=tunnel.outside,
        customer_inside=IPv4Interface((tunnel.customer_inside, length)),
        gateway_inside=IPv4Interface((tunnel.cloud_inside, length)),
        bgp=None if connection.static_only else bgp,
        psk=tunnel.psk,
        ike_version=suites.told_version(options, policy),
        ike=_told(suites.told_phase_1(options, policy), options.phase1_lifetime, esp=False),
        esp=_told(suites.told_phase_2(options, policy), options.phase2_lifetime, esp=True),
        dpd_interval=options.dpd_timeout // DPD_PROBES,
        dpd_retries=DPD_PROBES,
        mss=mss(LIBIPSEC_MTU),
        customer_network=connection.customer_network,
        gateway_network=connection.cloud_network,
    )


def _told(transforms: Transforms, lifetime: int, *, esp: bool) -> Suite:
    cipher = transforms.encryption[0]
    return Suite(
        encryption=cipher,
        integrity=None if esp and cipher.authenticates else transforms.integrity[0],
        group=transforms.groups[0],
        lifetime=lifetime,
    )


@lru_cache(maxsize=4096)
def configuration(
    connection: VpnConnection,
    gateway: VpnGateway,
    customer: CustomerGateway,
    policy: CryptoPolicy,
    authority: str = "",
) -> str:
    """The file of this connection as text. It follows from these values alone and is asked for with every Describe, so
    it is remembered; a connection that changes is another value."""
    return to_xml(device_file(connection, gateway, customer, policy, authority))


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
        yield from _suite(tunnel.ike, HASHES, mode="main")
        if tunnel.psk is not None:
            yield f"      <pre_shared_key>{escape(tunnel.psk.reveal())}</pre_shared_key>"
        if tunnel.ike_version is not IkeVersion.IKEV2:
            yield f"      <version>{tunnel.ike_version}</version>"
        yield "    </ike>"
        yield "    <ipsec>"
        yield "      <protocol>esp</protocol>"
        yield from _suite(tunnel.esp, HMACS, mode="tunnel")
        yield "      <clear_df_bit>true</clear_df_bit>"
        yield "      <fragmentation_before_encryption>true</fragmentation_before_encryption>"
        yield f"      <tcp_mss_adjustment>{tunnel.mss}</tcp_mss_adjustment>"
        yield "      <dead_peer_detection>"
        yield f"        <interval>{tunnel.dpd_interval}</interval>"
        yield f"        <retries>{tunnel.dpd_retries}</retries>"
        yield "      </dead_peer_detection>"
        if tunnel.customer_network != ANYWHERE:
            yield f"      <local_ipv4_network_cidr>{tunnel.customer_network}</local_ipv4_network_cidr>"
        if tunnel.gateway_network != ANYWHERE:
            yield f"      <remote_ipv4_network_cidr>{tunnel.gateway_network}</remote_ipv4_network_cidr>"
        yield "    </ipsec>"
        yield "  </ipsec_tunnel>"
    if file.certified:
        yield f"  <certificate_arn>{escape(file.certificate_arn)}</certificate_arn>"
        yield f"  <certificate_authority>{escape(file.authority.strip())}</certificate_authority>"
    yield "</vpn_connection>"


def _ends(tunnel: DeviceTunnel) -> Iterator[str]:
    bgp = tunnel.bgp
    for tag, outside, inside, asn in (
        ("customer_gateway", tunnel.customer_outside, tunnel.customer_inside, bgp.customer_asn if bgp else None),
        ("vpn_gateway", tunnel.gateway_outside, tunnel.gateway_inside, bgp.gateway_asn if bgp else None),
    ):
        yield f"    <{tag}>"
        yield "      <tunnel_outside_address>"
        yield f"        <ip_address>{outside if outside is not None else ''}</ip_address>"
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


def _suite(suite: Suite, hashes: Mapping[Integrity, str], *, mode: str) -> Iterator[str]:
    authentication = hashes[suite.integrity] if suite.integrity is not None else NONE
    yield f"      <authentication_protocol>{authentication}</authentication_protocol>"
    yield f"      <encryption_protocol>{CIPHERS[suite.encryption]}</encryption_protocol>"
    yield f"      <lifetime>{suite.lifetime}</lifetime>"
    yield f"      <perfect_forward_secrecy>group{suite.group}</perfect_forward_secrecy>"
    yield f"      <mode>{mode}</mode>"
