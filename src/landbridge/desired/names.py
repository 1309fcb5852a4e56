"""Names of namespaces and links, derived from the instance id and resource ids.

The instance id is drawn once per state folder, so two services and a demo on one machine never meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address

from landbridge.model.ids import short

BRIDGE = "br0"
OUTSIDE = "out0"
TO_VPC = "vpc0"
TO_VPN_GATEWAY = "vgw0"
TO_INTERNET_GATEWAY = "igw0"
SITE_WAN = "wan"
SITE_LAN = "lan"
HOST_LINK = "eth0"


@dataclass(frozen=True, slots=True)
class Names:
    """The namespaces of one instance of the service."""

    instance: str

    @property
    def owner(self) -> str:
        """What the alias of a namespace's loopback says after `landbridge `."""
        return self.instance

    def of(self, resource_id: str) -> str:
        """The namespace of a VPC's router, a gateway, an instance."""
        return f"lb-{self.instance}-{resource_id}"

    def endpoint(self, connection_id: str, number: int) -> str:
        """The namespace of one tunnel endpoint."""
        return f"lb-{self.instance}-{connection_id}-{number}"

    @property
    def internet(self) -> str:
        """The namespace of the simulated Internet."""
        return f"lb-{self.instance}-internet"


def site_host(site: str) -> str:
    """The namespace of the host on a site's LAN."""
    return f"{site}-host"


def subnet_bridge(subnet_id: str) -> str:
    """The VPC router's bridge of a subnet."""
    return f"s{short(subnet_id, 12)}"


def interface_port(interface_id: str) -> str:
    """The port of a network interface on its subnet's bridge."""
    return f"e{short(interface_id, 12)}"


def interface_link(device_index: int) -> str:
    """What an instance calls the interface of that device index."""
    return f"eth{device_index}"


def tunnel_link(connection_number: int, tunnel: int) -> str:
    """The tunnel's device in the virtual private gateway."""
    return f"t{connection_number}-{tunnel}"


def internet_port(address: IPv4Address) -> str:
    """The Internet's port of whoever has this public address."""
    return f"p{int(address):08x}"


def gateway_port(gateway_id: str) -> str:
    """The Internet's port of an internet gateway."""
    return f"g{short(gateway_id, 12)}"
