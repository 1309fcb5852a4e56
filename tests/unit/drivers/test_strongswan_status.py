"""list-sa messages as charon 5.9.8 sent them, as values, and what the kernel adds to them."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address
from typing import Any

import pytest

from landbridge.drivers.strongswan.sas import AntiReplay, anti_replay
from landbridge.drivers.strongswan.status import LIBIPSEC_REPLAY, ike_sa, with_replay
from landbridge.observe.ike import ChildState, IkeState

ESTABLISHED: dict[str, Any] = {
    "uniqueid": b"3",
    "version": b"2",
    "state": b"ESTABLISHED",
    "local-host": b"203.0.113.1",
    "local-port": b"4500",
    "local-id": b"203.0.113.1",
    "remote-host": b"203.0.113.2",
    "remote-port": b"4500",
    "remote-id": b"203.0.113.2",
    "initiator": b"yes",
    "initiator-spi": b"ed5a67d89dcf46bf",
    "responder-spi": b"81f5b9b4a5f1ef1c",
    "nat-local": b"yes",
    "nat-fake": b"yes",
    "encr-alg": b"AES_GCM_16",
    "encr-keysize": b"128",
    "prf-alg": b"PRF_HMAC_SHA2_256",
    "dh-group": b"ECP_256",
    "established": b"17",
    "rekey-time": b"27500",
    "child-sas": {
        "t1-1": {
            "name": b"t1",
            "uniqueid": b"1",
            "reqid": b"1",
            "state": b"INSTALLED",
            "mode": b"TUNNEL",
            "protocol": b"ESP",
            "encap": b"yes",
            "spi-in": b"7c6fd4c0",
            "spi-out": b"3d17e6b9",
            "encr-alg": b"AES_GCM_16",
            "encr-keysize": b"128",
            "bytes-in": b"84",
            "packets-in": b"1",
            "use-in": b"2",
            "bytes-out": b"168",
            "packets-out": b"2",
            "rekey-time": b"3200",
            "life-time": b"3583",
            "install-time": b"17",
            "local-ts": [b"0.0.0.0/0"],
            "remote-ts": [b"0.0.0.0/0"],
        }
    },
}


def test_an_established_sa() -> None:
    sa = ike_sa("t1", ESTABLISHED)
    assert sa.up
    assert (sa.connection, sa.unique_id, sa.state, sa.initiator) == ("t1", 3, IkeState.ESTABLISHED, True)
    assert (sa.remote, sa.remote_port, sa.nat_local, sa.nat_remote) == (IPv4Address("203.0.113.2"), 4500, True, False)
    assert sa.suite == "AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256"
    assert (sa.established, sa.rekey_in) == (17, 27500)
    [child] = sa.children
    assert (child.state, child.spi_in, child.spi_out) == (ChildState.INSTALLED, "7c6fd4c0", "3d17e6b9")
    assert (child.bytes_in, child.packets_in, child.bytes_out, child.packets_out) == (84, 1, 168, 2)
    assert (child.udp, child.suite, child.rekey_in, child.expires_in) == (True, "AES_GCM_16-128", 3200, 3583)


def test_one_that_is_being_made_tells_less() -> None:
    sa = ike_sa("t1", {"uniqueid": b"1", "state": b"CONNECTING", "local-host": b"%any", "remote-host": b"203.0.113.2"})
    assert not sa.up
    assert (sa.established, sa.rekey_in, sa.suite, sa.local) == (None, None, "", IPv4Address(0))


def test_one_without_a_child_sa_that_carries_is_not_up() -> None:
    children = {"t1-1": {**ESTABLISHED["child-sas"]["t1-1"], "state": b"DELETING"}}
    assert not ike_sa("t1", {**ESTABLISHED, "child-sas": children}).up
    assert not ike_sa("t1", {**ESTABLISHED, "child-sas": {}}).up
    assert ike_sa("t1", {**ESTABLISHED, "state": b"REKEYING"}).up
    assert not ike_sa("t1", {**ESTABLISHED, "state": b"DELETING"}).up


def state(window: int, flags: int, *attributes: tuple[int, bytes]) -> bytes:
    """An SA as XFRM_MSG_GETSA tells of it (linux/xfrm.h): struct xfrm_usersa_info, then attributes."""
    body = bytes(56 + 24 + 16 + 64 + 32 + 12) + struct.pack("=IIHBBB7x", 0, 1, 2, 1, window, flags)
    return body + b"".join(struct.pack("=HH", 4 + len(value), kind) + value for kind, value in attributes)


@pytest.mark.parametrize("window", [64, 1024, 2048])
def test_a_wide_window_is_in_an_attribute_of_its_own(window: int) -> None:
    words = window // 32
    wide = struct.pack("=6I", words, 7, 9, 0, 0, window) + bytes(4 * words)
    assert anti_replay(state(0, 128, (31, bytes(4)), (23, wide))) == AntiReplay(window, esn=True)
    assert anti_replay(state(0, 0, (23, wide))) == AntiReplay(window, esn=False)


def test_a_narrow_window_is_in_the_sa_itself() -> None:
    assert anti_replay(state(32, 0, (31, bytes(4)))) == AntiReplay(32, esn=False)


def test_an_sa_has_what_its_inbound_half_has_against_replayed_packets() -> None:
    sa = ike_sa("t1", ESTABLISHED)
    [child] = with_replay((sa,), {"7c6fd4c0": AntiReplay(2048, esn=True)}.get)[0].children
    assert (child.replay_window, child.esn) == (2048, True)
    [lost] = with_replay((sa,), {"3d17e6b9": AntiReplay(0, esn=True)}.get)[0].children
    assert (lost.replay_window, lost.esn) == (None, False)
    [own] = with_replay((sa,), lambda _: LIBIPSEC_REPLAY)[0].children
    assert (own.replay_window, own.esn) == (128, False)
