"""The customer gateway wants on its machine what the service wants in its own: the same parts, in HERE."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest
from support import Cloud

from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.customer import device_file as reader
from landbridge.customer import offers
from landbridge.customer.plan import CustomerSettings, inner_network, links_of, wanted
from landbridge.desired.device_file import DeviceFile, device_file, to_xml
from landbridge.desired.health import Health
from landbridge.desired.ike import IkeConnection
from landbridge.desired.links import DataPlane, TunnelDevice, VethEnd
from landbridge.desired.names import Names
from landbridge.desired.objects import HERE, HostState
from landbridge.desired.rulesets import Hook, Ruleset, Verdict
from landbridge.desired.speakers import Bfd, Speaker
from landbridge.model.crypto import (
    PHASE_1,
    PHASE_2,
    Cipher,
    CryptoPolicy,
    Encryption,
    Group,
    IkeVersion,
    Integrity,
    PhaseOptions,
    Transforms,
    admitted,
)
from landbridge.model.errors import Unsupported
from landbridge.model.vpn import TunnelOptions
from landbridge.reconcile.diff import check

LAN = IPv4Network("192.168.60.0/24")
VPC = IPv4Network("10.0.0.0/16")
NOTHING = TunnelWish()
LYON = IPv4Network("192.168.61.0/24")
SETTINGS = CustomerSettings(names=Names("fed321"), data_plane=DataPlane.LIBIPSEC, bfd=Bfd(), lans=(LAN,), routes=(VPC,))


def downloaded(*, static: bool, wish: TunnelWish = NOTHING, **options: IPv4Network) -> DeviceFile:
    """What a customer reads from the file that the service gives out."""
    cloud = Cloud()
    vgw = cloud.run(CreateVpnGateway())
    cgw = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.77"), 65010))
    vpn = cloud.run(CreateVpnConnection(vgw.id, cgw.id, static_only=static, wishes=(wish, NOTHING), **options))
    return reader.read(to_xml(device_file(vpn, vgw, cgw)))


@pytest.mark.parametrize("static", [True, False])
def test_everything_has_what_it_needs(static: bool) -> None:
    state = wanted(downloaded(static=static), SETTINGS, Health())
    check(state, state.values())


def test_both_tunnels_are_initiated_under_the_public_identity() -> None:
    file = downloaded(static=False)
    ike = [i for i in wanted(file, SETTINGS, Health()).values() if isinstance(i, IkeConnection)]
    assert all(i.initiate and i.local_id == IPv4Address("203.0.113.77") for i in ike)
    assert {i.remote for i in ike} == {tunnel.gateway_outside for tunnel in file.tunnels}
    assert {i.psk for i in ike} == {tunnel.psk for tunnel in file.tunnels}


def test_this_side_has_made_new_keys_before_the_clouds_would() -> None:
    (ours, _) = [
        i for i in wanted(downloaded(static=False), SETTINGS, Health()).values() if isinstance(i, IkeConnection)
    ]
    cloud = TunnelOptions()
    latest = ours.rekey_margin
    assert latest < ours.rekey_margin * (100 + ours.rekey_fuzz) / 100 < ours.child_lifetime / 2, "spread as well"
    assert latest > cloud.rekey_margin * (100 + cloud.rekey_fuzz) / 100


def test_what_the_cloud_sends_first_is_handed_to_its_endpoint() -> None:
    file = downloaded(static=False)
    (ruleset,) = [
        i for i in wanted(file, SETTINGS, Health()).values() if isinstance(i, Ruleset) and i.namespace == HERE
    ]
    assert all(rule.to_here for chain in ruleset.chains for rule in chain.rules if rule.dnat)
    handed = {rule.source[0]: rule.dnat for chain in ruleset.chains for rule in chain.rules if rule.dnat}
    assert handed == {
        IPv4Network(tunnel.gateway_outside): inner_network(file.vpn_connection_id, number)[2]
        for number, tunnel in enumerate(file.tunnels, 1)
    }


def test_the_lan_is_announced_and_never_learned() -> None:
    speaker = wanted(downloaded(static=False), SETTINGS, Health())["speaker", HERE]
    assert isinstance(speaker, Speaker)
    assert (speaker.asn, speaker.announced) == (65010, (LAN,))
    assert [(s.peer_asn, s.reject) for s in speaker.sessions] == [(64512, (LAN,))] * 2
    assert len({s.connection for s in speaker.sessions}) == 1


def test_a_prefix_that_would_swallow_the_tunnels_themselves_is_refused() -> None:
    """Another site behind the same gateway may announce what it likes, also the cloud's outside addresses."""
    file = downloaded(static=False)
    speaker = wanted(file, SETTINGS, Health())["speaker", HERE]
    assert isinstance(speaker, Speaker)
    outside = tuple(tunnel.gateway_outside for tunnel in file.tunnels)
    assert [session.reject_containing for session in speaker.sessions] == [outside, outside]


def test_static_routes_lead_through_tunnels_that_are_up() -> None:
    file = downloaded(static=True)
    first = frozenset({(file.vpn_connection_id, 1)})
    speaker = wanted(file, SETTINGS, Health(up=first))["speaker", HERE]
    assert isinstance(speaker, Speaker)
    assert speaker.sessions == ()
    assert [(s.destination, s.link) for s in speaker.statics] == [(VPC, links_of(file.vpn_connection_id, 1)[0])]


def test_link_names_fit_and_do_not_collide() -> None:
    file = downloaded(static=False)
    names = [link for number in (1, 2) for link in links_of(file.vpn_connection_id, number)]
    assert len(set(names)) == 4
    assert all(len(name) <= 15 for name in names)
    assert len({inner_network(file.vpn_connection_id, number) for number in (1, 2)}) == 2
    devices = [d for d in wanted(file, SETTINGS, Health()).values() if isinstance(d, TunnelDevice)]
    assert {d.namespace for d in devices} == {HERE}


def test_with_the_kernels_esp_behind_our_own_nat_less_fits() -> None:
    kernel = replace(SETTINGS, data_plane=DataPlane.KERNEL)
    state = wanted(downloaded(static=True), kernel, Health())
    check(state, state.values())
    devices = [d for d in state.values() if isinstance(d, TunnelDevice)]
    assert {d.mtu for d in devices} == {1438}
    assert len({d.if_id for d in devices} - {0}) == 2
    narrow = wanted(downloaded(static=True), replace(kernel, uplink_mtu=1400), Health())
    assert {d.mtu for d in narrow.values() if isinstance(d, TunnelDevice)} == {1338}
    assert {end.mtu for end in narrow.values() if isinstance(end, VethEnd)} == {1400}


def test_df_and_udp_are_as_it_was_told() -> None:
    file = downloaded(static=True)
    plain = wanted(file, replace(SETTINGS, data_plane=DataPlane.KERNEL), Health())
    told = wanted(file, replace(SETTINGS, data_plane=DataPlane.KERNEL, clear_df=True, force_udp=True), Health())
    assert {i.force_udp for i in plain.values() if isinstance(i, IkeConnection)} == {False}
    assert {i.force_udp for i in told.values() if isinstance(i, IkeConnection)} == {True}

    def cleared(state: HostState) -> list[str]:
        rulesets = [i for i in state.values() if isinstance(i, Ruleset) and i.namespace == HERE]
        rules = [rule for item in rulesets for chain in item.chains for rule in chain.rules]
        return [link for rule in rules if rule.verdict is Verdict.CLEAR_DF for link in rule.leads_to]

    assert cleared(plain) == []
    assert cleared(told) == [links_of(file.vpn_connection_id, number)[0] for number in (1, 2)]


@pytest.mark.parametrize("static", [True, False])
def test_what_belongs_into_the_tunnels_never_leaves_by_an_uplink(static: bool) -> None:
    file = downloaded(static=static)
    around_the_cloud = IPv4Network((file.tunnels[0].gateway_outside, 32)).supernet(new_prefix=8)
    settings = replace(SETTINGS, routes=(VPC, around_the_cloud), learned=frozenset({LYON}), uplinks=frozenset({"wan0"}))
    (ruleset,) = [
        i for i in wanted(file, settings, Health()).values() if isinstance(i, Ruleset) and i.namespace == HERE
    ]
    drops = [
        (chain.hook, rule.oif, rule.destination, rule.in_clear)
        for chain in ruleset.chains
        for rule in chain.rules
        if rule.verdict is Verdict.DROP
    ]
    assert drops == [(Hook.POSTROUTING, "wan0", (VPC,) if static else (LYON,), True)]


WEAK = TunnelWish(
    others=TunnelOptions(
        phase1=PhaseOptions((Encryption.AES_CBC_128,), (Integrity.SHA1,), (Group.MODP_1024,), 7_200),
        phase2=PhaseOptions((Encryption.AES_CBC_256,), (Integrity.SHA2_512,), (Group.MODP_2048,), 900),
    )
)


def connections(state: HostState) -> list[IkeConnection]:
    return sorted((i for i in state.values() if isinstance(i, IkeConnection)), key=lambda ike: ike.name)


def test_what_the_file_names_is_offered_and_nothing_else() -> None:
    one, two = connections(wanted(downloaded(static=True, wish=WEAK), SETTINGS, Health()))
    assert one.ike == Transforms((Encryption.AES_CBC_128,), (Integrity.SHA1,), (Group.MODP_1024,))
    assert one.esp == Transforms((Encryption.AES_CBC_256,), (Integrity.SHA2_512,), (Group.MODP_2048,))
    assert (one.versions, one.ike_lifetime, one.child_lifetime) == ((IkeVersion.IKEV2,), 7_200, 900)
    assert two.ike == Transforms((Encryption.AES_GCM_16_128,), (Integrity.SHA2_256,), (Group.ECP_256,))
    assert two.esp == Transforms((Encryption.AES_GCM_16_128,), (), (Group.ECP_256,))


def test_a_policy_of_its_own_offers_more_where_the_file_names_what_it_does_not_admit() -> None:
    modern = replace(SETTINGS, crypto_policy=CryptoPolicy.MODERN)
    one, two = connections(wanted(downloaded(static=True, wish=WEAK), modern, Health()))
    assert one.ike == admitted(CryptoPolicy.MODERN, PHASE_1)
    assert one.esp == Transforms((Encryption.AES_CBC_256,), (Integrity.SHA2_512,), (Group.MODP_2048,))
    assert two.ike == Transforms((Encryption.AES_GCM_16_128,), (Integrity.SHA2_256,), (Group.ECP_256,))
    cnsa = replace(SETTINGS, crypto_policy=CryptoPolicy.CNSA)
    _, two = connections(wanted(downloaded(static=True), cnsa, Health()))
    assert two.esp == admitted(CryptoPolicy.CNSA, PHASE_2)
    old = downloaded(static=True, wish=TunnelWish(others=TunnelOptions(ike_versions=(IkeVersion.IKEV1,))))
    offers.check(old, CryptoPolicy.AWS)
    with pytest.raises(Unsupported, match="IKEv1, which the crypto policy modern does not admit"):
        offers.check(old, CryptoPolicy.MODERN)
    [first, _] = connections(wanted(old, SETTINGS, Health()))
    assert first.versions == (IkeVersion.IKEV1,)


def test_the_mtu_goes_by_what_the_file_names_or_by_what_was_negotiated() -> None:
    kernel = replace(SETTINGS, data_plane=DataPlane.KERNEL)

    def mtus(settings: CustomerSettings, *known: Cipher) -> list[int]:
        file = downloaded(static=True, wish=WEAK)
        health = Health(ciphers=frozenset(((file.vpn_connection_id, 1), cipher) for cipher in known))
        devices = [d for d in wanted(file, settings, health).values() if isinstance(d, TunnelDevice)]
        return [device.mtu for device in sorted(devices, key=lambda device: device.name)]

    assert mtus(kernel) == [1406, 1438]
    assert mtus(replace(kernel, crypto_policy=CryptoPolicy.CNSA)) == [1438, 1438]
    assert mtus(kernel, Cipher(Encryption.AES_CBC_128, Integrity.SHA1)) == [1422, 1438]


def test_selectors_are_the_files_and_the_ends_of_the_tunnel() -> None:
    file = downloaded(static=True, customer_network=LAN, cloud_network=VPC)
    state = wanted(file, SETTINGS, Health())
    check(state, state.values())
    for ike, tunnel in zip(connections(state), file.tunnels, strict=True):
        assert ike.local_ts == (LAN, IPv4Network(tunnel.customer_inside.ip))
        assert ike.remote_ts == (VPC, IPv4Network(tunnel.gateway_inside.ip))
