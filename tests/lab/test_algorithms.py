"""Promise 6: algorithms, versions of IKE, times and selectors are those asked for, as charon tells it."""

from __future__ import annotations

from typing import Any

import pytest
from cloud import Instance, Vpc, VpnGateway
from daemons import associations
from faults import dropped_both_ways
from packets import Probe
from shell import eventually
from world import World, opened, status_text

pytestmark = pytest.mark.lab

STRONG = {
    "IKEVersions": [{"Value": "ikev2"}],
    "Phase1EncryptionAlgorithms": [{"Value": "AES256"}],
    "Phase1IntegrityAlgorithms": [{"Value": "SHA2-512"}],
    "Phase1DHGroupNumbers": [{"Value": 14}],
    "Phase2EncryptionAlgorithms": [{"Value": "AES256"}],
    "Phase2IntegrityAlgorithms": [{"Value": "SHA2-384"}],
    "Phase2DHGroupNumbers": [{"Value": 20}],
    "Phase1LifetimeSeconds": 7_200,
    "Phase2LifetimeSeconds": 1_800,
    "RekeyMarginTimeSeconds": 600,
    "RekeyFuzzPercentage": 0,
}
WEAK = {
    "IKEVersions": [{"Value": "ikev1"}],
    "Phase1EncryptionAlgorithms": [{"Value": "AES128"}],
    "Phase1IntegrityAlgorithms": [{"Value": "SHA1"}],
    "Phase1DHGroupNumbers": [{"Value": 2}],
    "Phase2EncryptionAlgorithms": [{"Value": "AES128"}],
    "Phase2IntegrityAlgorithms": [{"Value": "SHA1"}],
    "Phase2DHGroupNumbers": [{"Value": 5}],
}


@pytest.fixture(scope="module")
def vpc(world: World) -> Vpc:
    return world.cloud.vpc("10.0.0.0/16").opened()


@pytest.fixture(scope="module")
def instance(vpc: Vpc) -> Instance:
    return vpc.subnet("10.0.1.0/24").instance()


@pytest.fixture(scope="module")
def gateway(vpc: Vpc) -> VpnGateway:
    made = vpc.vpn_gateway()
    vpc.main_table.propagate(made)
    return made


def words(sa: dict[str, Any], *names: str) -> list[str]:
    """What charon says under these names."""
    return [sa.get(name, b"").decode() for name in names]


def test_what_was_chosen_is_what_charon_has_negotiated(world: World, gateway: VpnGateway, instance: Instance) -> None:
    paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
    connection = gateway.connect(paris, tunnels=[STRONG, WEAK])
    paris.customer_gateway_up(connection)
    connection.is_watched(paris)
    paris.host.comes_to_reach(instance)

    one, two = (associations(world.instance, t.status["endpoint_namespace"]) for t in connection.tunnels)
    suite = ("version", "encr-alg", "encr-keysize", "integ-alg", "prf-alg", "dh-group")
    [(first, [first_child])], [(second, [second_child])] = one, two
    assert words(first, *suite) == ["2", "AES_CBC", "256", "HMAC_SHA2_512_256", "PRF_HMAC_SHA2_512", "MODP_2048"]
    assert words(second, *suite) == ["1", "AES_CBC", "128", "HMAC_SHA1_96", "PRF_HMAC_SHA1", "MODP_1024"]
    suite = ("encr-alg", "encr-keysize", "integ-alg", "dh-group")
    assert words(first_child, *suite) == ["AES_CBC", "256", "HMAC_SHA2_384_192", ""]
    assert words(second_child, *suite) == ["AES_CBC", "128", "HMAC_SHA1_96", "MODP_1536"]
    assert 7_200 - 600 - 120 <= int(first["rekey-time"]) <= 7_200 - 600
    assert 1_800 - 600 - 120 <= int(first_child["rekey-time"]) <= 1_800 - 600
    assert 1_800 - 120 <= int(first_child["life-time"]) <= 1_800

    assert active(world, connection.id, connection.tunnel(1).status) == {
        "IkeVersion": "ikev2",
        "Phase1EncryptionAlgorithm": "AES256",
        "Phase1IntegrityAlgorithm": "SHA2-512",
        "Phase1DHGroup": 14,
        "Phase2EncryptionAlgorithm": "AES256",
        "Phase2IntegrityAlgorithm": "SHA2-384",
    }
    assert active(world, connection.id, connection.tunnel(2).status) == {
        "IkeVersion": "ikev1",
        "Phase1EncryptionAlgorithm": "AES128",
        "Phase1IntegrityAlgorithm": "SHA1",
        "Phase1DHGroup": 2,
        "Phase2EncryptionAlgorithm": "AES128",
        "Phase2IntegrityAlgorithm": "SHA1",
        "Phase2DHGroup": 5,
    }
    weak = ["IKEv1", "SHA1", "Diffie-Hellman group 2", "Diffie-Hellman group 5"]
    assert [tunnel.status["weak"] for tunnel in connection.tunnels] == [[], weak]
    assert [tunnel["weak"] for tunnel in paris.customer_gateway(connection)["tunnels"]] == [[], weak]
    assert status_text(world).count(f"weak: {', '.join(weak)}") == 1

    with Probe(paris.host, instance) as probe:
        probe.passes()
        for cut, other in (connection.tunnels, reversed(connection.tunnels)):
            with dropped_both_ways(cut.status):
                eventually(lambda cut=cut: not cut.status["bfd"], f"tunnel {cut.number} is seen to be dead")
                probe.passes()
                before = other.status["bytes_in"]
                eventually(
                    lambda other=other, before=before: other.status["bytes_in"] > before, "the other one carries"
                )
            connection.is_watched(paris)


def active(world: World, connection: str, tunnel: dict[str, Any]) -> dict[str, Any]:
    """GetActiveVpnTunnelStatus, without what is the same for all."""
    answer = world.ec2.get_active_vpn_tunnel_status(
        VpnConnectionId=connection, VpnTunnelOutsideIpAddress=tunnel["outside_address"]
    )["ActiveVpnTunnelStatus"]
    assert answer.pop("ProvisioningStatus") == "available"
    assert (answer.pop("Phase1AdditionalKeyExchanges"), answer.pop("Phase2AdditionalKeyExchanges")) == ([], [])
    return dict(answer)


def test_selectors_are_what_may_pass(world: World, vpc: Vpc, gateway: VpnGateway, instance: Instance) -> None:
    """Both subnets are routed into the tunnels; the selectors name one."""
    outside = vpc.subnet("10.0.2.0/24").instance()
    lyon = world.site("lyon", "203.0.113.78", "192.168.61.0/24")
    selectors = {"LocalIpv4NetworkCidr": "192.168.61.0/24", "RemoteIpv4NetworkCidr": "10.0.1.0/24"}
    connection = gateway.connect(lyon, asn=65_011, static=["192.168.61.0/24"], options=selectors)
    lyon.customer_gateway_up(connection, "--route", "10.0.0.0/16")
    connection.is_watched(lyon)
    for tunnel in connection.tunnels:
        status = tunnel.status
        [(_, [child])] = associations(world.instance, status["endpoint_namespace"])
        assert {each.decode() for each in child["local-ts"]} == {"10.0.1.0/24", f"{status['cloud_inside_address']}/32"}
        assert {each.decode() for each in child["remote-ts"]} == {
            "192.168.61.0/24",
            f"{status['customer_inside_address']}/32",
        }
    lyon.host.comes_to_reach(instance)
    instance.comes_to_reach(lyon.host)
    assert lyon.host.cannot_reach(outside)
    assert outside.cannot_reach(lyon.host)
    shown = connection.describe()["Options"]
    assert {name: shown[name] for name in selectors} == selectors


def test_bgp_passes_selectors(world: World, gateway: VpnGateway, instance: Instance) -> None:
    nice = world.site("nice", "203.0.113.79", "192.168.62.0/24")
    selectors = {"LocalIpv4NetworkCidr": "192.168.62.0/24", "RemoteIpv4NetworkCidr": "10.0.0.0/16"}
    connection = gateway.connect(nice, asn=65_012, options=selectors)
    nice.customer_gateway_up(connection)
    connection.is_watched(nice)
    nice.host.comes_to_reach(instance)


def test_a_customer_gateway_may_have_a_policy_of_its_own(world: World, gateway: VpnGateway, instance: Instance) -> None:
    """AWS's files name its minima where nothing was chosen."""
    brest = world.site("brest", "203.0.113.81", "192.168.64.0/24")
    connection = gateway.connect(brest, asn=65_013)
    text = connection.device_file.replace("aes-128-gcm-16", "aes-128-cbc").replace("group19", "group2")
    text = text.replace(">sha2-256<", ">sha1<").replace(">none<", ">hmac-sha1-96<")
    minima = world.folder / "minima.xml"
    minima.write_text(text)
    brest.customer_gateway_up(connection, file=minima)
    connection.comes_up()
    assert [tunnel.status["weak"] for tunnel in connection.tunnels] == [["SHA1", "Diffie-Hellman group 2"]] * 2

    brest.customer_gateway_up(connection, "--crypto-policy", "modern", file=minima)

    lowest = "AES_CBC-128/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/MODP_2048"
    for tunnel in connection.tunnels:
        eventually(lambda tunnel=tunnel: tunnel.status["suite"] == lowest, "the lowest of what it offers now", 40)
        assert tunnel.status["weak"] == []
    connection.is_watched(brest)
    brest.host.comes_to_reach(instance)


def test_a_strict_policy_is_what_is_negotiated_and_what_is_refused() -> None:
    with opened("--crypto-policy", "cnsa") as world:
        gateway = world.cloud.vpn_gateway()
        metz = world.site("metz", "203.0.113.80", "192.168.63.0/24")
        message = world.cloud.refuses(
            "UnsupportedOperation",
            lambda: gateway.connect(metz, tunnels=[{"Phase1IntegrityAlgorithms": [{"Value": "SHA1"}]}]),
        )
        assert "crypto policy cnsa, which does not admit SHA1" in message
        connection = gateway.connect(metz)
        metz.customer_gateway_up(connection)
        connection.comes_up()
        for tunnel in connection.tunnels:
            [(sa, [child])] = associations(world.instance, tunnel.status["endpoint_namespace"])
            suite = ("version", "encr-alg", "encr-keysize", "prf-alg", "dh-group")
            assert words(sa, *suite) == ["2", "AES_GCM_16", "256", "PRF_HMAC_SHA2_384", "ECP_384"]
            assert words(child, "encr-alg", "encr-keysize") == ["AES_GCM_16", "256"]
        assert "crypto policy cnsa\n" in status_text(world)
