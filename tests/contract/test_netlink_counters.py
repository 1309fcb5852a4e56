"""What passed a link, as the kernel and `ip` both tell it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from networks import Network, ip, network, run

from landbridge.drivers.netlink.counters import counts

pytestmark = pytest.mark.lab


@pytest.fixture
def net() -> Iterator[Network]:
    yield from network()


def join(net: Network) -> None:
    ip(f"-n {net.a} link add t1 type veth peer name t1 netns {net.b}")
    for namespace, address in ((net.a, "192.0.2.1/24"), (net.b, "192.0.2.2/24")):
        ip(f"-n {namespace} address add {address} dev t1")
        ip(f"-n {namespace} link set t1 up")


def test_what_passes_is_counted_and_a_link_made_anew_is_another_one(net: Network) -> None:
    join(net)
    before = counts(net.a)["t1"]
    run(f"ip netns exec {net.a} ping -c 3 -i 0.01 -s 1000 192.0.2.2")
    after = counts(net.a)["t1"]
    assert after.life == before.life
    assert after.received - before.received >= 3 * 1000
    assert after.sent - before.sent >= 3 * 1000
    ip(f"-n {net.a} link set t1 down")  # it says no more on its own account
    [told] = json.loads(ip(f"-n {net.a} -s -j link show t1"))
    stats, now = told["stats64"], counts(net.a)["t1"]
    assert (stats["rx"]["bytes"], stats["tx"]["bytes"]) == (now.received, now.sent)
    ip(f"-n {net.a} link delete t1")
    assert "t1" not in counts(net.a)
    join(net)
    assert counts(net.a)["t1"].life != after.life


def test_a_namespace_that_is_gone_has_counted_nothing(net: Network) -> None:
    assert counts(net.name("never")) == {}
