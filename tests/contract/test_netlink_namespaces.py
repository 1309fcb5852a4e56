"""Named namespaces against the kernel: settings, ownership, who sees them, and that deleted ones are gone."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import networks
import pytest
from networks import Network, ip, run, until

from landbridge.desired.links import Bridge, Namespace
from landbridge.desired.objects import HERE, Seen
from landbridge.drivers.netlink import namespaces
from landbridge.drivers.netlink.inside import NamespaceMissing, exists, inside
from landbridge.reconcile.driver import DriverError

pytestmark = pytest.mark.lab


@pytest.fixture
def net() -> Iterator[Network]:
    yield from networks.network()


def setting(namespace: str, name: str) -> str:
    """As another process inside sees it."""
    return run(f"ip netns exec {namespace} cat /proc/sys/net/{name}").strip()


def test_the_settings_are_in_force_inside_and_only_there(net: Network) -> None:
    before = {name: Path("/proc/sys/net", name).read_text() for name in ("ipv4/ip_forward", "ipv4/conf/all/rp_filter")}
    for name, value in namespaces.SETTINGS.items():
        if Path("/proc/sys/net", name).exists():
            assert setting(net.a, name) == value, name
    assert setting(net.a, "ipv4/ip_forward") == "1"
    assert setting(net.b, "ipv4/ip_forward") == "0"
    assert "UP" in ip(f"-n {net.a} link show lo").split(">")[0]
    assert {name: Path("/proc/sys/net", name).read_text() for name in before} == before


@pytest.mark.parametrize(
    "fault",
    [
        "sysctl -qw net.ipv4.conf.all.rp_filter=1",
        "sysctl -qw net.ipv4.conf.all.accept_redirects=1",
        "ip link set lo down",
    ],
)
def test_a_changed_setting_is_noticed_and_repaired(net: Network, fault: str) -> None:
    wanted = Namespace(namespace=net.a, owner=net.owner, forwarding=True)
    run(f"ip netns exec {net.a} {fault}")
    found = net.seen()[wanted.key]
    assert isinstance(found, Seen)
    assert found.fingerprint != net.driver.fingerprint(wanted)
    net.driver.put(wanted, found)
    assert net.seen()[wanted.key] == wanted


def test_forwarding_changes_in_place_and_disturbs_no_other_setting(net: Network) -> None:
    for forwarding in (False, True, False):
        wanted = Namespace(namespace=net.a, owner=net.owner, forwarding=forwarding)
        net.driver.put(wanted, None)
        assert net.seen()[wanted.key] == wanted


def test_a_foreign_namespace_is_never_touched(net: Network) -> None:
    name = net.name("foreign")
    ip(f"netns add {name}")
    wanted = Namespace(namespace=name, owner=net.owner)
    with pytest.raises(DriverError, match=f"'{name}' exists already and is somebody else's"):
        net.driver.put(wanted, None)
    with pytest.raises(DriverError, match="somebody else's"):
        net.driver.drop(wanted)
    assert list(net.driver.read([name])) == []
    assert exists(name)
    assert ip(f"-n {name} -o link").count("landbridge") == 0


def test_owned_finds_all_of_one_owner_and_no_others(net: Network) -> None:
    ip(f"netns add {net.name('foreign')}")
    assert namespaces.owned(net.owner) == sorted([net.a, net.b])
    assert namespaces.owned(f"{net.owner}2") == []


def test_what_an_interrupted_making_left_is_no_obstacle(net: Network) -> None:
    name = net.name("left")
    Path("/run/netns", name).touch()
    assert not exists(name)
    assert list(net.driver.read([name])) == []
    net.driver.put(Namespace(namespace=name, owner=net.owner), None)
    assert exists(name)


def test_dropped_namespaces_are_gone_although_a_daemon_has_a_private_copy_of_the_mounts(net: Network) -> None:
    """As charon: `unshare --mount` copies all mounts, named namespaces included, and then covers /run."""
    script = "mount -t tmpfs tmpfs /run && echo ready && exec sleep 60"
    daemon = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script], stdout=subprocess.PIPE, text=True
    )
    try:
        assert daemon.stdout is not None
        assert daemon.stdout.readline() == "ready\n"
        assert net.a in Path(f"/proc/{daemon.pid}/mountinfo").read_text()
        run(f"ip -n {net.a} link add near0 type veth peer name far0 netns {net.b}")
        net.driver.drop(Namespace(namespace=net.a, owner=net.owner))
        assert net.a not in Path(f"/proc/{daemon.pid}/mountinfo").read_text()
        # The namespace itself is gone only if the other end of its veth is.
        until(lambda: "far0" not in ip(f"-n {net.b} link"), "the namespace died")
    finally:
        daemon.kill()
        daemon.wait()
        assert daemon.stdout is not None
        daemon.stdout.close()


def test_names_made_and_deleted_from_inside_a_namespace_are_made_and_deleted_for_everybody(net: Network) -> None:
    inner = net.name("inner")
    script = (
        "import sys\n"
        "from landbridge.desired.links import Namespace\n"
        "from landbridge.drivers.netlink.driver import NetlinkDriver\n"
        f"wanted = Namespace(namespace='{inner}', owner='{net.owner}')\n"
        f"getattr(NetlinkDriver('{net.owner}'), sys.argv[1])(wanted, *([None] if sys.argv[1] == 'put' else []))\n"
    )
    run_script = ["ip", "netns", "exec", net.a, sys.executable, "-c", script]
    subprocess.run([*run_script, "put"], check=True, timeout=30)
    assert namespaces.owned(net.owner) == sorted([net.a, net.b, inner])
    run(f"ip netns exec {net.b} ip netns exec {inner} true")
    subprocess.run([*run_script, "drop"], check=True, timeout=30)
    assert not exists(inner)
    assert not Path("/run/netns", inner).exists()


def test_a_private_copy_without_its_original_is_explained(net: Network) -> None:
    """A copy whose original only a process has that is not among our ancestors."""
    script = (
        "from landbridge.desired.links import Namespace\n"
        "from landbridge.drivers.netlink.driver import NetlinkDriver\n"
        f"NetlinkDriver('{net.owner}').put(Namespace(namespace='{net.name('lost')}', owner='{net.owner}'), None)\n"
    )
    private = "mount --bind /run/netns /run/netns && mount --make-private /run/netns && mount --make-shared /run/netns"
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", f"{private} && echo ready && exec sleep 60"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        enter = ["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", "unshare", "--mount", "--propagation", "slave"]
        done = subprocess.run([*enter, sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
        assert done.returncode != 0
        assert "is a private copy here" in done.stderr
        assert "nsenter --net=" in done.stderr
        assert not exists(net.name("lost"))
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()


def test_a_thread_inside_leaves_the_others_where_they_are(net: Network) -> None:
    def identity() -> int:
        return os.stat("/proc/thread-self/ns/net").st_ino

    home, seen = identity(), []
    entered = threading.Event()
    other = threading.Thread(target=lambda: entered.wait(10) and seen.append(identity()))
    other.start()
    with inside(net.a):
        entered.set()
        other.join()
        assert identity() == os.stat(f"/run/netns/{net.a}").st_ino != home
        with inside(net.b):
            assert identity() == os.stat(f"/run/netns/{net.b}").st_ino
        with inside(HERE):
            assert identity() == os.stat(f"/run/netns/{net.a}").st_ino
    assert identity() == home
    assert seen == [home]
    with pytest.raises(RuntimeError, match="on purpose"), inside(net.a):
        raise RuntimeError("on purpose")
    assert identity() == home


def test_a_missing_namespace_has_a_sentence(net: Network) -> None:
    with pytest.raises(NamespaceMissing, match=f"'{net.name('none')}' does not exist"), inside(net.name("none")):
        pass
    with pytest.raises(ValueError, match="not a name"), inside("../run/netns/x"):
        pass
    with pytest.raises(DriverError, match="does not exist"):
        net.driver.put(Bridge(namespace=net.name("none"), name="br0"), None)


@pytest.mark.parametrize(
    ("argv", "code", "output"),
    [
        (["sh", "-c", "ip -o link show alias-of-lo 2>/dev/null; ls /sys/class/net; exit 7"], 7, "lo"),
        (["no-such-program"], 3, "'no-such-program' could not be run: No such file or directory"),
        (["python3", "-c", "import signal; print(signal.getsignal(signal.SIGPIPE))"], 0, ""),
    ],
)
def test_a_command_takes_the_place_of_the_process(net: Network, argv: list[str], code: int, output: str) -> None:
    script = (
        "import sys\n"
        "from landbridge.drivers.execute import run_in\n"
        "from landbridge.reconcile.driver import DriverError\n"
        "try:\n    run_in(sys.argv[1], sys.argv[2:])\n"
        "except DriverError as error:\n    print(error)\n    sys.exit(3)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, net.a, *argv], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == code, done.stderr
    assert output in done.stdout
    if argv[0] == "sh":
        assert done.stdout.split() == ["lo"], "/sys shows the namespace's links, not the host's"


def test_a_command_sees_the_resolv_conf_that_it_is_given_and_nobody_else_does(net: Network) -> None:
    script = (
        "import sys\n"
        "from ipaddress import IPv4Address\n"
        "from landbridge.drivers.execute import run_in\n"
        "from landbridge.model.resolver import Resolver\n"
        "run_in(sys.argv[1], sys.argv[2:], Resolver(('corp.example',), (IPv4Address('10.0.0.53'),)))\n"
    )
    look = "cat /etc/resolv.conf; ls /sys/class/net"
    machines, mounts = Path("/etc/resolv.conf").read_text(), _mounts()
    done = subprocess.run(
        [sys.executable, "-c", script, net.a, "sh", "-c", look], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["search corp.example", "nameserver 10.0.0.53", "lo"]
    assert done.stderr == ""
    assert Path("/etc/resolv.conf").read_text() == machines
    assert _mounts() == mounts


def _mounts() -> list[str]:
    """Everything mounted, but for namespaces, which others make and remove meanwhile."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if "/run/netns/" not in line]
