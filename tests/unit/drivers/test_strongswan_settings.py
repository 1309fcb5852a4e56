"""charon's settings: a dead peer is found in time whatever the timeout, and no path becomes configuration."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landbridge.desired.links import DataPlane
from landbridge.drivers.strongswan.settings import (
    LONGEST_TIMEOUT,
    charon_settings,
    data_plane_of,
    retransmission,
    settings_digest,
)
from landbridge.reconcile.driver import DriverError

SOCKET = Path("/run/landbridge/i-1/gt1/charon.vici")
TIMEOUTS = st.integers(5, 86_400)


def text(dpd_timeout: int = 30, socket: Path = SOCKET, data_plane: DataPlane = DataPlane.LIBIPSEC) -> str:
    return charon_settings(data_plane=data_plane, dpd_timeout=dpd_timeout, socket=socket)


@given(TIMEOUTS)
def test_the_ladder_ends_within_the_timeout_and_not_much_before(dpd_timeout: int) -> None:
    budget = dpd_timeout * 2 / 3
    gives_up = retransmission(dpd_timeout).gives_up_after
    assert budget - LONGEST_TIMEOUT <= gives_up <= budget + 1e-6


@given(TIMEOUTS)
def test_waits_grow_from_quick_to_bounded(dpd_timeout: int) -> None:
    ladder = retransmission(dpd_timeout)
    waits = [min(ladder.timeout * ladder.base**n, ladder.limit) for n in range(min(ladder.tries, 50) + 1)]
    assert waits == sorted(waits)
    assert waits[0] <= 0.5
    assert waits[-1] <= 2
    assert ladder.tries >= 2, "one lost packet may not take a tunnel down"


@given(TIMEOUTS, TIMEOUTS)
def test_a_longer_timeout_is_never_more_impatient(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert retransmission(low).gives_up_after <= retransmission(high).gives_up_after


def test_thirty_seconds_as_strongswan_reads_them() -> None:
    settings = text(30)
    # 0.5 + 0.75 + 1.125 + 1.6875 + 7 x 2 = 18.1 s after the question, which is asked 10 s after the last word at most.
    for line in ("retransmit_timeout = 0.5", "retransmit_base = 1.5", "retransmit_limit = 2", "retransmit_tries = 10"):
        assert f"\n  {line}\n" in settings


@pytest.mark.parametrize("dpd_timeout", [-1, 0, 4, 86_401])
def test_timeouts_out_of_bounds_are_refused(dpd_timeout: int) -> None:
    with pytest.raises(ValueError, match="between 5 and 86400"):
        retransmission(dpd_timeout)


@given(
    st.text(min_size=1, max_size=30).filter(lambda s: not (s.isascii() and all(c.isalnum() or c in "./_-" for c in s)))
)
def test_no_path_can_become_configuration(name: str) -> None:
    with pytest.raises(DriverError, match="Choose another run directory"):
        text(socket=Path("/run") / name / "charon.vici")


def test_a_socket_path_that_the_kernel_would_refuse_is_refused() -> None:
    assert text(socket=Path("/" + "a" * 106))
    with pytest.raises(DriverError, match="107 bytes"):
        text(socket=Path("/" + "a" * 107))


def test_without_libipsec_the_kernel_does_esp() -> None:
    kernel = text(data_plane=DataPlane.KERNEL)
    assert "libipsec" not in kernel
    assert " kernel-netlink " in kernel
    assert "install_routes = no" in kernel
    assert kernel.count("{") == kernel.count("}")


@given(st.sampled_from(DataPlane), TIMEOUTS)
def test_settings_tell_who_does_esp(data_plane: DataPlane, timeout: int) -> None:
    assert data_plane_of(text(timeout, data_plane=data_plane)) is data_plane


@given(TIMEOUTS, TIMEOUTS)
def test_digests_tell_settings_apart(one: int, other: int) -> None:
    assert (settings_digest(text(one)) == settings_digest(text(other))) == (text(one) == text(other))


def test_the_sections_are_balanced_and_the_plugins_few() -> None:
    settings = text()
    assert settings.count("{") == settings.count("}")
    [load] = [line for line in settings.splitlines() if line.strip().startswith("load = random")]
    assert load.split().index("aesni") < load.split().index("openssl")
    assert not {"gmp", "x509", "eap-mschapv2", "stroke", "updown", "revocation", "curl"} & set(load.split())
