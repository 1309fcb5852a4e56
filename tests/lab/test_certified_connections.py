"""Connections by certificates: who gets in and who does not, a device that moves, new certificates, revoked ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from certified import connect, issue
from cloud import Connection, Instance, VpnGateway
from daemons import associations, ike_associations
from packets import Probe
from shell import eventually, for_a_while, ok, run
from world import World

pytestmark = pytest.mark.lab


@dataclass(frozen=True)
class Cloud:
    """A VPC with an instance and a gateway."""

    instance: Instance
    gateway: VpnGateway


@pytest.fixture(scope="module")
def here(world: World) -> Cloud:
    vpc = world.cloud.vpc("10.0.0.0/16").opened()
    gateway = vpc.vpn_gateway()
    vpc.main_table.propagate(gateway)
    return Cloud(vpc.subnet("10.0.0.0/24").instance(), gateway)


def test_a_device_without_an_address_connects_and_no_key_is_told(world: World, here: Cloud) -> None:
    site, device = world.site("paris", "203.0.113.77", "192.168.60.0/24"), issue(world, "paris.example.net")
    connection = connect(here.gateway, device)

    said = site.customer_gateway_up(connection, *device.options)

    assert said.count(": UP") >= 1, said
    site.host.comes_to_reach(here.instance)
    connection.comes_up()
    assert here.instance.reaches(site.host)
    described = connection.describe()
    assert "pre_shared_key" not in described["CustomerGatewayConfiguration"]
    assert device.arn in described["CustomerGatewayConfiguration"]
    assert not any("PreSharedKey" in tunnel for tunnel in described["Options"]["TunnelOptions"])
    arns = {telemetry["CertificateArn"] for telemetry in described["VgwTelemetry"]}
    assert len(arns) == 2
    assert device.arn not in arns
    for tunnel in connection.tunnels:
        [(sa, _)] = associations(world.instance, tunnel.status["endpoint_namespace"])
        assert sa["remote-id"] == b"CN=paris.example.net"
        assert sa["local-id"].decode() == tunnel.status["outside_address"]
    status = site.customer_gateway(connection)
    assert status["certificate"]["name"] == "paris.example.net"
    assert "paris.example.net" in ok(*site.command("status", connection.id))
    assert "paris.example.net" in world.landbridge("status").stdout
    folder = world.customers / "customer-gateway" / connection.id
    assert (folder / "certificate.key").stat().st_mode & 0o077 == 0
    assert device.key.stat().st_mode & 0o077 == 0


def test_another_customers_certificate_of_the_same_authority_does_not_get_in(world: World, here: Cloud) -> None:
    site = world.site("lyon", "203.0.113.78", "192.168.61.0/24")
    device, other = issue(world, "lyon.example.net"), issue(world, "other.example.net")
    connection = connect(here.gateway, device, static=["192.168.61.0/24"])
    route = ("--route", "10.0.0.0/16")

    refused = site.customer_gateway_fails(connection, *route, *other.options, "--wait", "6")

    assert "Authentication failed" in refused
    assert site.host.cannot_reach(here.instance)
    for tunnel in connection.tunnels:
        assert tunnel.status["status"] == "DOWN"
    site.customer_gateway_up(connection, *route, *device.options)
    site.host.comes_to_reach(here.instance)


def test_a_device_that_moves_comes_back_by_itself(world: World, here: Cloud) -> None:
    site, device = world.site("nice", "203.0.113.79", "192.168.62.0/24"), issue(world, "nice.example.net")
    connection = connect(here.gateway, device)
    site.customer_gateway_up(connection, *device.options)
    site.host.comes_to_reach(here.instance)
    connection.comes_up()
    revision = world.status()["revision"]

    moved = "203.0.113.99"
    ok("ip", "-n", site.name, "address", "add", f"{moved}/24", "dev", "wan")
    ok("ip", "-n", site.name, "address", "delete", f"{site.public}/24", "dev", "wan")
    ok("ip", "-n", site.name, "route", "replace", "default", "via", "203.0.113.1", "dev", "wan")

    for tunnel in connection.tunnels:
        eventually(
            lambda tunnel=tunnel: (tunnel.status["peer"] or "").startswith(moved) and tunnel.status["status"] == "UP",
            f"tunnel {tunnel.number} is up with the new address",
            60,
        )
    site.host.comes_to_reach(here.instance)
    assert world.status()["revision"] == revision, "nothing was changed by anybody"


def test_a_revoked_certificate_is_shut_out_at_once(world: World, here: Cloud) -> None:
    site, device = world.site("brest", "203.0.113.80", "192.168.63.0/24"), issue(world, "brest.example.net")
    spare = issue(world, "spare.example.net")
    connection = connect(here.gateway, device)
    site.customer_gateway_up(connection, *device.options)
    site.host.comes_to_reach(here.instance)
    connection.comes_up()

    revoked = world.landbridge("ca", "revoke", device.arn)

    assert revoked.returncode == 0, revoked.stderr
    assert site.host.cannot_reach(here.instance)
    for tunnel in connection.tunnels:
        tunnel.becomes("DOWN")
        eventually(lambda tunnel=tunnel: "revoked" in tunnel.status["why"], "the status says why")
        assert not associations(world.instance, tunnel.status["endpoint_namespace"])
    for_a_while(lambda: all(t.status["status"] == "DOWN" for t in connection.tunnels), "it stays out", 8)
    world.cloud.refuses(
        "InvalidParameterValue",
        lambda: world.ec2.create_customer_gateway(Type="ipsec.1", CertificateArn=device.arn, BgpAsn=65_001),
    )
    assert [line.split()[-1] for line in world.landbridge("ca", "list").stdout.splitlines() if device.arn in line] == [
        "revoked"
    ]
    assert spare.arn in world.landbridge("ca", "list").stdout


def test_an_endpoints_certificate_is_rotated_without_loss(world: World, here: Cloud) -> None:
    site, device = world.site("dijon", "203.0.113.84", "192.168.67.0/24"), issue(world, "dijon.example.net")
    connection = connect(here.gateway, device)
    site.customer_gateway_up(connection, *device.options)
    site.host.comes_to_reach(here.instance)
    connection.is_watched(site)
    before = arns(connection)
    with Probe(site.host, here.instance) as probe:
        probe.passes()
        for tunnel in connection.tunnels:
            endpoint, outside = tunnel.status["endpoint_namespace"], tunnel.status["outside_address"]
            old = ike_associations(world.instance, connection.id)[endpoint]
            world.ec2.modify_vpn_tunnel_certificate(VpnConnectionId=connection.id, VpnTunnelOutsideIpAddress=outside)
            eventually(
                lambda endpoint=endpoint, old=old: ike_associations(world.instance, connection.id)[endpoint] > old,
                "an IKE SA by the new certificate is up beside the one before",
                20,
            )
            eventually(
                lambda endpoint=endpoint, old=old: not old & ike_associations(world.instance, connection.id)[endpoint],
                "the one before has ended",
                20,
            )
            eventually(lambda: connection.describe()["State"] == "available", "the change is through", 20)
            probe.passes()
        assert probe.lost() == []
    after = arns(connection)
    assert before.keys() == after.keys()
    assert not {*before.values()} & {*after.values()}
    assert [tunnel.status["status"] for tunnel in connection.tunnels] == ["UP", "UP"]


def arns(connection: Connection) -> dict[str, str]:
    """The endpoints' certificates, by outside address."""
    return {outside: telemetry["CertificateArn"] for outside, telemetry in connection.telemetry().items()}


def test_certificate_and_key_have_to_fit_and_are_bounded(world: World, here: Cloud) -> None:
    site = world.site("reims", "203.0.113.83", "192.168.66.0/24")
    device, other = issue(world, "reims.example.net"), issue(world, "else.example.net")
    connection = connect(here.gateway, device, static=["192.168.66.0/24"])
    huge = world.folder / "huge.pem"
    huge.write_text(device.certificate.read_text() + "x" * 1_000_000)
    for options, said in (
        ((), "--certificate FILE --key FILE"),
        (("--certificate", str(device.certificate), "--key", str(other.key)), "does not belong"),
        (("--certificate", str(device.key), "--key", str(device.key)), "no certificate in PEM"),
        (("--certificate", str(device.certificate), "--key", str(device.certificate)), "no private key in PEM"),
        (("--certificate", str(huge), "--key", str(device.key)), "more than 65536 characters"),
    ):
        command = site.command("up", str(site.file_of(connection)), "--route", "10.0.0.0/16", *options)
        done = run(*command)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
        assert said in done.stderr
        assert "PRIVATE" not in done.stderr
    assert not list(world.customers.glob(f"customer-gateway/{connection.id}*")), "nothing half-built"


def test_the_authoritys_key_is_sealed_and_a_request_keeps_its_own(world: World, tmp_path: Path) -> None:
    key, request, certificate = tmp_path / "router.key", tmp_path / "router.csr", tmp_path / "router.pem"
    ok("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", str(key), "-subj", "/CN=router.example.net")
    ok("openssl", "req", "-new", "-key", str(key), "-subj", "/CN=router.example.net", "-out", str(request))
    done = world.landbridge("ca", "issue", "--csr", str(request), "--certificate", str(certificate), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["name"] == "router.example.net"
    authority = tmp_path / "authority.pem"
    authority.write_text(world.landbridge("ca", "show").stdout)
    assert "OK" in ok("openssl", "verify", "-CAfile", str(authority), str(certificate))
    for file in world.state.rglob("*"):
        if file.is_file() and "tls" not in file.parts:
            assert b"PRIVATE KEY" not in file.read_bytes(), file
