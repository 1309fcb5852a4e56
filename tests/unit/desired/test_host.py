"""What one host should have: consistent, with no way through but what routes say, and work by the change."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from town import GCM, INTERNET, LAN, OWN, SETTINGS, Town, ike

from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.limits import AWS, RELAXED, Limits
from landbridge.control.propagation import EnableVgwRoutePropagation
from landbridge.control.routes import CreateRoute
from landbridge.control.subnets import CreateSubnet, DeleteSubnet
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpc_cidrs import AssociateVpcCidr, DisassociateVpcCidr
from landbridge.control.vpcs import CreateVpc
from landbridge.control.vpn_connections import CreateVpnConnection, DeleteVpnConnection, SetVpnConnection
from landbridge.control.vpn_gateways import AttachVpnGateway, DetachVpnGateway
from landbridge.control.vpn_routes import CreateVpnConnectionRoute
from landbridge.desired.health import Health
from landbridge.desired.host import Planner
from landbridge.desired.ike import Charon, IkeConnection
from landbridge.desired.internet_gateway import mapped
from landbridge.desired.links import (
    MAIN_TABLE,
    Address,
    DataPlane,
    KernelRoute,
    KernelRule,
    Namespace,
    RouteKind,
    TunnelDevice,
    VethEnd,
)
from landbridge.desired.objects import HostState
from landbridge.desired.rulesets import Ruleset, Verdict, ruleset_key
from landbridge.desired.speakers import Speaker
from landbridge.desired.tables import Family
from landbridge.desired.vpc import EDGE
from landbridge.model.attached import interfaces_of
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
    admits,
)
from landbridge.model.instances import NetworkInterface
from landbridge.model.network import Vpc
from landbridge.model.vpn import TunnelOptions
from landbridge.reconcile.diff import check


@pytest.fixture
def town() -> Town:
    return Town()


def test_everything_has_what_it_needs(town: Town) -> None:
    state = town.wanted().state
    check(state, state.values())


def test_every_veth_has_both_ends(town: Town) -> None:
    ends = {(e.namespace, e.name): e for e in town.wanted().state.values() if isinstance(e, VethEnd)}
    assert ends
    for (namespace, name), end in ends.items():
        other = ends[end.peer_namespace, end.peer_name]
        assert (other.peer_namespace, other.peer_name) == (namespace, name)


def test_link_names_fit_into_linux(town: Town) -> None:
    named = [i for i in town.wanted().state.values() if isinstance(i, VethEnd | TunnelDevice)]
    assert all(len(item.name) <= 15 for item in named)


def test_what_comes_from_a_gateway_reaches_subnets_only(town: Town) -> None:
    """Neither gateway is a way through to the other (traps 23)."""
    town.cloud.run(CreateRoute(town.table.id, INTERNET, town.igw.id))
    town.cloud.run(CreateRoute(town.table.id, LAN, town.vgw.id))
    rules = [r for r in town.wanted().state.values() if isinstance(r, KernelRule) and r.iif in ("vgw0", "igw0")]
    assert {rule.iif: rule.table for rule in rules} == {"vgw0": EDGE, "igw0": EDGE}
    edge = town.routes(EDGE)
    assert {d for d, r in edge.items() if r.kind is RouteKind.UNICAST} == {s.cidr for s in town.subnets}
    assert edge[INTERNET].kind is RouteKind.UNREACHABLE


def test_every_subnet_table_ends_in_unreachable(town: Town) -> None:
    """A prefix that is missing must not fall through to the main table (traps 20)."""
    table = town.routes(town.table.number)
    assert table[INTERNET].kind is RouteKind.UNREACHABLE
    assert table[town.vpc.cidr].kind is RouteKind.UNREACHABLE
    town.cloud.run(CreateRoute(town.table.id, INTERNET, town.igw.id))
    both = [
        r
        for r in town.wanted().state.values()
        if isinstance(r, KernelRoute)
        and (r.namespace, r.table, r.destination) == (OWN.of(town.vpc.id), town.table.number, INTERNET)
    ]
    best = min(both, key=lambda route: route.metric)
    assert (best.kind, best.link) == (RouteKind.UNICAST, "igw0")


def test_a_route_to_a_detached_gateway_is_a_black_hole(town: Town) -> None:
    town.cloud.run(CreateRoute(town.table.id, LAN, town.vgw.id))
    assert town.routes(town.table.number)[LAN].link == "vgw0"
    town.cloud.run(DetachVpnGateway(town.vgw.id, town.vpc.id))
    assert town.routes(town.table.number)[LAN].kind is RouteKind.BLACKHOLE


def test_only_instances_with_a_public_address_are_translated(town: Town) -> None:
    ruleset = town.wanted().state["ruleset", OWN.of(town.igw.id), "landbridge"]
    assert isinstance(ruleset, Ruleset)
    assert ruleset.one_to_one is not None
    public, private = (interfaces_of(town.cloud.snapshot, instance.id)[0] for instance in town.instances)
    assert private.public is None
    assert [(m.private, m.public) for m in ruleset.one_to_one.mapped] == [(public.private, public.public)]


def test_a_zone_belongs_to_one_mapping_only(town: Town) -> None:
    """Conntrack's memory of a public address must not outlive what it was."""
    (interface, _) = town.cloud.snapshot.all(NetworkInterface)
    (private,) = interface.addresses
    assert private.public is not None

    def zone(**change: Any) -> int:
        made = replace(interface, id=change.pop("id", interface.id))
        address = replace(private, **{k: change.pop(k) for k in ("address",) if k in change})
        public = replace(private.public, **change)
        (found,) = mapped([replace(made, addresses=(replace(address, public=public),))])
        assert 1 <= found.zone <= 65535
        return found.zone

    others = (
        zone(id="eni-0123456789abcdef0"),
        zone(address=IPv4Address("10.0.1.77")),
        zone(association_id="eipassoc-1"),
        zone(association_id="eipassoc-2"),
    )
    assert zone() == zone()
    assert len({zone(), *others}) == 5


def test_every_port_of_a_bridge_is_guarded_and_nobody_else_sends(town: Town) -> None:
    state = town.wanted().state
    guard = state[ruleset_key(OWN.of(town.vpc.id), "landbridge", Family.BRIDGE)]
    assert isinstance(guard, Ruleset)
    ports = {e.name for e in state.values() if isinstance(e, VethEnd) and e.master and e.namespace == guard.namespace}
    assert {port.link for port in guard.ports} == ports
    links = {e.peer_name: e for e in state.values() if isinstance(e, VethEnd) and e.peer_namespace == guard.namespace}
    for port, interface in zip(guard.ports, town.cloud.snapshot.all(NetworkInterface), strict=True):
        assert links[port.link].mac == port.mac == interface.mac
        assert (port.addresses, port.checked) == ((interface.private,), True)
        assert guard.key in town.wanted().owners[interface.id], "it is attached once it is guarded"


def test_a_detached_gateway_leaves_nothing_in_the_vpc(town: Town) -> None:
    town.cloud.run(DetachVpnGateway(town.vgw.id, town.vpc.id))
    router = OWN.of(town.vpc.id)
    assert not [
        i for i in town.wanted().state.values() if isinstance(i, VethEnd) and (i.namespace, i.name) == (router, "vgw0")
    ]
    assert ("speaker", router) not in town.wanted().state


def test_a_connection_is_two_endpoints_that_share_nothing(town: Town) -> None:
    state = town.wanted().state
    ike = [i for i in state.values() if isinstance(i, IkeConnection)]
    assert len(ike) == 2
    assert len({i.namespace for i in ike}) == len({i.local for i in ike}) == len({i.psk for i in ike}) == 2
    assert {i.remote for i in ike} == {IPv4Address("203.0.113.77")}
    devices = [d for d in state.values() if isinstance(d, TunnelDevice)]
    assert {d.namespace for d in devices} == {OWN.of(town.vgw.id)}
    assert {d.endpoint for d in devices} == {i.namespace for i in ike}


def test_keys_never_meet_the_tenant(town: Town) -> None:
    """charon and its key are in the endpoint's namespace, never in the router's."""
    routers = {OWN.of(town.vgw.id), OWN.of(town.vpc.id)}
    assert not [
        i for i in town.wanted().state.values() if isinstance(i, Charon | IkeConnection) and i.namespace in routers
    ]


def test_the_vpcs_own_cidr_is_refused_from_sites_and_announced_to_them(town: Town) -> None:
    speaker = town.gateway_speaker()
    assert all(session.reject == (town.vpc.cidr,) for session in speaker.sessions)
    assert [s.destination for s in speaker.statics] == [town.vpc.cidr]
    assert MAIN_TABLE in speaker.tables


def test_every_cidr_of_the_vpc_is_known_everywhere() -> None:
    town = Town(static=True)
    later = IPv4Network("10.2.0.0/16")
    inside, table = IPv4Network("10.2.7.0/24"), town.table.number
    town.cloud.run(CreateVpnConnectionRoute(town.vpn.id, inside))
    dynamic = town.cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.99"), 65020))
    town.cloud.run(CreateVpnConnection(town.vgw.id, dynamic.id))
    both = Health(up=frozenset({(town.vpn.id, 1), (town.vpn.id, 2)}))
    before = town.wanted(both).state
    added = town.cloud.run(AssociateVpcCidr(town.vpc.id, later))
    net = town.cloud.run(CreateSubnet(town.vpc.id, IPv4Network("10.2.1.0/24")))
    state = town.wanted(both).state
    check(state, state.values())

    speaker = town.gateway_speaker(both)
    assert all(session.reject == (town.vpc.cidr, later) for session in speaker.sessions)
    assert [s.destination for s in speaker.statics if not s.connection] == [town.vpc.cidr, later]
    assert {s.destination for s in speaker.statics if s.connection} == {LAN}
    assert town.routes(table)[later].kind is RouteKind.UNREACHABLE
    assert town.routes(table)[net.cidr].kind is RouteKind.UNICAST
    assert net.cidr in town.routes(EDGE)
    gateway = [r for r in state.values() if isinstance(r, KernelRoute) and r.namespace == OWN.of(town.igw.id)]
    assert {town.vpc.cidr, later} <= {route.destination for route in gateway}

    town.cloud.run(DeleteSubnet(net.id))
    town.cloud.run(DisassociateVpcCidr(added.id))
    assert town.wanted(both).state == before


def test_a_dead_tunnels_sibling_is_announced_as_the_better_one(town: Town) -> None:
    def meds(*dead: int) -> list[int]:
        health = Health(dead=frozenset((town.vpn.id, n) for n in dead))
        return [session.med for session in town.gateway_speaker(health).sessions]

    assert meds() == meds(1, 2) == [100, 100]
    assert meds(1) == [100, 50]
    assert meds(2) == [50, 100]


def test_static_routes_follow_bfd_where_it_is_answered_and_ike_elsewhere() -> None:
    town = Town(static=True)

    def routes(**facts: frozenset[tuple[str, int]]) -> list[tuple[str, bool]]:
        speaker = town.gateway_speaker(Health(**facts))
        return [(s.link, s.bfd) for s in speaker.statics if s.destination == LAN]

    both = frozenset({(town.vpn.id, 1), (town.vpn.id, 2)})
    first = frozenset({(town.vpn.id, 1)})
    assert routes() == []
    assert routes(up=first) == [("t1-1", False)]
    assert routes(up=both) == [("t1-1", False), ("t1-2", False)]
    assert routes(up=both, bfd_seen=first) == [("t1-1", True), ("t1-2", False)]
    assert routes(bfd_seen=first) == [("t1-1", True)]
    preferences = [s.preference for s in town.gateway_speaker(Health(up=both)).statics if s.destination == LAN]
    assert preferences == sorted(preferences, reverse=True)


def test_only_propagating_tables_are_filled(town: Town) -> None:
    def tables() -> tuple[int, ...]:
        found = town.wanted().state["speaker", OWN.of(town.vpc.id)]
        assert isinstance(found, Speaker)
        return found.tables

    assert tables() == (MAIN_TABLE,)
    town.cloud.run(EnableVgwRoutePropagation(town.table.id, town.vgw.id))
    assert tables() == (MAIN_TABLE, town.table.number)


def test_one_more_change_computes_one_group(town: Town) -> None:
    """Groups whose inputs did not change are the very same objects: the loop compares by identity."""
    before = town.wanted().state
    town.cloud.run(CreateRoute(town.table.id, LAN, town.vgw.id))
    after = town.wanted().state
    changed = {key for key in after if after[key] is not before.get(key)}
    assert {key[0] for key in changed} == {"route"}
    assert {key[1] for key in changed} == {OWN.of(town.vpc.id)}


def test_a_deleted_connection_leaves_nothing(town: Town) -> None:
    town.cloud.run(DeleteVpnConnection(town.vpn.id))
    state = town.wanted().state
    assert not [i for i in state.values() if isinstance(i, Charon | TunnelDevice | IkeConnection)]
    assert town.gateway_speaker().sessions == ()


def test_every_namespace_is_marked_as_ours(town: Town) -> None:
    spaces = [i for i in town.wanted().state.values() if isinstance(i, Namespace)]
    assert {space.owner for space in spaces} == {"abc123"}
    assert {"paris", "paris-host", "web"} <= {space.namespace for space in spaces}


def test_two_vpcs_of_the_same_cidr_share_no_namespace(town: Town) -> None:
    twin = town.cloud.run(CreateVpc(town.vpc.cidr))
    town.cloud.run(CreateSubnet(twin.id, town.subnets[0].cidr))
    state = town.wanted().state
    check(state, state.values())
    gateways = [i for i in state.values() if isinstance(i, Address) and str(i.address) == "10.0.1.1/24"]
    assert {i.namespace for i in gateways} == {OWN.of(town.vpc.id), OWN.of(twin.id)}


def test_a_vpc_that_is_attached_later_comes_before_static_routes_into_it() -> None:
    town = Town(static=True)
    inside, outside = IPv4Network("10.9.1.128/25"), IPv4Network("10.0.0.0/8")
    for destination in (inside, outside):
        town.cloud.run(CreateVpnConnectionRoute(town.vpn.id, destination))
    town.cloud.run(DetachVpnGateway(town.vgw.id, town.vpc.id))
    later: Vpc = town.cloud.run(CreateVpc(IPv4Network("10.9.0.0/16")))
    town.cloud.run(AttachVpnGateway(town.vgw.id, later.id))
    both = frozenset({(town.vpn.id, 1), (town.vpn.id, 2)})
    led_to = {s.destination for s in town.gateway_speaker(Health(up=both)).statics if s.connection}
    assert led_to == {LAN, outside}


@pytest.mark.parametrize(("limits", "sent", "propagated"), [(AWS, 1000, 100), (RELAXED, None, None)])
def test_as_many_routes_as_aws_takes(town: Town, limits: Limits, sent: int | None, propagated: int | None) -> None:
    town.planner = Planner(replace(SETTINGS, limits=limits))
    sessions = town.gateway_speaker().sessions
    assert {(session.receive_limit, session.send_limit) for session in sessions} == {(100, sent)}
    router = town.wanted().state["speaker", OWN.of(town.vpc.id)]
    assert isinstance(router, Speaker)
    assert router.table_limit == propagated


def test_kernel_tunnels_have_an_interface_of_their_own_and_the_mtu_that_is_known_to_fit() -> None:
    town = Town()
    town.planner = Planner(replace(SETTINGS, data_plane=DataPlane.KERNEL))
    first, second = (town.vpn.id, 1), (town.vpn.id, 2)
    state = town.wanted(Health(bare=frozenset({first}), ciphers=frozenset({(first, GCM), (second, GCM)}))).state
    check(state, state.values())
    devices = {item.endpoint: item for item in state.values() if isinstance(item, TunnelDevice)}
    connections = {item.namespace: item for item in state.values() if isinstance(item, IkeConnection)}
    one, two = (devices[OWN.endpoint(town.vpn.id, number)] for number in (1, 2))
    assert (one.mtu, two.mtu) == (1446, 1438)
    assert 0 not in (one.if_id, two.if_id)
    assert one.if_id != two.if_id
    assert all(connections[space].if_id == device.if_id for space, device in devices.items())
    ruleset = state["ruleset", OWN.of(town.vgw.id), "landbridge"]
    assert isinstance(ruleset, Ruleset)
    clamped = {
        (rule.oif or rule.iif): rule.mss for chain in ruleset.chains for rule in chain.rules if rule.mss is not None
    }
    assert clamped == {one.name: 1406, two.name: 1398}


@pytest.mark.parametrize(("data_plane", "fits"), [(DataPlane.KERNEL, 1346), (DataPlane.LIBIPSEC, 1338)])
def test_no_tunnel_takes_more_than_the_uplink(data_plane: DataPlane, fits: int) -> None:
    town = Town()
    town.planner = Planner(replace(SETTINGS, data_plane=data_plane, uplink_mtu=1400))
    both = [(town.vpn.id, number) for number in (1, 2)]
    state = town.wanted(Health(bare=frozenset(both), ciphers=frozenset((each, GCM) for each in both))).state
    assert {item.mtu for item in state.values() if isinstance(item, TunnelDevice)} == {fits}
    spaces = {OWN.endpoint(town.vpn.id, number) for number in (1, 2)}
    ends = [end for end in state.values() if isinstance(end, VethEnd) and {end.namespace, end.peer_namespace} & spaces]
    assert [end.mtu for end in ends] == [1400] * 4
    assert {end.mtu for end in state.values() if isinstance(end, VethEnd) and end not in ends} == {1500}


def cleared(state: HostState, namespace: str) -> set[str]:
    """The links towards which DF is cleared."""
    return {
        link
        for item in state.values()
        if isinstance(item, Ruleset) and item.namespace == namespace
        for chain in item.chains
        for rule in chain.rules
        if rule.verdict is Verdict.CLEAR_DF
        for link in rule.leads_to
    }


def test_df_is_cleared_towards_the_tunnels_of_connections_that_ask_for_it(town: Town) -> None:
    here = OWN.of(town.vgw.id)
    other = town.cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.78"), 65011))
    second = town.cloud.run(CreateVpnConnection(town.vgw.id, other.id))
    before = town.wanted().state
    assert cleared(before, here) == set()
    town.cloud.run(SetVpnConnection(second.id, clear_df=True))
    after = town.wanted().state
    assert cleared(after, here) == {"t2-1", "t2-2"}
    assert {key for key in after if after[key] != before.get(key)} == {("ruleset", here, "landbridge")}
    town.cloud.run(SetVpnConnection(second.id, clear_df=False))
    assert town.wanted().state == before


def test_forced_udp_takes_room_at_once_and_touches_that_connection_alone() -> None:
    town = Town()
    town.planner = Planner(replace(SETTINGS, data_plane=DataPlane.KERNEL))
    other = town.cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.78"), 65011))
    second = town.cloud.run(CreateVpnConnection(town.vgw.id, other.id))
    tunnels = [(vpn.id, number) for vpn in (town.vpn, second) for number in (1, 2)]
    bare = Health(bare=frozenset(tunnels), ciphers=frozenset((each, GCM) for each in tunnels))
    before = town.wanted(bare).state
    town.cloud.run(SetVpnConnection(second.id, force_udp=True))
    after = town.wanted(bare).state
    spaces = {OWN.endpoint(second.id, number) for number in (1, 2)}
    changed = [after[key] for key in after if after[key] != before.get(key)]
    connections = [item for item in changed if isinstance(item, IkeConnection)]
    assert {item.namespace for item in connections} == spaces
    assert all(item.force_udp for item in connections)
    devices = [item for item in changed if isinstance(item, TunnelDevice)]
    assert {(item.endpoint, item.mtu) for item in devices} == {(space, 1438) for space in spaces}
    assert len(changed) == 5  # and the gateway's ruleset, which clamps TCP


def test_forcing_udp_on_libipsec_touches_nothing(town: Town) -> None:
    before = town.wanted().state
    town.cloud.run(SetVpnConnection(town.vpn.id, force_udp=True))
    assert town.wanted().state == before


def test_libipsecs_tunnels_have_its_mtu_whatever_is_known() -> None:
    town = Town()
    state = town.wanted(Health(bare=frozenset({(town.vpn.id, 1)}))).state
    assert {(d.mtu, d.if_id) for d in state.values() if isinstance(d, TunnelDevice)} == {(1400, 0)}


@pytest.mark.parametrize(
    ("phase2", "cipher", "mtu"),
    [
        (PhaseOptions(), None, 1406),
        (PhaseOptions(encryption=(Encryption.AES_GCM_16_256,)), None, 1438),
        (PhaseOptions(encryption=(Encryption.AES_CBC_128,), integrity=(Integrity.SHA1,)), None, 1422),
        (PhaseOptions(), Cipher(Encryption.AES_CBC_256, Integrity.SHA2_384), 1422),
        (PhaseOptions(), GCM, 1438),
    ],
)
def test_the_mtu_goes_by_what_is_negotiated_or_else_by_what_may_be(
    phase2: PhaseOptions, cipher: Cipher | None, mtu: int
) -> None:
    town = Town(wish=TunnelWish(others=TunnelOptions(phase2=phase2)))
    town.planner = Planner(replace(SETTINGS, data_plane=DataPlane.KERNEL))
    ciphers = frozenset({((town.vpn.id, 1), cipher)} if cipher is not None else ())
    state = town.wanted(Health(ciphers=ciphers)).state
    device = state["link", OWN.of(town.vgw.id), "t1-1"]
    assert isinstance(device, TunnelDevice)
    assert device.mtu == mtu


def test_a_tunnels_options_are_what_its_endpoint_is_told() -> None:
    town = Town(
        wish=TunnelWish(
            others=TunnelOptions(
                ike_versions=(IkeVersion.IKEV1,),
                phase1=PhaseOptions((Encryption.AES_CBC_256,), (Integrity.SHA2_256,), (Group.MODP_2048,), 7_200),
                phase2=PhaseOptions(lifetime_seconds=1_800),
                rekey_margin_seconds=600,
                rekey_fuzz_percentage=0,
                dpd_timeout_seconds=60,
            )
        )
    )
    one, two = ike(town), ike(town, 2)
    assert one.versions == (IkeVersion.IKEV1,)
    assert one.ike == Transforms((Encryption.AES_CBC_256,), (Integrity.SHA2_256,), (Group.MODP_2048,))
    assert one.esp == PHASE_2
    assert (one.ike_lifetime, one.child_lifetime, one.rekey_margin, one.rekey_fuzz) == (7_200, 1_800, 600, 0)
    assert (one.dpd_timeout, one.dpd_delay) == (60, 20)
    assert (two.versions, two.ike, two.esp) == (tuple(IkeVersion), PHASE_1, PHASE_2)
    assert (two.ike_lifetime, two.child_lifetime, two.rekey_margin, two.rekey_fuzz) == (28_800, 3_600, 270, 100)
    assert (two.local_ts, two.remote_ts) == ((INTERNET,), (INTERNET,))


@pytest.mark.parametrize("policy", [CryptoPolicy.MODERN, CryptoPolicy.CNSA])
def test_the_policy_decides_where_nothing_is_named(policy: CryptoPolicy) -> None:
    town = Town()
    town.planner = Planner(replace(SETTINGS, crypto_policy=policy))
    found = ike(town)
    assert found.versions == (IkeVersion.IKEV2,)
    for one in (*found.ike.integrity, *found.ike.groups, *found.esp.integrity, *found.esp.groups):
        assert admits(policy, one)
    assert Group.ECP_384 in found.esp.groups
    assert (Encryption.AES_CBC_128 in found.ike.encryption) is (policy is CryptoPolicy.MODERN)


def test_traffic_selectors_cover_the_ends_of_the_tunnel_and_libipsec_has_an_address_in_each_of_ours() -> None:
    town = Town(cloud_network=IPv4Network("10.0.0.0/16"), customer_network=LAN)
    found, tunnel = ike(town), town.vpn.tunnels[0]
    assert found.local_ts == (IPv4Network("10.0.0.0/16"), IPv4Network(tunnel.cloud_inside))
    assert found.remote_ts == (LAN, IPv4Network(tunnel.customer_inside))
    state = town.wanted().state
    check(state, state.values())
    anchors = {
        item.address
        for item in state.values()
        if isinstance(item, Address) and item.link == "lo" and item.namespace == found.namespace
    }
    assert {str(address) for address in anchors} == {"10.0.0.1/32", f"{tunnel.cloud_inside}/32"}
    town.planner = Planner(replace(SETTINGS, data_plane=DataPlane.KERNEL))
    assert not [item for item in town.wanted().state.values() if isinstance(item, Address) and item.link == "lo"]
