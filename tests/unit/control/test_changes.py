"""Changes of VPN connections: only what is named, nothing where something is wrong, and one tunnel at a time."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network

import pytest
from support import START, Cloud

from landbridge.control.base import PSK_GRACE, Command
from landbridge.control.changes import ModifySelectors, ModifyTunnel, MoveVpnConnection, ReplaceTunnel
from landbridge.control.customer_gateways import CreateCustomerGateway, DeleteCustomerGateway
from landbridge.control.lifecycle import MarkBuilt, MarkGone
from landbridge.control.maintenance import WAITS_FOR, Maintain
from landbridge.control.rollout import (
    CHANGE_WITHIN,
    FIRST_BACK_WITHIN,
    LAST_BACK_WITHIN,
    LEAVE_WITHIN,
    SETTLE,
    Advance,
    Progress,
    settling,
)
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpn_connections import CreateVpnConnection, DeleteVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway, DeleteVpnGateway
from landbridge.model.crypto import CryptoPolicy, Encryption, IkeVersion, PhaseOptions
from landbridge.model.errors import (
    Combination,
    ConnectionExists,
    ConnectionUnavailable,
    InsideCidrInUse,
    Invalid,
    LandbridgeError,
    NotFound,
    Unsupported,
    WrongState,
)
from landbridge.model.in_force import calls_back, is_away, is_changing, parts
from landbridge.model.resources import State
from landbridge.model.secret import Secret
from landbridge.model.vpn import DpdAction, Stage, Tunnel, TunnelLog, TunnelOptions, VpnConnection

NEW = Secret("The_new.key_1")
BOTH = frozenset({1, 2})


class Office(Cloud):
    """A cloud with one connection that is available."""

    def __init__(self, *, builds: bool = True, policy: CryptoPolicy = CryptoPolicy.AWS, static: bool = True) -> None:
        super().__init__(builds=builds, crypto_policy=policy)
        self.vgw = self.run(CreateVpnGateway()).id
        self.cgw = self.run(CreateCustomerGateway(IPv4Address("203.0.113.7"), 65_001)).id
        self.id: str = self.run(CreateVpnConnection(self.vgw, self.cgw, static_only=static)).id
        self.run(MarkBuilt(frozenset({self.id, self.vgw})))

    @property
    def now_is(self) -> VpnConnection:
        found = self.snapshot.get(VpnConnection, self.id)
        assert found is not None
        return found

    def tunnel(self, number: int = 1) -> Tunnel:
        return self.now_is.tunnels[number - 1]

    def modify(self, number: int = 1, skip: bool | None = None, **options: object) -> None:
        inside, psk = options.pop("inside", None), options.pop("psk", None)
        wish = TunnelWish(inside=inside, psk=psk, others=TunnelOptions(**options))  # type: ignore[arg-type]
        self.run(ModifyTunnel(self.id, number, wish, skip))

    def refuses(self, error: type[LandbridgeError], command: Command) -> str:
        """Refused, and nothing has changed."""
        before = self.snapshot
        with pytest.raises(error) as caught:
            self.run(command)
        assert self.snapshot is before
        return caught.value.message

    def see(
        self, *, ready: bool = True, gone: bool = True, up: frozenset[int] = BOTH, after: timedelta = SETTLE
    ) -> str:
        """Let time pass and this be seen; the stage after that, or the state if there is none."""
        self.later(after)
        change = self.now_is.change
        assert change is not None
        self.run(Advance({self.id: Progress(change, ready, gone, up)}))
        change = self.now_is.change
        return str(change.stage) if change else str(self.now_is.state)


def moment() -> timedelta:
    return timedelta(seconds=0.1)


# --- one tunnel -------------------------------------------------------------------------------------------------------


def test_only_what_is_given_changes() -> None:
    office = Office(builds=False)
    office.modify(2, dpd_timeout_seconds=60, phase1=PhaseOptions(encryption=(Encryption.AES_CBC_256,)))
    office.modify(2, dpd_timeout_action=DpdAction.NONE, phase1=PhaseOptions(lifetime_seconds=7200))
    assert office.now_is.state is State.AVAILABLE
    assert office.tunnel(1).options == TunnelOptions()
    assert office.tunnel(2).options == TunnelOptions(
        dpd_timeout_seconds=60,
        dpd_timeout_action=DpdAction.NONE,
        phase1=PhaseOptions(encryption=(Encryption.AES_CBC_256,), lifetime_seconds=7200),
    )


def test_a_log_is_turned_on_and_off_without_touching_the_tunnel() -> None:
    office = Office()
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:vpn"
    office.modify(1, log=TunnelLog(enabled=True, group_arn=arn))
    assert office.now_is.state is State.AVAILABLE
    assert office.tunnel(1).options.log == TunnelLog(enabled=True, group_arn=arn)
    office.modify(1, log=TunnelLog(enabled=False), bgp_log=TunnelLog(enabled=False))
    assert office.tunnel(1).options.log == TunnelLog(enabled=False, group_arn=arn)
    assert office.tunnel(1).options.bgp_log == TunnelLog(enabled=False)
    bare = TunnelWish(others=TunnelOptions(bgp_log=TunnelLog(enabled=True)))
    office.refuses(Combination, ModifyTunnel(office.id, 1, bare))


@pytest.mark.parametrize(
    ("error", "wish"),
    [
        (Invalid, TunnelWish(psk=Secret("0short"))),
        (Invalid, TunnelWish(inside=IPv4Network("169.254.5.0/30"))),
        (Invalid, TunnelWish(others=TunnelOptions(phase2=PhaseOptions(lifetime_seconds=100)))),
        (Invalid, TunnelWish(others=TunnelOptions(phase1=PhaseOptions(lifetime_seconds=1_000)))),
        (Unsupported, TunnelWish(others=TunnelOptions(ike_versions=(IkeVersion.IKEV1,)))),
    ],
)
def test_what_is_wrong_changes_nothing(error: type[LandbridgeError], wish: TunnelWish) -> None:
    """The third is wrong together with what is there only, the last under the policy."""
    office = Office(policy=CryptoPolicy.MODERN)
    office.refuses(error, ModifyTunnel(office.id, 1, wish))


def test_who_can_be_changed() -> None:
    office = Office()
    nothing = TunnelWish(others=TunnelOptions(dpd_timeout_seconds=50))
    office.refuses(NotFound, ModifyTunnel("vpn-0123456789abcdef0", 1, nothing))
    office.modify(1, dpd_timeout_seconds=50)
    for command in (
        ModifyTunnel(office.id, 2, nothing),
        ReplaceTunnel(office.id, 2),
        ModifySelectors(office.id, IPv4Network("10.0.0.0/8")),
        MoveVpnConnection(office.id, customer_gateway_id=office.cgw),
    ):
        assert "modifying" in office.refuses(ConnectionUnavailable, command)
    office.run(DeleteVpnConnection(office.id))
    assert office.now_is.state is State.DELETING
    assert office.now_is.change is None
    office.run(MarkGone(frozenset({office.id})))
    office.refuses(NotFound, ReplaceTunnel(office.id, 1))


def test_inside_addresses_stay_unique() -> None:
    office = Office(builds=False)
    other = office.run(CreateCustomerGateway(IPv4Address("203.0.113.8"), 65_002)).id
    taken = office.run(CreateVpnConnection(office.vgw, other, static_only=True)).tunnels[0].inside
    for cidr in (taken, office.tunnel(2).inside):
        office.refuses(InsideCidrInUse, ModifyTunnel(office.id, 1, TunnelWish(inside=cidr)))
    office.modify(1, inside=office.tunnel(1).inside)
    office.modify(1, inside=IPv4Network("169.254.99.0/30"))
    assert office.tunnel(1).inside == IPv4Network("169.254.99.0/30")
    assert office.tunnel(1).options.inside_cidr_set


def test_what_is_so_already_changes_nothing() -> None:
    office = Office()
    before = office.snapshot
    office.run(ModifySelectors(office.id, IPv4Network("0.0.0.0/0"), None))
    office.run(MoveVpnConnection(office.id, office.vgw, office.cgw))
    assert office.snapshot is before


# --- stage by stage ---------------------------------------------------------------------------------------------------


def test_traffic_leaves_first_and_the_tunnel_is_up_again_last() -> None:
    office = Office()
    old = office.now_is
    office.modify(1, dpd_timeout_seconds=60)
    assert (office.now_is.state, office.now_is.drained) == (State.MODIFYING, 1)
    assert office.see(ready=False, after=moment()) == "leaving"
    assert office.see(after=moment()) == "left"
    assert office.see(after=SETTLE - moment()) == "left"
    [waiting, other] = parts(office.now_is)
    assert waiting.tunnels == (old.tunnels[0],)
    assert other.tunnels == (old.tunnels[1],)
    assert office.see(after=moment()) == "changing"
    [whole] = parts(office.now_is)
    assert whole.tunnels == office.now_is.tunnels != old.tunnels
    assert is_changing(office.now_is, 1)
    assert calls_back(office.now_is, 1)
    assert not calls_back(office.now_is, 2)
    assert office.see(ready=False) == "changing"
    assert office.see() == "returning"
    assert office.see(after=moment()) == "returning", "what is seen so soon may be from before"
    assert office.see(up=frozenset({2})) == "returning"
    assert office.see() == "available"
    assert office.now_is.change is None


@pytest.mark.parametrize("up", [frozenset[int](), frozenset({1}), frozenset({2})])
def test_where_there_is_nothing_to_lose_or_nowhere_to_go_nobody_waits(up: frozenset[int]) -> None:
    office = Office()
    office.modify(1, dpd_timeout_seconds=60)
    assert office.see(ready=False, up=up, after=moment()) == "changing"
    assert calls_back(office.now_is, 1) == (1 in up)
    assert office.see(up=up) == ("returning" if 1 in up else "available")


def test_the_other_tunnel_goes_down_while_traffic_leaves() -> None:
    office = Office()
    office.modify(1, dpd_timeout_seconds=60)
    office.see()
    assert office.see(up=frozenset({1}), after=moment()) == "changing"


def test_no_stage_lasts_for_ever() -> None:
    office = Office()
    office.modify(1, dpd_timeout_seconds=60)
    assert office.see(ready=False, after=LEAVE_WITHIN) == "changing"
    assert office.see(ready=False, after=CHANGE_WITHIN - moment()) == "changing"
    assert office.see(ready=False, after=moment()) == "returning", "a peer refuses, or this machine is at fault"
    assert office.see(up=frozenset(), after=LAST_BACK_WITHIN - moment()) == "returning"
    assert office.see(up=frozenset(), after=moment()) == "available"


def test_what_cannot_be_taken_away_is_not_waited_for_for_ever() -> None:
    office = Office()
    office.run(ReplaceTunnel(office.id, 2))
    assert [office.see(), office.see()] == ["left", "removing"]
    assert office.see(gone=False, after=CHANGE_WITHIN - moment()) == "removing"
    assert office.see(gone=False, after=moment()) == "changing"


def test_where_bfd_is_slow_the_other_end_is_given_longer() -> None:
    assert settling(timedelta(milliseconds=900)) == SETTLE
    assert settling(timedelta(seconds=30)) == timedelta(seconds=61)
    office = Office()
    office.modify(1, dpd_timeout_seconds=60)
    office.see()
    office.later(SETTLE)
    change = office.now_is.change
    assert change is not None
    office.run(Advance({office.id: Progress(change, True, True, BOTH, settling(timedelta(seconds=30)))}))
    assert office.now_is.change == change


def test_an_endpoint_that_is_replaced_is_away_for_a_moment() -> None:
    office = Office()
    office.run(ReplaceTunnel(office.id, 2))
    assert [office.see(), office.see()] == ["left", "removing"]
    assert is_away(office.now_is, 2)
    assert not is_away(office.now_is, 1)
    assert office.see(gone=False) == "removing"
    assert [office.see(), office.see(), office.see()] == ["changing", "returning", "available"]
    assert office.tunnel(2).maintained == office.now
    assert office.tunnel(1).maintained is None


def test_the_second_tunnel_waits_for_the_first() -> None:
    office = Office()
    office.run(ModifySelectors(office.id, IPv4Network("192.168.0.0/16"), IPv4Network("10.0.0.0/8")))
    assert [office.see(), office.see(), office.see()] == ["left", "changing", "returning"]
    [old, new] = parts(office.now_is)
    assert [tunnel.number for tunnel in old.tunnels] == [2]
    assert old.connection.cloud_network == IPv4Network("0.0.0.0/0")
    assert new.connection.cloud_network == IPv4Network("10.0.0.0/8")
    assert office.see(up=frozenset({2}), after=LAST_BACK_WITHIN) == "returning"
    assert office.see() == "leaving"
    assert office.now_is.drained == 2
    assert [office.see(), office.see(), office.see(), office.see()] == ["left", "changing", "returning", "available"]
    assert len(parts(office.now_is)) == 1


def test_the_second_tunnel_does_not_wait_for_ever() -> None:
    office = Office()
    office.run(ModifySelectors(office.id, IPv4Network("192.168.0.0/16"), None))
    office.see(), office.see(), office.see()
    assert office.see(up=frozenset({2}), after=FIRST_BACK_WITHIN) == "leaving"
    assert office.see(up=frozenset({2})) == "changing", "there is nowhere to go: the change is what was asked for"


def test_what_was_seen_of_another_stage_says_nothing() -> None:
    office = Office()
    office.modify(1, dpd_timeout_seconds=60)
    change = office.now_is.change
    assert change is not None
    office.see()
    office.run(Advance({office.id: Progress(change, True, True, BOTH)}))
    assert office.now_is.change is not None
    assert office.now_is.change.stage is Stage.LEFT


# --- keys -------------------------------------------------------------------------------------------------------------


def test_the_old_key_connects_for_the_grace_time() -> None:
    office = Office()
    old = office.tunnel(1).psk
    office.modify(1, psk=NEW)
    assert (office.tunnel(1).psk, office.tunnel(1).old_psk) == (NEW, old)
    assert office.tunnel(1).old_psk_until == START + PSK_GRACE
    office.see(up=frozenset())
    office.see()
    office.now = START + PSK_GRACE - moment()
    office.run(Advance({}))
    assert office.tunnel(1).old_psk == old
    office.later(moment())
    office.run(Advance({}))
    assert (office.tunnel(1).psk, office.tunnel(1).old_psk, office.tunnel(1).old_psk_until) == (NEW, None, None)


def test_of_three_keys_the_first_is_out_and_the_key_in_force_ends_the_grace_time() -> None:
    office = Office()
    office.modify(1, psk=NEW)
    office.see(up=frozenset()), office.see()
    office.modify(1, psk=Secret("The_third.key"))
    assert office.tunnel(1).old_psk == NEW
    office.see(up=frozenset()), office.see()
    office.modify(1, psk=Secret("The_third.key"))
    assert office.tunnel(1).old_psk is None
    assert office.now_is.state is State.AVAILABLE, "no tunnel has to be touched for that"


# --- gateways ---------------------------------------------------------------------------------------------------------


def test_a_connection_is_at_both_gateways_until_it_has_moved() -> None:
    office = Office()
    there = office.run(CreateVpnGateway(64_600)).id
    with_nice = office.run(CreateCustomerGateway(IPv4Address("203.0.113.9"), 65_009)).id
    other = office.run(CreateVpnConnection(there, with_nice, static_only=True))
    office.run(MoveVpnConnection(office.id, there))
    assert office.now_is.number != other.number
    office.refuses(WrongState, DeleteVpnGateway(office.vgw))
    for expected in ("left", "changing", "returning", "leaving"):
        assert office.see() == expected
    [old, new] = parts(office.now_is)
    assert (old.connection.vpn_gateway_id, new.connection.vpn_gateway_id) == (office.vgw, there)
    for expected in ("left", "changing", "returning", "available"):
        assert office.see() == expected
    office.run(DeleteVpnGateway(office.vgw))


def test_where_a_connection_cannot_move_to() -> None:
    office = Office(static=False)
    nice = office.run(CreateCustomerGateway(IPv4Address("203.0.113.9"), 65_009)).id
    office.run(CreateVpnConnection(office.vgw, nice))
    office.refuses(ConnectionExists, MoveVpnConnection(office.id, customer_gateway_id=nice))
    same_asn = office.run(CreateVpnGateway(65_001)).id
    office.refuses(Combination, MoveVpnConnection(office.id, vpn_gateway_id=same_asn))
    gone = office.run(CreateCustomerGateway(IPv4Address("203.0.113.10"), 65_010)).id
    office.run(DeleteCustomerGateway(gone))
    office.refuses(LandbridgeError, MoveVpnConnection(office.id, customer_gateway_id=gone))
    office.refuses(NotFound, MoveVpnConnection(office.id, "vgw-0123456789abcdef0"))
    there = office.run(CreateVpnGateway(64_600)).id
    lima = office.run(CreateCustomerGateway(IPv4Address("203.0.113.11"), 65_011)).id
    inside = TunnelWish(inside=office.tunnel(1).inside)
    office.run(CreateVpnConnection(there, lima, wishes=(inside, TunnelWish())))
    office.refuses(InsideCidrInUse, MoveVpnConnection(office.id, vpn_gateway_id=there))


# --- maintenance ------------------------------------------------------------------------------------------------------


def outdated(office: Office, *numbers: int, up: frozenset[int] = BOTH) -> None:
    of = frozenset((office.id, number) for number in numbers)
    office.run(Maintain(of, frozenset((office.id, number) for number in up)))


def test_an_outdated_endpoint_is_replaced_by_itself_when_the_other_is_up() -> None:
    office = Office()
    outdated(office, 1, up=frozenset({1}))
    assert office.now_is.state is State.AVAILABLE
    assert office.tunnel(1).outdated_since == START
    office.later(timedelta(days=1))
    outdated(office, 1, 2)
    assert (office.now_is.state, office.now_is.drained) == (State.MODIFYING, 1)
    for expected in ("left", "removing", "changing", "returning", "available"):
        assert office.see() == expected
    assert (office.tunnel(1).outdated_since, office.tunnel(1).maintained) == (None, office.now)
    outdated(office, 2)
    assert office.now_is.drained == 2


def test_with_lifecycle_control_it_waits_for_its_owner_but_not_for_ever() -> None:
    office = Office()
    office.modify(1, skip=True, lifecycle_control=True)
    assert office.now_is.state is State.AVAILABLE
    outdated(office, 1)
    assert office.now_is.state is State.AVAILABLE
    office.later(WAITS_FOR)
    outdated(office, 1, up=frozenset())
    assert office.now_is.drained == 1


def test_what_is_not_outdated_any_more_is_not_pending() -> None:
    office = Office()
    office.modify(1, skip=True, lifecycle_control=True)
    outdated(office, 1)
    outdated(office)
    assert office.tunnel(1).outdated_since is None


def test_switching_lifecycle_control_replaces_the_endpoint_unless_that_is_skipped() -> None:
    office = Office()
    office.modify(1, lifecycle_control=True)
    assert office.now_is.change is not None
    assert office.now_is.change.anew
    for _ in range(3):
        office.see(up=frozenset())
    office.modify(1, skip=True, lifecycle_control=False)
    assert office.now_is.state is State.AVAILABLE
    wish = TunnelWish(others=TunnelOptions(dpd_timeout_seconds=50))
    office.refuses(Combination, ModifyTunnel(office.id, 1, wish, True))
