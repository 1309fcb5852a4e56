"""How long a pass of the reconciler takes at 1,000 tunnels of 15 objects, over a host in memory (drivers cost nothing).

Run: `python bench/reconcile.py`. What counts is the pass for a small change: it should not grow with the size.
"""

from __future__ import annotations

import gc
import logging
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import structlog

from landbridge.desired.ike import Charon, IkeConnection
from landbridge.desired.links import Address, DataPlane, KernelRoute, KernelRule, Namespace, TunnelDevice, VethEnd
from landbridge.desired.objects import HERE, HostObject, HostState, Key, host_state
from landbridge.desired.rulesets import Chain, Hook, Ruleset
from landbridge.desired.speakers import Speaker
from landbridge.drivers.fake import FakeDriver, FakeHost
from landbridge.model.secret import Secret
from landbridge.reconcile.diff import diff
from landbridge.reconcile.loop import Reconciler

TUNNELS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
PER_GATEWAY = 10


def tunnel(number: int) -> tuple[HostObject, ...]:
    """The 15 objects of a tunnel; ten tunnels share a gateway."""
    endpoint, gateway, link = f"ep{number}", f"gw{number // PER_GATEWAY}", f"tun{number}"
    outside = IPv4Interface((IPv4Address("100.64.0.1") + number, 10))
    inside = IPv4Interface((IPv4Address("169.254.0.1") + 4 * number, 30))
    site = IPv4Network((IPv4Address("10.0.0.0") + 4096 * number, 20))
    return (
        Namespace(namespace=endpoint, owner="bench"),
        VethEnd(namespace=endpoint, name="up", peer_namespace=HERE, peer_name=f"e{number}"),
        VethEnd(namespace=HERE, name=f"e{number}", peer_namespace=endpoint, peer_name="up"),
        Address(namespace=endpoint, link="up", address=outside),
        KernelRoute(
            namespace=endpoint,
            table=254,
            destination=IPv4Network("0.0.0.0/0"),
            gateway=IPv4Address("100.127.255.254"),
            link="up",
        ),
        Ruleset(namespace=endpoint, chains=(Chain(hook=Hook.INPUT, accept=False),)),
        Charon(namespace=endpoint, data_plane=DataPlane.LIBIPSEC),
        IkeConnection(
            namespace=endpoint,
            name=f"c{number}",
            local=outside.ip,
            remote=IPv4Address("198.51.100.1"),
            local_id=outside.ip,
            remote_id=IPv4Address("198.51.100.1"),
            psk=Secret(f"secret-{number}"),
        ),
        TunnelDevice(namespace=gateway, name=link, endpoint=endpoint, data_plane=DataPlane.LIBIPSEC, mtu=1400),
        Address(namespace=gateway, link=link, address=inside),
        *(
            KernelRoute(namespace=gateway, table=254, destination=part, gateway=inside.ip + 1, link=link)
            for part in site.subnets(new_prefix=22)
        ),
        KernelRule(namespace=gateway, priority=number + 1, iif=link, table=254),
    )


def whole() -> dict[str, tuple[HostObject, ...]]:
    """All of it, in groups."""
    groups = {f"ep{number}": tunnel(number) for number in range(TUNNELS)}
    for number in range((TUNNELS + PER_GATEWAY - 1) // PER_GATEWAY):
        space = f"gw{number}"
        groups[space] = (
            Namespace(namespace=space, owner="bench", forwarding=True),
            Speaker(namespace=space, router_id=IPv4Address("169.254.0.1"), asn=64512),
        )
    return groups


class Bench:
    """A reconciler over a fake host, and a stopwatch."""

    def __init__(self) -> None:
        self.groups = whole()
        self.revision = 1
        self.state: HostState = host_state(*self.groups.values())
        self.host = FakeHost()
        self.reconciler = Reconciler(
            lambda: (self.revision, self.state),
            [FakeDriver(self.host)],
            lambda: [key[1] for key in list(self.host.objects) if key[0] == "namespace"],
            workers=1,
            resync_every=3600,
        )

    def settle(self) -> int:
        """Turn until all is there."""
        turns = 0
        while not self.reconciler.converged(self.revision):
            self.reconciler.turn()
            turns += 1
        return turns

    def change(self, item: HostObject) -> None:
        """One object of all others, as a memoised desired state would give it."""
        self.revision += 1
        self.state = {**self.state, item.key: item}


def timed(name: str, work: Callable[[], object], repeat: int = 1) -> None:
    """Print how long it takes: the median, and the longest."""
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    print(f"{name:56} {statistics.median(times):9.1f} ms   (longest {max(times):.1f})")


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    bench = Bench()
    print(f"{TUNNELS} tunnels, {len(bench.state)} objects, {len({key[1] for key in bench.state})} namespaces")
    driver = FakeDriver(bench.host)
    timed("full diff against nothing (pure)", lambda: diff(bench.state, {}, driver.fingerprint))
    timed("full diff against the same (pure)", lambda: diff(bench.state, bench.state, driver.fingerprint))
    bench.host.objects.update(bench.state)
    timed("first pass: adopt everything", bench.settle)
    assert bench.host.calls == []
    gc.collect()
    timed("pass in which nothing changed", bench.reconciler.turn, 50)
    keys: list[Key] = [key for key in bench.state if key[0] == "link" and key[1].startswith("gw")]
    # The driver's share in memory is a walk over all objects, which a real one does not make.
    reads = 0.0
    inner = driver.read

    for round_ in range(2):
        times = []
        for key in keys[round_ :: len(keys) // 25]:
            device = bench.state[key]
            assert isinstance(device, TunnelDevice)
            bench.change(replace(device, mtu=1300 - round_))
            began = time.perf_counter()
            turns = bench.settle()
            times.append((time.perf_counter() - began) * 1000)
            assert turns == 1
            began = time.perf_counter()
            inner([key[1], device.endpoint])
            reads = (time.perf_counter() - began) * 1000
    print(
        f"{'pass that changes one tunnel':56} {statistics.median(times):9.1f} ms   (longest {max(times):.1f}; "
        f"of which the fake host's read {reads:.1f})"
    )

    def woken() -> None:
        bench.reconciler.wake("gw1")
        bench.reconciler.turn()

    timed("wake of one namespace without a change", woken)
    gone: list[float] = []
    back: list[float] = []
    for number in range(1, TUNNELS, max(1, TUNNELS // 15)):
        group = {item.key for item in bench.groups[f"ep{number}"]}
        everything = bench.state
        for times, state in ((gone, {k: v for k, v in everything.items() if k not in group}), (back, everything)):
            bench.revision += 1
            bench.state = state
            began = time.perf_counter()
            assert bench.settle() == 1
            times.append((time.perf_counter() - began) * 1000)
    for name, times in (("takes a tunnel away (reads 1,000 veths)", gone), ("brings it back", back)):
        print(f"{'pass that ' + name:56} {statistics.median(times):9.1f} ms   (longest {max(times):.1f})")


if __name__ == "__main__":
    main()
