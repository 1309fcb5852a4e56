"""Resources as JSON text and back. Secrets are written encrypted; everything else as it reads best."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import Any, Final, get_origin

from cattrs import Converter
from cryptography.fernet import Fernet, InvalidToken

from landbridge.model.certificates import Authority, DeviceCertificate
from landbridge.model.firewall import NetworkAcl, Prefix, SecurityGroup, SecurityGroupRule
from landbridge.model.instances import ElasticAddress, Instance, NetworkInterface
from landbridge.model.keys import AccessKey
from landbridge.model.lab import LabHost, LabSite
from landbridge.model.network import DhcpOptions, InternetGateway, RouteTable, Subnet, Vpc
from landbridge.model.resources import Resource
from landbridge.model.secret import Secret
from landbridge.model.vpn import CustomerGateway, VpnConnection, VpnGateway

KINDS: Final[Mapping[str, type[Resource]]] = MappingProxyType(
    {
        "vpc": Vpc,
        "subnet": Subnet,
        "route-table": RouteTable,
        "internet-gateway": InternetGateway,
        "vpn-gateway": VpnGateway,
        "customer-gateway": CustomerGateway,
        "vpn-connection": VpnConnection,
        "instance": Instance,
        "network-interface": NetworkInterface,
        "elastic-ip": ElasticAddress,
        "security-group": SecurityGroup,
        "security-group-rule": SecurityGroupRule,
        "network-acl": NetworkAcl,
        "dhcp-options": DhcpOptions,
        "lab-site": LabSite,
        "lab-host": LabHost,
        "access-key": AccessKey,
        "certificate-authority": Authority,
        "device-certificate": DeviceCertificate,
    }
)
"""The names under which kinds are stored. A name, once released, stays."""

NAMES: Final[Mapping[type[Resource], str]] = MappingProxyType({kind: name for name, kind in KINDS.items()})


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


class CodecError(Exception):
    """Stored text that is not a resource, or a secret that this key does not open."""


class Codec:
    """Turns resources into text and back with one encryption key."""

    def __init__(self, key: bytes) -> None:
        """`key`: 32 random bytes in URL-safe base64, as `Fernet.generate_key` gives them."""
        self._fernet = Fernet(key)
        self._converter = self._make_converter()

    def encode(self, resource: Resource) -> str:
        """The resource as JSON."""
        return json.dumps(self._converter.unstructure(resource), separators=(",", ":"), sort_keys=True)

    def decode(self, kind: str, text: str) -> Resource:
        """The resource that `encode` wrote.

        Raises:
            CodecError: it was not written by this version, or with another key.
        """
        try:
            return self._converter.structure(json.loads(text), KINDS[kind])
        except Exception as error:  # noqa: BLE001  (cattrs groups whatever its hooks raise)
            raise CodecError(f"a stored {kind} cannot be read: {type(error).__name__}") from None

    def _make_converter(self) -> Converter:
        converter = Converter(forbid_extra_keys=True)
        for kind in (IPv4Address, IPv4Network, IPv6Network):
            converter.register_unstructure_hook(kind, str)
            converter.register_structure_hook(kind, lambda text, to: to(text))
        converter.register_structure_hook(Prefix, lambda text, _: ip_network(text))
        converter.register_structure_hook(Prefix | None, lambda text, _: None if text is None else ip_network(text))
        converter.register_unstructure_hook(datetime, datetime.isoformat)
        converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
        converter.register_unstructure_hook(Secret, self._seal)
        converter.register_structure_hook(Secret, lambda text, _: self._open(text))
        converter.register_unstructure_hook_func(
            _is_tuple, lambda items: [converter.unstructure(item) for item in items]
        )
        return converter

    def _seal(self, secret: Secret) -> str:
        return self._fernet.encrypt(secret.reveal().encode()).decode()

    def _open(self, text: Any) -> Secret:
        try:
            return Secret(self._fernet.decrypt(str(text).encode()).decode())
        except InvalidToken:
            raise CodecError("a stored secret does not open with the key of this state folder") from None
