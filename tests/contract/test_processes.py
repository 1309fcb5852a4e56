"""Daemons outlive whoever started them, and are found, watched and stopped by whoever comes next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from networks import until

from landbridge.drivers import cgroups, processes
from landbridge.drivers.deaths import Deaths, shorten
from landbridge.drivers.processes import Daemon, Launch
from landbridge.reconcile.driver import DriverError

pytestmark = pytest.mark.lab


def launch(directory: Path, *command: str, memory: int | None = None) -> Launch:
    return Launch(
        command=command or ("sleep", "300"),
        namespace="",
        log=directory / "log" / "daemon.log",
        environment={"RUNS_FOR": f"{directory}/x"},
        memory_limit=memory,
        group=f"test-{directory.name}",
    )


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    for name in ("sleep", "sh", "dash"):
        for found in processes.find(name, tmp_path):
            processes.stop(found.daemon, patience=0.1)


def running(daemon: Daemon, program: str = "sleep") -> None:
    until(lambda: os.path.basename(os.readlink(f"/proc/{daemon.pid}/exe")) == program, "it runs its program")


def test_found_by_evidence_alone_and_stopped(directory: Path) -> None:
    daemon = processes.start(launch(directory))
    running(daemon)
    [found] = processes.find("sleep", directory)
    assert found.daemon == daemon
    assert found.network == processes.namespace_inode("")
    assert found.environment["RUNS_FOR"] == f"{directory}/x"
    assert list(processes.find("sleep", directory / "other")) == []
    processes.stop(daemon)
    assert not processes.alive(daemon)
    assert list(processes.find("sleep", directory)) == []
    processes.stop(daemon)


def test_a_daemon_outlives_the_process_that_started_it(directory: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from landbridge.drivers import processes\n"
        "directory = Path(sys.argv[1])\n"
        "d = processes.start(processes.Launch(command=('sleep', '300'), namespace='', log=directory / 'log',"
        " environment={'RUNS_FOR': f'{directory}/x'}))\n"
        "print(d.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(directory)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    [found] = until(lambda: list(processes.find("sleep", directory)), "it runs its program")
    assert found.daemon.pid == pid
    assert os.getsid(pid) == pid
    # Nothing of its parent's is open: only what it was given.
    assert sorted(os.listdir(f"/proc/{pid}/fd")) == ["0", "1", "2"]
    died = threading.Event()
    deaths = Deaths()
    deaths.watch(found.daemon, died.set)
    processes.stop(found.daemon)
    assert died.wait(2)
    deaths.close()


@pytest.mark.parametrize("withheld", ["-sys_ptrace", "-kill"])
def test_where_other_users_processes_are_out_of_reach_daemons_are_roots(directory: Path, withheld: str) -> None:
    """Some containers withhold these from root: a daemon of another user could not be found again, or not ended."""
    code = (
        "import sys; from pathlib import Path; from landbridge.drivers import processes\n"
        "directory = Path(sys.argv[1])\n"
        "d = processes.start(processes.Launch(command=('sleep', '300'), namespace='', log=directory / 'log',"
        " environment={'RUNS_FOR': f'{directory}/x'}, user=60_578))\n"
        "while not (found := list(processes.find('sleep', directory))) and processes.alive(d): pass\n"
        "processes.stop(d); print(len(found), processes.alive(d))"
    )
    without = ["setpriv", "--bounding-set", withheld, "--inh-caps", withheld]
    command = [*without, sys.executable, "-c", code, str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "1 False\n", done.stderr


def test_a_zombie_counts_as_dead(directory: Path) -> None:
    child = subprocess.Popen(["sleep", "300"], env={"RUNS_FOR": f"{directory}/x"})
    [found] = processes.find("sleep", directory)
    assert processes.alive(found.daemon)
    child.kill()
    until(lambda: " Z " in Path(f"/proc/{child.pid}/stat").read_text(), "it is a zombie")
    assert not processes.alive(found.daemon)
    assert list(processes.find("sleep", directory)) == []
    child.wait()


def test_a_death_is_told_once_and_at_once(directory: Path) -> None:
    daemon = processes.start(launch(directory))
    told: list[int] = []
    deaths = Deaths()
    deaths.watch(daemon, lambda: told.append(1))
    deaths.watch(daemon, lambda: told.append(2))
    os.kill(daemon.pid, signal.SIGKILL)
    until(lambda: told, "its death is told", 1.0)
    # It was collected, too: a service that runs for months leaves no zombies.
    until(lambda: not Path(f"/proc/{daemon.pid}").exists(), "it was reaped", 1.0)
    deaths.watch(daemon, lambda: told.append(3))
    assert told == [1, 3]
    deaths.close()


def test_one_that_ignores_the_request_is_killed(directory: Path) -> None:
    daemon = processes.start(launch(directory, "sh", "-c", "trap '' TERM; echo ready; while :; do read x; done"))
    until(lambda: "ready" in (directory / "log" / "daemon.log").read_text(), "it ignores SIGTERM from here on")
    processes.stop(daemon, patience=0.2)
    assert not processes.alive(daemon)


def test_another_process_with_its_pid_is_left_alone(directory: Path) -> None:
    daemon = processes.start(launch(directory))
    processes.stop(Daemon(daemon.pid, daemon.started - 1))
    assert processes.alive(daemon)


def test_what_cannot_be_started_is_told(directory: Path) -> None:
    with pytest.raises(DriverError, match="is missing; install"):
        processes.start(launch(directory, "no-such-program-anywhere"))


def test_memory_is_limited_where_the_machine_can(directory: Path) -> None:
    group = cgroups.limited_group("probe", 1 << 26)
    if group is None:
        pytest.skip("this machine has no memory controller that we may use")
    cgroups.remove_group(group)
    assert not group.exists()
    daemon = processes.start(launch(directory, memory=1 << 26))
    running(daemon)
    own = cgroups.group_of(daemon.pid)
    assert own is not None
    assert own.name == f"landbridge-test-{directory.name}"
    # A group of cgroup v1 or v2: the limit is in one of these.
    limits = [own / "memory.limit_in_bytes", own / "memory.max"]
    assert [path.read_text().strip() for path in limits if path.exists()] == [str(1 << 26)]
    processes.stop(daemon)
    assert not own.exists()


def test_a_log_is_cut_and_the_daemon_writes_on(directory: Path) -> None:
    path = directory / "log" / "daemon.log"
    script = "i=0; while :; do echo line $i; i=$((i+1)); sleep 0.01; done"
    daemon = processes.start(launch(directory, "sh", "-c", script))
    until(lambda: path.exists() and path.stat().st_size > 100, "it wrote something")
    shorten(path, limit=50)
    assert b"line 0\n" in path.with_name("daemon.log.old").read_bytes()
    until(lambda: b"line" in path.read_bytes(), "it writes on")
    assert b"\0" not in path.read_bytes()
    assert b"line 0\n" not in path.read_bytes()
    processes.stop(daemon)
