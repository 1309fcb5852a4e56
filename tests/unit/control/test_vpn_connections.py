"""VPN connections: two tunnels always, their three promises, who may have what, and what is refused."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Cloud, SeededEntropy

from landbridge.control.base import PLAIN_POOLS, Pools
from landbridge.control.customer_gateways import CreateCustomerGateway, DeleteCustomerGateway
from landbridge.control.lifecycle import Expire, MarkBuilt, MarkGone, waiting
from landbridge.control.tunnels import INSIDE_RANGE, RESERVED_INSIDE, TunnelWish, Wishes
from landbridge.control.vpcs import CreateVpc
from landbridge.control.vpn_connections import CreateVpnConnection, DeleteVpnConnection, SetVpnConnection
from landbridge.control.vpn_gateways import AttachVpnGateway, CreateVpnGateway, DeleteVpnGateway
from landbridge.control.vpn_routes import CreateVpnConnectionRoute, DeleteVpnConnectionRoute
from landbridge.model.crypto import CryptoPolicy, Encryption, Group, IkeVersion, Integrity, PhaseOptions
from landbridge.model.errors import (
    Combination,
    ConnectionExists,
    ConnectionIsDynamic,
    ConnectionRouteNotFound,
    ConnectionUnavailable,
    CustomerGatewayUnavailable,
    InsideCidrInUse,
    Invalid,
    LandbridgeError,
    NotFound,
    PoolExhausted,
    Unsupported,
    VpnGatewayUnavailable,
    WrongState,
)
from landbridge.model.resources import State
from landbridge.model.secret import Secret
from landbridge.model.vpn import DpdAction, StartupAction, VpnConnection

KEY = "Just_a.Key_1"
NOTHING = TunnelWish()


def site(cloud: Cloud, number: int = 1) -> str:
    identity: str = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.2") + number, 65000 + number)).id
    return identity


def hub(cloud: Cloud) -> str:
    identity: str = cloud.run(CreateVpnGateway()).id
    return identity


def connect(cloud: Cloud, gateway: str, customer: str, *wishes: TunnelWish, static: bool = False) -> VpnConnection:
    first, second, *_ = (*wishes, NOTHING, NOTHING)
    made: VpnConnection = cloud.run(CreateVpnConnection(gateway, customer, static, (first, second)))
    return made


def wish(cidr: str) -> TunnelWish:
    return TunnelWish(inside=IPv4Network(cidr))


def refused(cloud: Cloud, error: type[LandbridgeError], command: object) -> str:
    """The message of a refusal that changed nothing."""
    before = cloud.snapshot
    with pytest.raises(error) as caught:
        cloud.run(command)  # type: ignore[arg-type]
    assert cloud.snapshot is before
    return caught.value.message


def found(cloud: Cloud, connection: VpnConnection) -> VpnConnection:
    now = cloud.snapshot.get(VpnConnection, connection.id)
    assert now is not None
    return now


def settle(cloud: Cloud) -> None:
    keys = waiting(cloud.snapshot)
    cloud.run(MarkBuilt(frozenset(keys.built)))
    cloud.run(MarkGone(frozenset(keys.gone)))


def test_two_tunnels_with_everything_of_their_own() -> None:
    cloud = Cloud(builds=True)
    made = connect(cloud, hub(cloud), site(cloud))
    one, two = made.tunnels
    assert (made.state, one.number, two.number, made.number) == (State.PENDING, 1, 2, 1)
    assert len({one.outside, two.outside}) == len({one.inside, two.inside}) == len({one.psk, two.psk}) == 2
    for tunnel in made.tunnels:
        key = tunnel.psk.reveal()
        assert len(key) == 32
        assert key[0] != "0"
        assert set(key) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._")
        assert IPv4Address("203.0.113.128") <= tunnel.outside <= IPv4Address("203.0.113.254")
        assert tunnel.options.dpd_timeout == 30
        assert tunnel.options.startup is StartupAction.ADD
        assert tunnel.options.dpd_timeout_seconds is None
    settle(cloud)
    assert found(cloud, made).state is State.AVAILABLE


def test_wishes_are_granted_and_remembered_and_the_other_tunnel_gets_defaults() -> None:
    cloud = Cloud()
    wished = TunnelWish(
        inside=IPv4Network("169.254.10.0/30"),
        psk=Secret(KEY),
        dpd_timeout_seconds=45,
        dpd_action=DpdAction.RESTART,
        startup=StartupAction.START,
    )
    one, two = connect(cloud, hub(cloud), site(cloud), wished).tunnels
    assert (one.inside, one.psk.reveal()) == (IPv4Network("169.254.10.0/30"), KEY)
    assert (str(one.cloud_inside), str(one.customer_inside)) == ("169.254.10.1", "169.254.10.2")
    assert (one.options.dpd_timeout, one.options.dpd_action, one.options.startup) == (
        45,
        DpdAction.RESTART,
        StartupAction.START,
    )
    assert one.options.inside_cidr_set
    assert not two.options.inside_cidr_set


@pytest.mark.parametrize(
    "key", ["short77", "x" * 65, "0startsWithZero", "has space", "has-dash-", "", "ünïcödé1", "x" * 9 + "\n"]
)
def test_impossible_keys_are_refused_without_being_told(key: str) -> None:
    cloud = Cloud()
    gateway, customer = hub(cloud), site(cloud)
    wishes: Wishes = (NOTHING, TunnelWish(psk=Secret(key)))
    message = refused(cloud, Invalid, CreateVpnConnection(gateway, customer, wishes=wishes))
    assert "PreSharedKey" in message
    assert not key or key not in message


@pytest.mark.parametrize("cidr", ["169.254.10.0/29", "169.254.10.0/31", "10.0.0.0/30", "169.255.0.0/30", "0.0.0.0/0"])
def test_impossible_inside_cidrs(cidr: str) -> None:
    cloud = Cloud()
    gateway, customer = hub(cloud), site(cloud)
    assert cidr in refused(cloud, Invalid, CreateVpnConnection(gateway, customer, wishes=(wish(cidr), NOTHING)))


@pytest.mark.parametrize("cidr", sorted(RESERVED_INSIDE))
def test_reserved_inside_cidrs(cidr: IPv4Network) -> None:
    cloud = Cloud()
    gateway, customer = hub(cloud), site(cloud)
    command = CreateVpnConnection(gateway, customer, wishes=(NOTHING, TunnelWish(inside=cidr)))
    assert "reserved" in refused(cloud, Invalid, command)


@pytest.mark.parametrize(
    ("policy", "wished", "told"),
    [
        (
            CryptoPolicy.MODERN,
            TunnelWish(
                ike_versions=tuple(IkeVersion),
                phase1=PhaseOptions(groups=(Group.MODP_1024, Group.MODP_2048)),
                phase2=PhaseOptions(integrity=(Integrity.SHA1,)),
            ),
            "IKEv1, Diffie-Hellman group 2, SHA1",
        ),
        (CryptoPolicy.MODERN, TunnelWish(phase2=PhaseOptions(groups=(Group.MODP_1024_160,))), "group 22"),
        (CryptoPolicy.CNSA, TunnelWish(phase1=PhaseOptions(encryption=(Encryption.AES_GCM_16_128,))), "AES128-GCM-16"),
        (CryptoPolicy.CNSA, TunnelWish(phase2=PhaseOptions(groups=(Group.ECP_256,))), "group 19"),
    ],
)
def test_what_the_crypto_policy_does_not_admit_is_refused_by_name(
    policy: CryptoPolicy, wished: TunnelWish, told: str
) -> None:
    strict, wishes = Cloud(crypto_policy=policy), (NOTHING, wished)
    message = refused(strict, Unsupported, CreateVpnConnection(hub(strict), site(strict), wishes=wishes))
    assert told in message
    assert str(policy) in message
    assert "group 14" not in message
    parity = Cloud()
    assert connect(parity, hub(parity), site(parity), wished).tunnels[0].options == wished.options


@pytest.mark.parametrize("policy", CryptoPolicy)
def test_every_policy_takes_what_names_nothing(policy: CryptoPolicy) -> None:
    cloud = Cloud(crypto_policy=policy)
    connect(cloud, hub(cloud), site(cloud), TunnelWish(phase1=PhaseOptions(lifetime_seconds=3_601)))


@pytest.mark.parametrize("seconds", [-1, 0, 29, 86_401])
def test_impossible_timeouts(seconds: int) -> None:
    cloud = Cloud()
    gateway, customer = hub(cloud), site(cloud)
    wishes: Wishes = (TunnelWish(dpd_timeout_seconds=seconds), NOTHING)
    assert str(seconds) in refused(cloud, Invalid, CreateVpnConnection(gateway, customer, wishes=wishes))


def test_inside_cidrs_are_unique_on_a_gateway_and_not_beyond() -> None:
    cloud = Cloud()
    gateway, other = hub(cloud), hub(cloud)
    first = connect(cloud, gateway, site(cloud, 1), wish("169.254.10.0/30"))
    second = site(cloud, 2)
    taken: Wishes = (NOTHING, wish("169.254.10.0/30"))
    assert first.id in refused(cloud, InsideCidrInUse, CreateVpnConnection(gateway, second, wishes=taken))
    twice: Wishes = (wish("169.254.11.0/30"), wish("169.254.11.0/30"))
    refused(cloud, InsideCidrInUse, CreateVpnConnection(gateway, second, wishes=twice))
    connect(cloud, other, second, wish("169.254.10.0/30"))
    cloud.run(DeleteVpnConnection(first.id))
    connect(cloud, gateway, second, wish("169.254.10.0/30"))


def test_the_same_request_gives_the_same_connection_and_another_is_a_conflict() -> None:
    cloud = Cloud(builds=True)
    gateway, customer = hub(cloud), site(cloud)
    wished = TunnelWish(psk=Secret(KEY), inside=IPv4Network("169.254.10.0/30"))
    made = connect(cloud, gateway, customer, wished)
    before = cloud.snapshot
    assert connect(cloud, gateway, customer, wished) == made
    assert cloud.snapshot is before
    different: list[tuple[Wishes, bool]] = [
        ((NOTHING, NOTHING), False),
        ((wished, NOTHING), True),
        ((NOTHING, wished), False),
        ((TunnelWish(psk=Secret("Another.Key"), inside=wished.inside), NOTHING), False),
        ((TunnelWish(psk=wished.psk), NOTHING), False),
        ((wished, TunnelWish(dpd_timeout_seconds=30)), False),
    ]
    for wishes, static in different:
        message = refused(cloud, ConnectionExists, CreateVpnConnection(gateway, customer, static, wishes))
        assert made.id in message
        assert KEY not in message
    cloud.run(DeleteVpnConnection(made.id))
    again = connect(cloud, gateway, customer)
    assert (again.id != made.id, again.number) == (True, 2)


def test_the_gateways_have_to_be_there() -> None:
    cloud = Cloud()
    gateway, customer = hub(cloud), site(cloud)
    refused(cloud, NotFound, CreateVpnConnection("vgw-0123456789abcdef0", customer))
    refused(cloud, NotFound, CreateVpnConnection(gateway, "cgw-0123456789abcdef0"))
    cloud.run(DeleteCustomerGateway(customer))
    refused(cloud, CustomerGatewayUnavailable, CreateVpnConnection(gateway, customer))
    cloud.run(DeleteVpnGateway(gateway))
    refused(cloud, VpnGatewayUnavailable, CreateVpnConnection(gateway, site(cloud, 2)))


def test_bgp_needs_two_asns_and_static_routing_does_not() -> None:
    cloud = Cloud()
    gateway = hub(cloud)
    customer = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.9"), 64512)).id
    assert "64512" in refused(cloud, Combination, CreateVpnConnection(gateway, customer))
    connect(cloud, gateway, customer, static=True)


def test_numbers_are_reused_when_free() -> None:
    cloud = Cloud()
    gateway = hub(cloud)
    made = [connect(cloud, gateway, site(cloud, n)) for n in range(3)]
    assert [connection.number for connection in made] == [1, 2, 3]
    cloud.run(DeleteVpnConnection(made[1].id))
    assert connect(cloud, gateway, site(cloud, 7)).number == 2
    assert connect(cloud, hub(cloud), site(cloud, 8)).number == 1


# --- outside addresses ------------------------------------------------------------------------------------------------

FEW = Pools(
    outside=IPv4Network("203.0.113.0/24"),
    outside_first=97,
    outside_last=102,
    public=IPv4Network("198.51.100.0/24"),
    sites=None,
)
"""Six addresses whose order as text is another than as numbers."""


class Stubborn(SeededEntropy):
    """Draws the same number again and again: the /30 that is taken, or wished for, or reserved."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def below(self, bound: int) -> int:
        return self._number % bound


def outsides(connection: VpnConnection) -> set[str]:
    return {str(tunnel.outside) for tunnel in connection.tunnels}


def test_the_first_outside_address_sorts_first_as_text() -> None:
    cloud = Cloud(pools=FEW)
    gateway = hub(cloud)
    made = [connect(cloud, gateway, site(cloud, n)) for n in range(3)]
    assert [[str(t.outside) for t in connection.tunnels] for connection in made] == [
        ["203.0.113.97", "203.0.113.98"],
        ["203.0.113.100", "203.0.113.99"],
        ["203.0.113.101", "203.0.113.102"],
    ]
    assert "outside" in refused(cloud, PoolExhausted, CreateVpnConnection(gateway, site(cloud, 9)))


def test_an_address_is_free_only_when_its_connection_is_deleted() -> None:
    cloud = Cloud(pools=FEW, builds=True)
    gateway = hub(cloud)
    made = [connect(cloud, gateway, site(cloud, n)) for n in range(3)]
    cloud.run(DeleteVpnConnection(made[0].id))
    refused(cloud, PoolExhausted, CreateVpnConnection(gateway, site(cloud, 9)))
    settle(cloud)
    assert outsides(connect(cloud, gateway, site(cloud, 9))) == outsides(made[0])


def test_the_longest_idle_address_is_taken_first_and_never_used_ones_before() -> None:
    cloud = Cloud(pools=FEW)
    gateway = hub(cloud)
    first, second = (connect(cloud, gateway, site(cloud, n)) for n in range(2))
    for connection in (second, first):
        cloud.later(timedelta(minutes=1))
        cloud.run(DeleteVpnConnection(connection.id))
    assert outsides(connect(cloud, gateway, site(cloud, 5))) == {"203.0.113.101", "203.0.113.102"}
    assert outsides(connect(cloud, gateway, site(cloud, 6))) == outsides(second)
    assert outsides(connect(cloud, gateway, site(cloud, 7))) == outsides(first)


def test_addresses_are_the_machines_whoever_asks() -> None:
    cloud = Cloud(pools=FEW)
    mine = connect(cloud, hub(cloud), site(cloud))
    other = "210987654321"
    gateway = cloud.run(CreateVpnGateway(), account=other)
    customer = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.9")), account=other)
    theirs = cloud.run(CreateVpnConnection(gateway.id, customer.id), account=other)
    assert not outsides(mine) & outsides(theirs)


def test_the_pool_without_a_lab() -> None:
    cloud = Cloud(pools=PLAIN_POOLS)
    assert outsides(connect(cloud, hub(cloud), site(cloud))) == {"198.18.1.0", "198.18.1.1"}


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 4), st.booleans(), st.sampled_from([None, 40, 44, 48])), max_size=30
    ),
    st.booleans(),
    st.sampled_from([0, 5 * 64 + 63, 12_850, 10_879, 16_383]),
)
def test_the_three_promises(steps: list[tuple[int, int, bool, int | None]], builds: bool, drawn: int) -> None:
    """Connections come and go in any order: outside addresses and inside CIDRs stay unique, order stays the text's."""
    cloud = Cloud(pools=FEW, builds=builds, entropy=Stubborn(drawn))
    gateways = [hub(cloud) for _ in range(2)]
    customers = [site(cloud, n) for n in range(5)]
    for g, c, delete, third in steps:
        living = [x for x in cloud.snapshot.all(VpnConnection) if x.state in (State.PENDING, State.AVAILABLE)]
        if delete and living:
            cloud.run(DeleteVpnConnection(living[c % len(living)].id))
            if third:
                settle(cloud)
        else:
            wished = NOTHING if third is None else wish(f"169.254.200.{third}/30")
            try:
                connect(cloud, gateways[g], customers[c], wished)
            except (PoolExhausted, InsideCidrInUse, ConnectionExists):
                continue
        there = [x for x in cloud.snapshot.all(VpnConnection) if x.state is not State.DELETED]
        tunnels = [(x.vpn_gateway_id, t) for x in there for t in x.tunnels]
        for (here, a), (there_, b) in combinations(tunnels, 2):
            assert a.outside != b.outside
            assert here != there_ or not a.inside.overlaps(b.inside)
        for connection in there:
            one, two = connection.tunnels
            assert str(one.outside) < str(two.outside)
            for tunnel in connection.tunnels:
                assert tunnel.inside.subnet_of(INSIDE_RANGE)
                assert tunnel.inside not in RESERVED_INSIDE
            assert not one.inside.overlaps(two.inside)
        numbers = [(x.vpn_gateway_id, x.number) for x in there]
        assert len(set(numbers)) == len(numbers)


def test_a_drawn_inside_cidr_is_not_the_one_that_the_other_tunnel_wishes() -> None:
    cloud = Cloud(entropy=Stubborn(10 * 64))
    one, two = connect(cloud, hub(cloud), site(cloud), NOTHING, wish("169.254.10.0/30")).tunnels
    assert (str(one.inside), str(two.inside)) == ("169.254.10.4/30", "169.254.10.0/30")


def test_a_device_never_gets_one_inside_cidr_twice_by_chance() -> None:
    """Two gateways may use the same /30, but here they lead to the same device."""
    cloud = Cloud(entropy=Stubborn(3000))
    customer = site(cloud)
    made = [connect(cloud, hub(cloud), customer) for _ in range(2)]
    assert len({tunnel.inside for connection in made for tunnel in connection.tunnels}) == 4


@given(st.from_regex(r"[A-Za-z1-9._][A-Za-z0-9._]{7,63}", fullmatch=True))
def test_keys_are_in_no_repr(key: str) -> None:
    cloud = Cloud()
    gateway, customer = hub(cloud), site(cloud)
    command = CreateVpnConnection(gateway, customer, wishes=(TunnelWish(psk=Secret(key)), NOTHING))
    made = cloud.run(command)
    assert made.tunnels[0].psk.reveal() == key
    # A short key may be a part of something else by chance ("landbridge"), so it is looked for where it would stand.
    assert f"'{key}'" not in repr(command) + repr(made) + repr(cloud.store.commits)
    assert repr(made).count("Secret(***)") == 2


# --- deletion and static routes ---------------------------------------------------------------------------------------


def test_deletion_takes_its_time_where_something_was_built() -> None:
    cloud = Cloud(builds=True)
    made = connect(cloud, hub(cloud), site(cloud))
    for _ in range(2):
        cloud.run(DeleteVpnConnection(made.id))
        assert found(cloud, made).state is State.DELETING
    settle(cloud)
    assert (found(cloud, made).state, found(cloud, made).deleted) == (State.DELETED, cloud.now)
    refused(cloud, NotFound, DeleteVpnConnection(made.id))
    cloud.later(timedelta(hours=2))
    cloud.run(Expire(cloud.now))
    assert cloud.snapshot.get(VpnConnection, made.id) is None


def test_deletion_is_done_at_once_where_nothing_was() -> None:
    cloud = Cloud(builds=False)
    made = connect(cloud, hub(cloud), site(cloud))
    cloud.run(DeleteVpnConnection(made.id))
    assert found(cloud, made).state is State.DELETED


SITE = IPv4Network("192.168.60.0/24")


def test_static_routes_come_and_go() -> None:
    cloud = Cloud(builds=True)
    made = connect(cloud, hub(cloud), site(cloud), static=True)
    add, take = CreateVpnConnectionRoute(made.id, SITE), DeleteVpnConnectionRoute(made.id, SITE)
    assert "pending" in refused(cloud, ConnectionUnavailable, add)
    settle(cloud)
    for _ in range(2):
        cloud.run(add)
        assert [r.state for r in found(cloud, made).routes] == [State.PENDING]
    settle(cloud)
    assert [r.state for r in found(cloud, made).routes] == [State.AVAILABLE]
    for _ in range(2):
        cloud.run(take)
        assert [r.state for r in found(cloud, made).routes] == [State.DELETING]
    settle(cloud)
    assert [r.state for r in found(cloud, made).routes] == [State.DELETED]
    assert str(SITE) in refused(cloud, ConnectionRouteNotFound, take)
    cloud.run(add)
    assert [r.state for r in found(cloud, made).routes] == [State.PENDING]


def test_a_connection_with_bgp_takes_no_static_routes() -> None:
    cloud = Cloud()
    made = connect(cloud, hub(cloud), site(cloud))
    refused(cloud, ConnectionIsDynamic, CreateVpnConnectionRoute(made.id, SITE))
    refused(cloud, ConnectionIsDynamic, DeleteVpnConnectionRoute(made.id, SITE))
    refused(cloud, NotFound, CreateVpnConnectionRoute("vpn-0123456789abcdef0", SITE))


@pytest.mark.parametrize("cidr", ["169.254.10.0/24", "127.0.0.0/8", "224.0.0.0/4", "255.255.255.255/32", "0.0.0.0/32"])
def test_prefixes_that_are_nobodys(cidr: str) -> None:
    cloud = Cloud()
    made = connect(cloud, hub(cloud), site(cloud), static=True)
    refused(cloud, Invalid, CreateVpnConnectionRoute(made.id, IPv4Network(cidr)))


def test_a_part_of_the_vpc_does_not_lie_behind_the_customer() -> None:
    cloud = Cloud()
    gateway = hub(cloud)
    made = connect(cloud, gateway, site(cloud), static=True)
    vpc = cloud.run(CreateVpc(IPv4Network("10.0.0.0/16")))
    cloud.run(AttachVpnGateway(gateway, vpc.id))
    assert vpc.id in refused(cloud, Invalid, CreateVpnConnectionRoute(made.id, IPv4Network("10.0.1.0/24")))
    for wider in ("10.0.0.0/8", "0.0.0.0/0"):
        cloud.run(CreateVpnConnectionRoute(made.id, IPv4Network(wider)))


def test_a_dry_run_changes_nothing() -> None:
    cloud = Cloud()
    command = CreateVpnConnection(hub(cloud), site(cloud))
    before = cloud.snapshot
    cloud.run(command, dry_run=True)
    assert cloud.snapshot is before


def test_how_packets_are_carried_is_set_one_by_one() -> None:
    cloud = Cloud()
    made = connect(cloud, hub(cloud), site(cloud))
    assert (made.clear_df, made.force_udp) == (False, False)
    cloud.run(SetVpnConnection(made.id, clear_df=True))
    cloud.run(SetVpnConnection(made.id, force_udp=True))
    changed = cloud.run(SetVpnConnection(made.id, clear_df=False))
    assert (changed.clear_df, changed.force_udp) == (False, True)
    before = cloud.snapshot
    assert cloud.run(SetVpnConnection(made.id, force_udp=True)) == changed
    assert cloud.snapshot is before


def test_what_is_going_or_not_there_carries_no_packets() -> None:
    cloud = Cloud(builds=True)
    refused(cloud, NotFound, SetVpnConnection("vpn-0123456789abcdef0", clear_df=True))
    made = connect(cloud, hub(cloud), site(cloud))
    cloud.run(SetVpnConnection(made.id, clear_df=True))
    cloud.run(DeleteVpnConnection(made.id))
    assert "deleting" in refused(cloud, WrongState, SetVpnConnection(made.id, clear_df=False))
