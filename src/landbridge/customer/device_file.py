"""Reads a device file: landbridge's own, or the one that AWS lets its customers download.

The file comes from somewhere else, so every value is bounded and typed before anything is made from it, and a refusal
names the element. A pre-shared key is never part of a message.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final, TypeVar

import defusedxml.ElementTree
from defusedxml import DefusedXmlException

from landbridge.desired import device_words
from landbridge.desired.device_file import (
    CONNECTION_TYPE,
    STATIC_ATTRIBUTE,
    DeviceBgp,
    DeviceFile,
    DeviceTunnel,
    Suite,
)
from landbridge.desired.endpoint import ANYWHERE
from landbridge.model.certificates import ARN
from landbridge.model.crypto import IkeVersion
from landbridge.model.errors import Invalid
from landbridge.model.secret import Secret

__all__ = ["BadDeviceFile", "DeviceFile", "DeviceTunnel", "read"]

T = TypeVar("T")

MAX_LENGTH: Final = 256 * 1024
"""Characters. AWS's files have about 6,000."""
MAX_TUNNELS: Final = 8
_MAX_TEXT: Final = 128
_MAX_ASN: Final = 4_294_967_295

_ID: Final = re.compile(r"[a-z]{2,16}-[0-9a-f]{8,32}")
_KEY: Final = re.compile(r"[A-Za-z0-9._]{8,64}")
_MAX_CERTIFICATE: Final = 8_192
"""Characters, in PEM."""
_NUMBER: Final = re.compile(r"[0-9]{1,10}")


class BadDeviceFile(Invalid):
    """A device file that cannot be used; the message says where and why."""

    def __init__(self, message: str) -> None:
        super().__init__("device file", message)


def read(text: str) -> DeviceFile:
    """The connection that the file describes.

    Raises:
        BadDeviceFile: it is no such file, or a value in it is missing or impossible.
    """
    root = _root(text)
    identity = root.get("id", "")
    if _ID.fullmatch(identity) is None:
        raise BadDeviceFile("The device file's vpn_connection has no id such as vpn-0123456789abcdef0.")
    kind = _text(root, "vpn_connection_type")
    if kind != CONNECTION_TYPE:
        raise BadDeviceFile(f"The device file's vpn_connection_type is '{kind}'. Only {CONNECTION_TYPE} is understood.")
    static = _is_static(root)
    certified = root.find("certificate_arn") is not None
    tunnels = root.findall("ipsec_tunnel")
    if not 2 <= len(tunnels) <= MAX_TUNNELS:
        raise BadDeviceFile(
            f"The device file has {len(tunnels)} ipsec_tunnel elements; a VPN connection has two. Download it again."
        )
    file = DeviceFile(
        vpn_connection_id=identity,
        customer_gateway_id=_value(root, "customer_gateway_id", _id),
        vpn_gateway_id=_value(root, "vpn_gateway_id", _id),
        static=static,
        tunnels=tuple(
            _tunnel(tunnel, f"ipsec_tunnel {n}", static, certified) for n, tunnel in enumerate(tunnels, start=1)
        ),
        certificate_arn=_value(root, "certificate_arn", _arn) if certified else "",
        authority=_authority(root) if certified else "",
    )
    _check_distinct(file)
    return file


def _authority(root: ET.Element) -> str:
    """The authority's certificate, PEM, as it stands there: it is looked at when it is used."""
    text = _child(root, "certificate_authority", "vpn_connection").text or ""
    if len(text) > _MAX_CERTIFICATE:
        raise BadDeviceFile(f"The device file's certificate_authority has more than {_MAX_CERTIFICATE} characters.")
    return text.strip() + "\n"


def _root(text: str) -> ET.Element:
    if len(text) > MAX_LENGTH:
        raise BadDeviceFile(f"The device file has more than {MAX_LENGTH} characters: it is not a VPN connection's.")
    try:
        root: ET.Element = defusedxml.ElementTree.fromstring(text, forbid_dtd=True)
    except ET.ParseError as error:
        line, column = error.position
        raise BadDeviceFile(
            f"The device file is not well-formed XML (line {line}, column {column + 1}). Download it again: "
            "it may have been cut off."
        ) from None
    except DefusedXmlException:
        raise BadDeviceFile(
            "The device file has a DTD or entities, which no VPN connection's has. Do not use it; download it again."
        ) from None
    except (ValueError, LookupError):
        raise BadDeviceFile("The device file's encoding is not understood. Save it as UTF-8.") from None
    if root.tag != "vpn_connection":
        raise BadDeviceFile("The device file does not begin with vpn_connection: it is not a VPN connection's.")
    return root


def _is_static(root: ET.Element) -> bool:
    if root.find("vpn_connection_attributes") is None:
        return False
    attribute = _text(root, "vpn_connection_attributes")
    if attribute != STATIC_ATTRIBUTE:
        raise BadDeviceFile(
            f"The device file's vpn_connection_attributes is '{attribute}'. Only {STATIC_ATTRIBUTE} is understood."
        )
    return True


def _check_distinct(file: DeviceFile) -> None:
    """Two tunnels that are one would never fail over."""
    for what, values in (
        ("vpn_gateway/tunnel_outside_address", [tunnel.gateway_outside for tunnel in file.tunnels]),
        ("tunnel_inside_address", [tunnel.customer_inside.network for tunnel in file.tunnels]),
    ):
        if len(set(values)) < len(values):
            raise BadDeviceFile(f"Two tunnels of the device file have the same {what}. Download it again.")


# --- tunnels ----------------------------------------------------------------------------------------------------------


def _tunnel(element: ET.Element, where: str, static: bool, certified: bool) -> DeviceTunnel:
    customer, gateway = _child(element, "customer_gateway", where), _child(element, "vpn_gateway", where)
    customer_inside = _inside(customer, f"{where}/customer_gateway")
    gateway_inside = _inside(gateway, f"{where}/vpn_gateway")
    if customer_inside.network != gateway_inside.network or customer_inside == gateway_inside:
        raise BadDeviceFile(f"{where}: the two tunnel_inside_address are not two addresses of one network.")
    ike, ipsec = _child(element, "ike", where), _child(element, "ipsec", where)
    detection = _child(ipsec, "dead_peer_detection", f"{where}/ipsec")
    version, suite = _version(ike, f"{where}/ike"), _suite(ike, f"{where}/ike", esp=False)
    if version is IkeVersion.IKEV1 and suite.encryption.authenticates:
        raise BadDeviceFile(f"{where}/ike/encryption_protocol: IKEv1 has no AES-GCM. Name aes-128-cbc or aes-256-cbc.")
    return DeviceTunnel(
        customer_outside=_outside(customer, f"{where}/customer_gateway", certified),
        gateway_outside=_value(
            _child(gateway, "tunnel_outside_address", f"{where}/vpn_gateway"),
            "ip_address",
            _address,
            f"{where}/vpn_gateway/tunnel_outside_address",
        ),
        customer_inside=customer_inside,
        gateway_inside=gateway_inside,
        bgp=_bgp(customer, gateway, where, static),
        psk=None if certified else _key(ike, f"{where}/ike"),
        ike_version=version,
        ike=suite,
        esp=_suite(ipsec, f"{where}/ipsec", esp=True),
        dpd_interval=_value(detection, "interval", _number(1, 86_400), f"{where}/ipsec/dead_peer_detection"),
        dpd_retries=_value(detection, "retries", _number(1, 100), f"{where}/ipsec/dead_peer_detection"),
        mss=_value(ipsec, "tcp_mss_adjustment", _number(536, 8_960), f"{where}/ipsec"),
        customer_network=_selector(ipsec, "local_ipv4_network_cidr", f"{where}/ipsec"),
        gateway_network=_selector(ipsec, "remote_ipv4_network_cidr", f"{where}/ipsec"),
    )


def _bgp(customer: ET.Element, gateway: ET.Element, where: str, static: bool) -> DeviceBgp | None:
    ours, theirs = f"{where}/customer_gateway", f"{where}/vpn_gateway"
    if static:
        if customer.find("bgp") is not None or gateway.find("bgp") is not None:
            raise BadDeviceFile(f"{where} has bgp, but the connection is a static one ({STATIC_ATTRIBUTE}).")
        return None
    here, there = _child(customer, "bgp", ours), _child(gateway, "bgp", theirs)
    hold_time = _value(here, "hold_time", _number(3, 65_535), f"{ours}/bgp")
    if _value(there, "hold_time", _number(3, 65_535), f"{theirs}/bgp") != hold_time:
        raise BadDeviceFile(f"{where}: the two bgp/hold_time differ.")
    return DeviceBgp(
        customer_asn=_value(here, "asn", _number(1, _MAX_ASN), f"{ours}/bgp"),
        gateway_asn=_value(there, "asn", _number(1, _MAX_ASN), f"{theirs}/bgp"),
        hold_time=hold_time,
    )


def _outside(end: ET.Element, where: str, anywhere: bool) -> IPv4Address | None:
    """The customer's. `anywhere`: it may have none that stays."""
    address = _child(end, "tunnel_outside_address", where)
    if anywhere and not _text(address, "ip_address", where):
        return None
    return _value(address, "ip_address", _address, f"{where}/tunnel_outside_address")


def _inside(end: ET.Element, where: str) -> IPv4Interface:
    element, where = _child(end, "tunnel_inside_address", where), f"{where}/tunnel_inside_address"
    length = _value(element, "network_cidr", _number(1, 31), where)
    interface = IPv4Interface((_value(element, "ip_address", _address, where), length))
    if _value(element, "network_mask", _address, where) != interface.netmask:
        raise BadDeviceFile(f"{where}: network_mask and network_cidr do not agree.")
    return interface


def _suite(element: ET.Element, where: str, *, esp: bool) -> Suite:
    encryption = _value(element, "encryption_protocol", device_words.cipher, where)
    integrity = _value(element, "authentication_protocol", device_words.integrity, where)
    if integrity is None and not (esp and encryption.authenticates):
        raise BadDeviceFile(f"{where}/authentication_protocol is none: only ESP with AES-GCM can do without a hash.")
    return Suite(
        encryption=encryption,
        integrity=None if esp and encryption.authenticates else integrity,
        group=_value(element, "perfect_forward_secrecy", device_words.group, where),
        lifetime=_value(element, "lifetime", _number(300, 86_400), where),
    )


def _version(ike: ET.Element, where: str) -> IkeVersion:
    """Not in AWS's files, whose endpoints take either version."""
    return IkeVersion.IKEV2 if ike.find("version") is None else _value(ike, "version", _ike_version, where)


def _selector(ipsec: ET.Element, tag: str, where: str) -> IPv4Network:
    """Not in AWS's files, which say nothing of what a connection is restricted to."""
    return ANYWHERE if ipsec.find(tag) is None else _value(ipsec, tag, _network, where)


def _key(ike: ET.Element, where: str) -> Secret:
    text = (ike.findtext("pre_shared_key") or "").strip()
    if text == "REDACTED":
        raise BadDeviceFile(f"{where}/pre_shared_key is REDACTED. Put the key from the secret store in its place.")
    if _KEY.fullmatch(text) is None:
        raise BadDeviceFile(
            f"{where}/pre_shared_key is not a key of 8 to 64 letters, digits, periods and underscores. "
            "Download the file again."
        )
    return Secret(text)


# --- values -----------------------------------------------------------------------------------------------------------


def _child(parent: ET.Element, tag: str, where: str) -> ET.Element:
    children = parent.findall(tag)
    if len(children) != 1:
        raise BadDeviceFile(f"{where} has {len(children) or 'no'} {tag}; it should have one. Download the file again.")
    return children[0]


def _text(parent: ET.Element, tag: str, where: str = "vpn_connection") -> str:
    text = (_child(parent, tag, where).text or "").strip()
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}…"


def _value(parent: ET.Element, tag: str, convert: Callable[[str], T], where: str = "vpn_connection") -> T:
    text = _text(parent, tag, where)
    try:
        return convert(text)
    except ValueError as error:
        raise BadDeviceFile(f"{where}/{tag}: '{text}' {error}.") from None


def _number(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if _NUMBER.fullmatch(text) is None or not least <= int(text) <= most:
            raise ValueError(f"is not a number from {least} to {most}")
        return int(text)

    return convert


def _address(text: str) -> IPv4Address:
    try:
        address = IPv4Address(text)
    except ValueError:
        raise ValueError("is not an IPv4 address") from None
    if address.is_multicast or address.is_loopback or address.is_unspecified or int(address) == 0xFFFFFFFF:
        # A netmask passes: 255.255.255.252 is not the broadcast address.
        raise ValueError("is not the address of a device")
    return address


def _ike_version(text: str) -> IkeVersion:
    try:
        return IkeVersion(text)
    except ValueError:
        raise ValueError("is neither ikev1 nor ikev2") from None


def _network(text: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError:
        raise ValueError("is not an IPv4 network") from None


def _arn(text: str) -> str:
    if ARN.fullmatch(text) is None:
        raise ValueError("is not the ARN of a certificate")
    return text


def _id(text: str) -> str:
    if _ID.fullmatch(text) is None:
        raise ValueError("is not an id")
    return text
