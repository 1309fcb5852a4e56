"""A connection in vici's terms, and the digest by which it is recognised."""

from __future__ import annotations

from dataclasses import fields, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.desired.ike import Certified, IkeConnection
from landbridge.drivers.strongswan.connections import connection_message, fits, outdated
from landbridge.drivers.strongswan.identity import (
    FORCED,
    connection_digest,
    dialled,
    digest_of,
    name_of,
    same_settings,
    secret_id,
)
from landbridge.drivers.strongswan.links import alias, endpoint_of
from landbridge.drivers.strongswan.status import ike_sa
from landbridge.model.crypto import PHASE_1, PHASE_2, IkeVersion
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
    "certified": Certified(certificate="ours", key=Secret("key"), authority="authority", pinned="theirs"),
    "dpd_delay": 5,
    "dpd_action": "restart",
    "initiate": True,
    "yields": True,
    "renews": True,
    "versions": (IkeVersion.IKEV1,),
    "dpd_timeout": 60,
    "ike": PHASE_1,
    "esp": PHASE_2,
    "ike_lifetime": 3600,
    "child_lifetime": 1800,
    "rekey_margin": 100,
    "rekey_fuzz": 50,
    "local_ts": (IPv4Network("10.0.0.0/16"),),
    "remote_ts": (IPv4Network("192.168.0.0/16"),),
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


def test_what_sas_are_made_with_is_told_by_the_beginning_of_the_digest() -> None:
    """Those live on when nothing else changes but the key, and who initiates."""
    before = connection_digest(b"k", WANTED)
    same = {
        name
        for name, value in OTHERS.items()
        if same_settings(before, connection_digest(b"k", replace(WANTED, **{name: value})))
    }
    assert same == {"namespace", "name", "psk", "certified", "initiate", "yields", "renews", "force_udp"}
    older = before[1:]
    assert not same_settings(older, older), "of one that an older service wrote nothing is known"


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
    assert child(kernel)["esp_proposals"] == [f"{each}-esn-noesn" for each in child(WANTED)["esp_proposals"]]


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


def seconds(value: object) -> int:
    return int(str(value).removesuffix("s"))


@given(st.integers(900, 28_800), st.integers(900, 3_600), st.integers(60, 1_800), st.integers(0, 100))
def test_keys_are_renewed_before_they_end(ike: int, esp: int, margin: int, fuzz: int) -> None:
    wanted = replace(WANTED, ike_lifetime=ike, child_lifetime=esp, rekey_margin=margin, rekey_fuzz=fuzz)
    message, body = connection_message(wanted), child(wanted)
    assert seconds(message["rekey_time"]) + seconds(message["over_time"]) == ike
    assert seconds(body["life_time"]) == esp
    for part, lifetime in ((message, ike), (body, esp)):
        assert 0 < seconds(part["rekey_time"]) - seconds(part["rand_time"]) <= seconds(part["rekey_time"]) < lifetime


def test_margin_and_fuzz_say_when() -> None:
    body = child(replace(WANTED, child_lifetime=3_600, rekey_margin=600, rekey_fuzz=50))
    assert (body["rekey_time"], body["rand_time"], body["life_time"]) == ("3000s", "300s", "3600s")
    exact = connection_message(replace(WANTED, ike_lifetime=7_200, rekey_margin=600, rekey_fuzz=0))
    assert (exact["rekey_time"], exact["rand_time"], exact["over_time"]) == ("6600s", "0s", "600s")


@pytest.mark.parametrize(
    ("versions", "version", "dpd_timeout"),
    [((IkeVersion.IKEV1,), "1", "20s"), ((IkeVersion.IKEV2,), "2", None), (tuple(IkeVersion), "0", "20s")],
)
def test_versions_and_ikev1s_own_dpd(versions: tuple[IkeVersion, ...], version: str, dpd_timeout: str | None) -> None:
    message = connection_message(replace(WANTED, versions=versions, dpd_timeout=30))
    assert (message["version"], message.get("dpd_timeout")) == (version, dpd_timeout)


def test_selectors() -> None:
    ours, theirs = IPv4Network("10.0.0.0/16"), IPv4Network("192.168.60.0/24")
    body = child(replace(WANTED, local_ts=(ours, IPv4Network("169.254.7.1/32")), remote_ts=(theirs,)))
    assert (body["local_ts"], body["remote_ts"]) == (["10.0.0.0/16", "169.254.7.1/32"], ["192.168.60.0/24"])
    assert (child(WANTED)["local_ts"], child(WANTED)["remote_ts"]) == (["0.0.0.0/0"], ["0.0.0.0/0"])


def test_who_has_to_initiate_is_told_by_the_secrets_id_alone() -> None:
    ids = {
        name: secret_id(name, connection_digest(b"k", replace(WANTED, name=name, **change)))
        for name, change in {
            "waits": {},
            "dials": {"initiate": True},
            "both": {"initiate": True, "force_udp": True, "if_id": 42},
            "in-udp": {"force_udp": True},
        }.items()
    }
    assert dialled(ids.values()) == {"dials", "both"}
    assert [name_of(each) for each in ids.values()] == list(ids)
    assert [name for name, each in ids.items() if digest_of(each).endswith(FORCED)] == ["both", "in-udp"]


@pytest.mark.parametrize(
    ("version", "ike", "esp", "fit"),
    [
        (b"2", "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256", "AES_GCM_16-128", True),
        (b"2", "AES_GCM_16-256/PRF_HMAC_SHA2_384/ECP_384", "AES_GCM_16-256/ECP_384", True),
        (b"1", "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256", "AES_GCM_16-128", False),
        (b"2", "AES_GCM_16-128/PRF_HMAC_SHA1/ECP_256", "AES_GCM_16-128", False),
        (b"2", "AES_GCM_16-128/PRF_HMAC_SHA2_256/MODP_1024", "AES_GCM_16-128", False),
        (b"2", "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256", "AES_CBC-128/HMAC_SHA1_96", False),
    ],
)
def test_sas_by_algorithms_that_are_not_wanted_are_told(version: bytes, ike: str, esp: str, fit: bool) -> None:
    cipher, prf, group = ike.split("/")
    name, _, size = cipher.rpartition("-")
    child: dict[str, Any] = {
        "name": b"t1",
        "state": b"INSTALLED",
        "encr-alg": esp.split("/")[0].rpartition("-")[0].encode(),
    }
    child["encr-keysize"] = esp.split("/")[0].rpartition("-")[2].encode()
    for part in esp.split("/")[1:]:
        child["integ-alg" if part.startswith("HMAC") else "dh-group"] = part.encode()
    told = {"state": b"ESTABLISHED", "version": version, "encr-alg": name.encode(), "encr-keysize": size.encode()}
    told |= {"prf-alg": prf.encode(), "dh-group": group.encode()}
    assert fits(ike_sa("t1", {**told, "child-sas": {"t1-1": child}}), WANTED) is fit


def test_a_tun_says_whose_it_is() -> None:
    assert endpoint_of(alias("i1", "ep1"), "i1") == "ep1"
    assert endpoint_of(alias("i1", ""), "i1") == ""
    assert endpoint_of(alias("i1", "ep1"), "i2") is None
    assert endpoint_of("", "i1") is None
