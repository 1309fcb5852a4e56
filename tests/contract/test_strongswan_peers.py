"""What happens between two peers that do not agree, come late, fall silent, or change their minds."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import time
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from networks import ip, until
from vpn import PSK, Vpn, with_psk

from landbridge.desired.ike import IkeConnection
from landbridge.drivers import processes
from landbridge.drivers.strongswan.endpoints import USERS
from landbridge.drivers.strongswan.vici import Vici
from landbridge.observe.ike import Cause, IkeEventKind
from landbridge.reconcile.driver import DriverError

pytestmark = pytest.mark.lab


def test_different_keys_are_told_as_the_cause_and_the_right_key_heals(vpn: Vpn) -> None:
    vpn.endpoint(vpn.b, with_psk(vpn.b.connection(vpn.a), "another.key"))
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
    for side in (vpn.a, vpn.b):
        until(
            lambda side=side: vpn.heard(IkeEventKind.TROUBLE, side, Cause.AUTHENTICATION_FAILED),
            f"{side.endpoint} hears of it",
        )
    assert not vpn.is_up(vpn.a)
    assert vpn.drivers.watcher.causes(vpn.a.endpoint)["t1"] is Cause.AUTHENTICATION_FAILED
    assert not vpn.pings()

    vpn.put(vpn.b.connection(vpn.a))

    vpn.await_up()
    vpn.await_ping()
    until(lambda: not vpn.drivers.watcher.causes(vpn.a.endpoint), "the cause is forgotten")


def test_a_change_of_key_keeps_the_live_sa_and_counts_for_the_next(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    [before] = vpn.sas(vpn.a)
    new = [with_psk(vpn.a.connection(vpn.b, initiate=True), "new.key"), with_psk(vpn.b.connection(vpn.a), "new.key")]
    vpn.put(*new)
    [after] = vpn.sas(vpn.a)
    assert after.spi_initiator == before.spi_initiator
    assert after.children[0].spi_in == before.children[0].spi_in
    assert vpn.pings()
    seen = vpn.seen()
    for wanted in new:
        assert seen[wanted.key].fingerprint == vpn.drivers.connections.fingerprint(wanted)  # type: ignore[attr-defined]
    assert len(vpn.drivers.endpoints.vici(vpn.a.endpoint).secrets()) == 1

    vpn.drivers.endpoints.vici(vpn.b.endpoint).terminate("t1")

    until(lambda: vpn.is_up(vpn.a) and vpn.sas(vpn.a)[0].spi_initiator != before.spi_initiator, "a new SA is up")
    vpn.await_ping()


def test_changing_the_ends_of_a_connection_closes_its_sa(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    vpn.put(replace(vpn.b.connection(vpn.a), remote=IPv4Address("203.0.113.77")))
    until(lambda: vpn.sas(vpn.b) == (), "the SA with the old peer is gone")
    until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.b, Cause.UNKNOWN_PEER), "the old peer is refused")


def test_a_service_that_dies_before_it_has_closed_that_sa_closes_it_later(
    vpn: Vpn, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    vpn.both()
    vpn.await_ping()
    wanted = replace(vpn.b.connection(vpn.a), remote=IPv4Address("203.0.113.77"))
    with monkeypatch.context() as dying:
        dying.setattr(Vici, "terminate", killed)
        with pytest.raises(Killed):
            vpn.put(wanted)

    drivers = vpn.open()
    seen = vpn.seen(drivers)[wanted.key]
    assert seen.fingerprint != drivers.connections.fingerprint(wanted)  # type: ignore[attr-defined]
    drivers.connections.put(wanted, seen)
    until(lambda: vpn.sas(vpn.b) == (), "the SA with the old peer is gone")
    assert vpn.seen(drivers)[wanted.key].fingerprint == drivers.connections.fingerprint(wanted)  # type: ignore[attr-defined]
    assert len(drivers.endpoints.vici(vpn.b.endpoint).secrets()) == 1


def test_an_initiator_is_up_soon_after_its_peer_appears(vpn: Vpn) -> None:
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
    until(lambda: vpn.sas(vpn.a), "it tries")
    ip(f"-n {vpn.b.endpoint} link set eth0 down")
    time.sleep(3)  # long enough for the retransmissions to have reached their longest pause
    vpn.endpoint(vpn.b, vpn.b.connection(vpn.a))
    ip(f"-n {vpn.b.endpoint} link set eth0 up")
    vpn.await_up(seconds=4)
    vpn.await_ping()


def test_an_initiator_whose_peer_refuses_it_at_first_comes_up_soon_after(vpn: Vpn) -> None:
    vpn.put(vpn.b.charon(), vpn.b.device())
    vpn.address(vpn.b)
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
    until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.a, Cause.NO_PROPOSAL_CHOSEN), "it is refused")
    vpn.put(vpn.b.connection(vpn.a))
    vpn.await_up(seconds=5)


def test_two_initiators_agree_on_one_sa(vpn: Vpn) -> None:
    vpn.put(vpn.a.charon(), vpn.a.device(), vpn.b.charon(), vpn.b.device())
    vpn.address(vpn.a, vpn.b)
    vpn.put(vpn.a.connection(vpn.b, initiate=True), vpn.b.connection(vpn.a, initiate=True))
    vpn.await_up()

    def one() -> bool:
        mine, theirs = vpn.sas(vpn.a), vpn.sas(vpn.b)
        return len(mine) == len(theirs) == 1 and len(mine[0].children) == 1 and mine[0].up and theirs[0].up

    # charon waits ten seconds before it ends a duplicate.
    until(one, "one IKE SA with one CHILD SA is left", 25.0)
    [before] = vpn.sas(vpn.a)
    time.sleep(3)  # nothing may follow: two that keep replacing each other's SAs would do so within a second
    until(one, "it is still one")
    assert vpn.sas(vpn.a)[0].spi_initiator == before.spi_initiator
    vpn.await_ping()


def test_the_peer_that_closes_is_told_apart_and_the_initiator_comes_back(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_up()
    first = vpn.sas(vpn.a)[0].spi_initiator
    vpn.drivers.endpoints.vici(vpn.b.endpoint).terminate("t1")
    until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.a, Cause.PEER_CLOSED), "the initiator hears why")
    until(lambda: vpn.is_up(vpn.a) and vpn.sas(vpn.a)[0].spi_initiator != first, "it is up again", 3.0)


def test_a_charon_that_does_not_answer_is_ended_and_starts_again(vpn: Vpn, monkeypatch: pytest.MonkeyPatch) -> None:
    vpn.both()
    vpn.await_up()
    pid = vpn.pid(vpn.a)
    os.kill(pid, signal.SIGSTOP)
    monkeypatch.setattr(
        "landbridge.drivers.strongswan.vici.Vici._session.__wrapped__.__defaults__", (0.5,), raising=True
    )
    assert vpn.a.connection(vpn.b).key not in vpn.seen()
    with pytest.raises(DriverError, match="does not answer"):
        vpn.put(vpn.a.connection(vpn.b, initiate=True))
    assert not Path(f"/proc/{pid}").exists()
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b, initiate=True))
    vpn.await_ping()


def test_a_charon_left_in_a_deleted_namespace_is_replaced(vpn: Vpn) -> None:
    vpn.put(vpn.a.charon())
    pid = vpn.pid(vpn.a)
    ip(f"netns delete {vpn.a.endpoint}")
    charon = vpn.a.charon()
    assert vpn.seen()[charon.key].fingerprint != vpn.drivers.charons.fingerprint(charon)  # type: ignore[attr-defined]
    ip(f"netns add {vpn.a.endpoint}")
    vpn.put(charon)
    assert vpn.pid(vpn.a) != pid
    assert len(vpn.pids()) == 1


def test_changed_settings_restart_charon(vpn: Vpn) -> None:
    vpn.put(vpn.a.charon(30))
    pid = vpn.pid(vpn.a)
    wanted = vpn.a.charon(60)
    assert vpn.seen()[wanted.key].fingerprint != vpn.drivers.charons.fingerprint(wanted)  # type: ignore[attr-defined]
    vpn.put(wanted)
    assert vpn.pid(vpn.a) != pid
    assert vpn.seen()[wanted.key].fingerprint == vpn.drivers.charons.fingerprint(wanted)  # type: ignore[attr-defined]


def test_a_charon_that_cannot_start_says_why(vpn: Vpn) -> None:
    ip(f"-n {vpn.a.endpoint} link add ipsec0 type bridge")
    ip(f"-n {vpn.a.endpoint} link set ipsec0 alias somebody")
    with pytest.raises(DriverError, match=r"ipsec0.*rename or delete"):
        vpn.put(vpn.a.charon())
    with pytest.raises(DriverError, match="does not exist"):
        vpn.put(replace(vpn.a.charon(), namespace=f"{vpn.prefix}-none"))
    assert vpn.pids() == []


def test_the_secret_is_nowhere_to_be_found(vpn: Vpn) -> None:
    vpn.both()
    vpn.await_ping()
    vpn.put(with_psk(vpn.a.connection(vpn.b, initiate=True), PSK + ".changed"))
    needle = PSK.encode()
    files = [path for path in vpn.directory.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in files)
    for path in files:
        assert needle not in path.read_bytes()
    for directory in (vpn.run_dir, vpn.log_dir):
        assert directory.stat().st_mode & 0o077 == 0, "nobody gets to what is below"
    for path in vpn.log_dir.iterdir():
        assert path.stat().st_mode & 0o077 == 0
    for found in processes.find("charon-systemd", vpn.run_dir):
        assert PSK not in " ".join((*found.arguments, *found.environment.values()))
    assert PSK not in repr(vpn.seen())


def test_what_a_daemon_gets_is_no_more_than_it_needs(vpn: Vpn) -> None:
    vpn.put(vpn.a.charon())
    pid = vpn.pid(vpn.a)
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = {name: value.split() for name, value in (line.split(":", 1) for line in lines)}
    assert int(status["CapBnd"][0], 16) == (1 << 12) | (1 << 10) | (1 << 13)  # net_admin, net_bind_service, net_raw
    assert int(status["CapEff"][0], 16) == 1 << 12, "it gives up by itself what it needs no longer"
    assert status["NoNewPrivs"] == ["1"]
    [user] = set(status["Uid"])
    assert set(status["Gid"]) == {user}
    assert int(user) in USERS
    assert status["Groups"] == []
    with pytest.raises(KeyError):
        pwd.getpwuid(int(user))
    assert "Max core file size        0                    0" in Path(f"/proc/{pid}/limits").read_text()
    assert os.getsid(pid) == pid
    assert os.readlink(f"/proc/{pid}/fd/0") == "/dev/null"
    assert os.readlink(f"/proc/{pid}/fd/1") == str(vpn.drivers.endpoints.log_file(vpn.a.endpoint))


def test_a_charon_can_change_nothing_that_root_reads(vpn: Vpn) -> None:
    """It owns its socket. Its settings are root's, and it may neither write nor replace them."""
    before = os.umask(0o077)  # as a customer gateway's agent has it
    try:
        vpn.put(vpn.a.charon())
    finally:
        os.umask(before)
    folder = vpn.drivers.endpoints.socket(vpn.a.endpoint).parent
    user = os.stat(f"/proc/{vpn.pid(vpn.a)}").st_uid
    as_charon = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "sh", "-c"]

    def may(command: str) -> bool:
        return subprocess.run([*as_charon, command], cwd=folder, capture_output=True, check=False).returncode == 0

    assert (folder / "charon.vici").stat().st_uid == user
    assert may("cat strongswan.conf")
    assert not may("echo >> strongswan.conf")
    assert not may("rm -f strongswan.conf")
    assert not may("mv strongswan.conf other")
    assert not may("ls ..")
    assert not may(f"ls {vpn.log_dir}")


def test_a_connection_without_its_charon_waits(vpn: Vpn) -> None:
    wanted: IkeConnection = vpn.a.connection(vpn.b)
    with pytest.raises(DriverError, match="not running"):
        vpn.put(wanted)
    vpn.drivers.connections.drop(wanted)
