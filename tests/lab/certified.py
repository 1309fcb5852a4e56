"""Sites whose customer gateways prove themselves with certificates of the service's own authority."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud import Connection, VpnGateway
from shell import eventually
from world import World


@dataclass(frozen=True)
class Device:
    """A device's certificate as `landbridge ca issue` writes it."""

    arn: str
    certificate: Path
    key: Path

    @property
    def options(self) -> tuple[str, ...]:
        """What `customer-gateway up` is told of it."""
        return ("--certificate", str(self.certificate), "--key", str(self.key))


def issue(world: World, name: str) -> Device:
    """A certificate for a new key."""
    certificate, key = world.folder / f"{name}.pem", world.folder / f"{name}.key"
    done = world.landbridge("ca", "issue", name, "--certificate", str(certificate), "--key", str(key))
    assert done.returncode == 0, done.stderr
    return Device(done.stdout.strip(), certificate, key)


def connect(
    gateway: VpnGateway, device: Device, *, static: list[str] | None = None, asn: int = 65_000, **more: Any
) -> Connection:
    """A VPN connection with a customer gateway that has the device's certificate, and no address."""
    ec2 = gateway.cloud.world.ec2
    customer = ec2.create_customer_gateway(Type="ipsec.1", CertificateArn=device.arn, BgpAsn=asn, **more)
    answer = ec2.create_vpn_connection(
        Type="ipsec.1",
        VpnGatewayId=gateway.id,
        CustomerGatewayId=customer["CustomerGateway"]["CustomerGatewayId"],
        Options={"StaticRoutesOnly": static is not None},
    )
    made = Connection(gateway, str(answer["VpnConnection"]["VpnConnectionId"]))
    eventually(lambda: made.describe()["State"] == "available", f"{made.id} is available", 20)
    for prefix in static or ():
        ec2.create_vpn_connection_route(VpnConnectionId=made.id, DestinationCidrBlock=prefix)
    return made
