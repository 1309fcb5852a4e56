"""resolv.conf(5) of what an instance is told."""

from __future__ import annotations

from ipaddress import IPv4Address

from landbridge.model.resolver import Resolver

MACHINES = "# written by hand\ndomain old.example\nsearch old.example\nnameserver 192.0.2.1\noptions edns0\n\n"
OWN = IPv4Address("10.0.0.53")


def test_own_servers_leave_nothing_of_the_machines() -> None:
    assert Resolver(("corp.example", "b.example"), (OWN,)).text(MACHINES) == (
        "search corp.example b.example\nnameserver 10.0.0.53\n"
    )
    assert Resolver((), (OWN, OWN + 1)).text(MACHINES) == "nameserver 10.0.0.53\nnameserver 10.0.0.54\n"


def test_without_servers_the_machines_are_asked() -> None:
    assert Resolver(("corp.example",)).text(MACHINES) == "search corp.example\nnameserver 192.0.2.1\noptions edns0\n"
    assert Resolver().text("nameserver 192.0.2.1\nsearch x\n") == "nameserver 192.0.2.1\nsearch x\n"
    assert Resolver(("corp.example",)).text("") == "search corp.example\n"
