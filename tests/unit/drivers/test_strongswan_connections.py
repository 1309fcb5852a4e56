"""A connection in vici's terms, and the digest by which it is recognised."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.desired.ike import IkeConnection
from landbridge.drivers.strongswan.connections import connection_digest, connection_message, outdated
from landbridge.drivers.strongswan.links import alias, endpoint_of
from landbridge.drivers.strongswan.status import ike_sa
from landbridge.model.secret import Secret
from landbridge.observe.ike import IkeSaStatus

WANTED = IkeConnection(
    namespace="ep1",
    name="t1",
    local=IPv4Address("203.0.113.1"),
    remote=IPv4Address("203.0.113.9"),
    local_id=IPv4Address("203.0.113.1"),
    remote_id=IPv4Address("203.0.113.9"),
    psk=Secret("a.key.that.nobody.guesses"),
)
OTHERS: dict[str, Any] = {
    "namespace": "ep2",
    "name": "t2",
    "local": IPv4Address("203.0.113.2"),
    "remote": None,
    "local_id": IPv4Address("203.0.113.2"),
    "remote_id": IPv4Address("203.0.113.10"),
    "psk": Secret("another.key"),
    "dpd_delay": 5,
    "dpd_action": "restart",
    "initiate": True,
    "yields": True,
    "ike_proposals": ("aes256gcm16-prfsha384-ecp384",),
    "esp_proposals": ("aes256gcm16",),
    "ike_lifetime": 3600,
    "child_lifetime": 1800,
    "rekey_margin": 100,
    "if_id": 42,
    "replay_window": 64,
    "force_udp": True,
}


def child(wanted: IkeConnection) -> dict[str, Any]:
    children = connection_message(wanted)["children"]
    assert isinstance(children, dict)
    body = children[wanted.name]
    assert isinstance(body, dict)
    return body


def test_every_property_changes_the_digest() -> None:
    assert OTHERS.keys() == {item.name for item in fields(IkeConnection)}
    digests = {connection_digest(b"k", replace(WANTED, **{name: value})) for name, value in OTHERS.items()}
    digests.add(connection_digest(b"k", WANTED))
    digests.add(connection_digest(b"another instance's key", WANTED))
    assert len(digests) == len(OTHERS) + 2
    assert connection_digest(b"k", replace(WANTED)) == connection_digest(b"k", WANTED)


def test_the_secret_is_not_in_the_message_nor_in_the_digest() -> None:
    assert WANTED.psk.reveal() not in repr(connection_message(WANTED))
    assert WANTED.psk.reveal() not in connection_digest(b"k", WANTED)


def test_libipsec_is_not_asked_for_what_it_has_not() -> None:
    message = connection_message(WANTED)
    assert not {"if_id_in", "if_id_out"} & message.keys()
    assert "replay_window" not in child(WANTED)
    assert all("esn" not in proposal for proposal in child(WANTED)["esp_proposals"])


def test_the_kernels_sas_belong_to_an_interface_and_have_extended_sequence_numbers() -> None:
    kernel = replace(WANTED, if_id=42)
    message = connection_message(kernel)
    assert (message["if_id_in"], message["if_id_out"]) == ("42", "42")
    assert child(kernel)["replay_window"] == "1024"
    assert child(kernel)["esp_proposals"] == [f"{each}-esn-noesn" for each in WANTED.esp_proposals]


def test_udp_is_forced_by_claiming_a_nat_and_the_digest_shows_it() -> None:
    forced = replace(WANTED, if_id=42, force_udp=True)
    assert connection_message(forced)["encap"] == "yes"
    assert "encap" not in connection_message(replace(forced, force_udp=False))
    assert connection_digest(b"k", forced).endswith("-udp")


@pytest.mark.parametrize(
    ("udp", "claimed", "forced", "out_of_date"),
    [
        (False, False, True, True),
        (True, True, True, False),
        (True, False, True, False),  # there is a NAT, or the peer forces it
        (True, True, False, True),
        (True, False, False, False),
        (False, False, False, False),
    ],
)
def test_sas_of_another_setting_are_told_apart(udp: bool, claimed: bool, forced: bool, out_of_date: bool) -> None:
    def sa(*, udp: bool, claimed: bool) -> IkeSaStatus:
        child = {"name": b"t1", "state": b"INSTALLED", "encap": b"yes" if udp else b"no"}
        nat = {"nat-fake": b"yes"} if claimed else {}
        return ike_sa("t1", {"state": b"ESTABLISHED", "established": b"1", **nat, "child-sas": {"t1-1": child}})

    one = sa(udp=udp, claimed=claimed)
    assert outdated([one], forced=forced) is out_of_date
    assert outdated([], forced=forced) is False
    # A second one that is as it should be takes over.
    assert outdated([one, sa(udp=forced, claimed=forced)], forced=forced) is False


def test_any_address_may_be_the_peers() -> None:
    assert connection_message(replace(WANTED, remote=None))["remote_addrs"] == ["%any"]


@pytest.mark.parametrize(
    ("change", "dpd_delay", "dpd_action", "close_action", "keyingtries"),
    [
        ({}, "10s", "clear", "none", "1"),
        ({"dpd_action": "restart"}, "10s", "restart", "none", "0"),
        ({"dpd_action": "none"}, "0s", "clear", "none", "1"),
        ({"dpd_delay": 0}, "0s", "clear", "none", "1"),
        ({"initiate": True}, "10s", "restart", "start", "0"),
        ({"initiate": True, "yields": True}, "10s", "clear", "none", "1"),
        ({"initiate": True, "yields": True, "dpd_action": "restart"}, "10s", "restart", "none", "0"),
    ],
)
def test_what_follows_a_dead_peer(
    change: dict[str, Any], dpd_delay: str, dpd_action: str, close_action: str, keyingtries: str
) -> None:
    wanted = replace(WANTED, **change)
    message = connection_message(wanted)
    assert (message["dpd_delay"], message["keyingtries"]) == (dpd_delay, keyingtries)
    assert (child(wanted)["dpd_action"], child(wanted)["close_action"]) == (dpd_action, close_action)


@given(st.integers(900, 28_800), st.integers(900, 3_600), st.integers(60, 1_800))
def test_keys_are_renewed_before_they_end(ike: int, esp: int, margin: int) -> None:
    wanted = replace(WANTED, ike_lifetime=ike, child_lifetime=esp, rekey_margin=margin)

    def seconds(value: object) -> int:
        return int(str(value).removesuffix("s"))

    message, body = connection_message(wanted), child(wanted)
    assert seconds(message["rekey_time"]) + seconds(message["over_time"]) == ike
    assert seconds(body["life_time"]) == esp
    for part, lifetime in ((message, ike), (body, esp)):
        assert 0 < seconds(part["rekey_time"]) - seconds(part["rand_time"]) <= seconds(part["rekey_time"]) < lifetime


def test_a_tun_says_whose_it_is() -> None:
    assert endpoint_of(alias("i1", "ep1"), "i1") == "ep1"
    assert endpoint_of(alias("i1", ""), "i1") == ""
    assert endpoint_of(alias("i1", "ep1"), "i2") is None
    assert endpoint_of("", "i1") is None
