"""What a host should have while a connection is being changed, stage by stage."""

from __future__ import annotations

from dataclasses import replace

import pytest
from town import LAN, OWN, Town, ike

from landbridge.control.rollout import begun
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.desired.health import Health
from landbridge.desired.ike import Charon, IkeConnection
from landbridge.desired.links import TunnelDevice
from landbridge.model.secret import Secret
from landbridge.model.snapshot import Put
from landbridge.model.vpn import Stage, TunnelOptions, VpnConnection


@pytest.fixture
def town() -> Town:
    return Town()


def changing(town: Town, stage: Stage, *, was_up: bool = True, turn: tuple[int, ...] = (1,)) -> VpnConnection:
    """The connection at that stage of a change of its first tunnel, or of both."""
    stored = town.cloud.snapshot.get(VpnConnection, town.vpn.id)
    assert stored is not None
    before = stored if stored.change is None else town.vpn
    wished = replace(before.tunnels[0], psk=Secret("The_new.key_1"), options=TunnelOptions(dpd_timeout_seconds=60))
    begun_so = begun(before, replace(before, tunnels=(wished, before.tunnels[1])), turn, before.created, anew=True)
    assert begun_so.change is not None
    after = replace(begun_so, change=replace(begun_so.change, stage=stage, was_up=was_up))
    town.cloud.becomes(town.cloud.snapshot.apply((Put(after),)))
    return after


def charon(town: Town, number: int = 1) -> Charon | None:
    found = town.wanted().state.get(("charon", OWN.endpoint(town.vpn.id, number)))
    assert found is None or isinstance(found, Charon)
    return found


def test_what_is_in_force_at_which_stage_of_a_change(town: Town) -> None:
    other = ike(town, 2)
    for stage, timeout, key, initiates in (
        (Stage.LEAVING, 30, town.vpn.tunnels[0].psk, False),
        (Stage.LEFT, 30, town.vpn.tunnels[0].psk, False),
        (Stage.CHANGING, 60, Secret("The_new.key_1"), True),
        (Stage.RETURNING, 60, Secret("The_new.key_1"), True),
    ):
        changing(town, stage)
        found, told = charon(town), ike(town)
        assert found is not None
        assert (found.dpd_timeout, told.psk, told.initiate, told.renews) == (timeout, key, initiates, initiates)
        assert ike(town, 2) == other
        assert town.planner.wanted(town.cloud.snapshot, Health()).owners.keys() >= {town.vpn.id}


def test_an_endpoint_that_is_away_has_nothing_left(town: Town) -> None:
    changing(town, Stage.REMOVING)
    assert charon(town) is None
    assert charon(town, 2) is not None
    space = OWN.endpoint(town.vpn.id, 1)
    assert not [key for key, item in town.wanted().state.items() if space in (key[1], *(n[1] for n in item.needs))]


def test_one_that_was_down_is_not_called(town: Town) -> None:
    changing(town, Stage.RETURNING, was_up=False)
    assert not ike(town).initiate


@pytest.mark.parametrize("stage", Stage)
def test_both_ends_are_told_to_use_the_other_tunnel(town: Town, stage: Stage) -> None:
    before = town.gateway_speaker().sessions
    changing(town, stage)
    first, second = town.gateway_speaker().sessions
    assert (first.local_preference, second.local_preference) == (50, 100)
    assert (first.med, second.med) == (100, 50)
    assert (replace(first, local_preference=100), replace(second, med=100)) == before
    dead = town.gateway_speaker(Health(dead=frozenset({(town.vpn.id, 2)}))).sessions[1]
    assert dead.med == 100, "one that is dead is not praised"


def test_static_routes_avoid_a_tunnel_that_is_changed_and_it_is_the_last_resort() -> None:
    town = Town(static=True)
    both = frozenset({(town.vpn.id, 1), (town.vpn.id, 2)})
    changing(town, Stage.LEAVING)
    speaker = town.gateway_speaker(Health(up=both, bfd_seen=both))
    preferences = {s.link: (s.preference, s.bfd) for s in speaker.statics if s.destination == LAN}
    assert preferences == {"t1-1": (149, False), "t1-2": (198, True)}
    assert [link for link, _, _ in speaker.bfd_peers] == ["t1-2"]


def test_the_second_tunnel_stays_at_its_gateway_until_its_turn(town: Town) -> None:
    there = town.cloud.run(CreateVpnGateway(64_600))
    before = town.cloud.snapshot.get(VpnConnection, town.vpn.id)
    assert before is not None
    moved = begun(before, replace(before, vpn_gateway_id=there.id), (1, 2), before.created, anew=False)
    assert moved.change is not None
    moved = replace(moved, change=replace(moved.change, stage=Stage.RETURNING))
    town.cloud.becomes(town.cloud.snapshot.apply((Put(moved),)))
    devices = {item.name: item.namespace for item in town.wanted().state.values() if isinstance(item, TunnelDevice)}
    assert devices == {"t1-1": OWN.of(there.id), "t1-2": OWN.of(town.vgw.id)}
    assert len(town.gateway_speaker().sessions) == 1


def test_one_of_two_keys_is_loaded(town: Town) -> None:
    before = town.cloud.snapshot.get(VpnConnection, town.vpn.id)
    assert before is not None
    former, new = before.tunnels[0].psk, Secret("The_new.key_1")
    graced = replace(before.tunnels[0], psk=new, old_psk=former, old_psk_until=before.created)
    town.cloud.becomes(town.cloud.snapshot.apply((Put(replace(before, tunnels=(graced, before.tunnels[1]))),)))

    def loaded(*former_keys: int) -> list[Secret]:
        state = town.wanted(Health(former_keys=frozenset((town.vpn.id, n) for n in former_keys))).state
        found = [item for item in state.values() if isinstance(item, IkeConnection)]
        return [item.psk for item in sorted(found, key=lambda item: item.name)]

    assert loaded() == [new, before.tunnels[1].psk]
    assert loaded(1, 2) == [former, before.tunnels[1].psk]
