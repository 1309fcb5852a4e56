"""The lab's sites and hosts, and access keys."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from support import Cloud

from landbridge.control.access_keys import MAX_KEYS, CreateAccessKey, DeleteAccessKey, ListAccessKeys
from landbridge.control.base import PLAIN_POOLS, Command
from landbridge.control.instances import RunInstances
from landbridge.control.lab import AddHost, AddSite, RemoveHost, RemoveSite
from landbridge.control.lifecycle import MarkBuilt
from landbridge.control.subnets import CreateSubnet
from landbridge.control.vpcs import CreateVpc
from landbridge.model.attached import interfaces_of
from landbridge.model.errors import (
    Combination,
    Conflict,
    Invalid,
    LandbridgeError,
    LimitExceeded,
    NotFound,
    Unsupported,
)
from landbridge.model.keys import Role
from landbridge.model.lab import LabSite
from landbridge.model.resources import State
from landbridge.model.secret import Secret

LAN = IPv4Network("192.168.60.0/24")


def site(name: str = "berlin", address: str = "203.0.113.77", lan: str = "192.168.60.0/24") -> AddSite:
    return AddSite(name, IPv4Address(address), IPv4Network(lan))


def host(name: str = "web", address: str = "198.51.100.10") -> AddHost:
    return AddHost(name, IPv4Address(address))


def test_sites_and_hosts_come_and_go() -> None:
    cloud = Cloud(builds=True)
    assert cloud.run(site()).state is State.PENDING
    cloud.run(host())
    cloud.run(MarkBuilt(frozenset({"berlin", "web"})))
    berlin = cloud.snapshot.get(LabSite, "berlin")
    assert berlin is not None
    assert berlin.state is State.AVAILABLE
    cloud.run(RemoveSite("berlin"))
    cloud.run(RemoveHost("web"))
    cloud.run(site())
    for gone in (RemoveSite("rome"), RemoveHost("web")):
        with pytest.raises(NotFound):
            cloud.run(gone)


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (site("berlin", "203.0.113.78"), Conflict),
        (site("rome", "203.0.113.77"), Conflict),
        (site("web", "203.0.113.78"), Conflict),
        (host("berlin", "198.51.100.11"), Conflict),
        (host("mail", "198.51.100.10"), Conflict),
        (site("berlin-host", "203.0.113.78"), Invalid),
        (host("berlin-host", "198.51.100.11"), Invalid),
        (site("Rome", "203.0.113.78"), Invalid),
        (site("", "203.0.113.78"), Invalid),
        (site("a" * 32, "203.0.113.78"), Invalid),
        (site("rome\n", "203.0.113.78"), Invalid),
        (site("../etc", "203.0.113.78"), Invalid),
        (site("-rome", "203.0.113.78"), Invalid),
        (site("rome", "203.0.113.1"), Invalid),
        (site("rome", "203.0.113.128"), Invalid),
        (site("rome", "198.51.100.77"), Invalid),
        (site("rome", "203.0.113.78", "192.168.60.0/29"), Invalid),
        (site("rome", "203.0.113.78", "8.8.8.0/24"), Invalid),
        (site("rome", "203.0.113.78", "198.51.100.0/24"), Invalid),
        (site("rome", "203.0.113.78", "0.0.0.0/0"), Invalid),
        (host("mail", "198.51.100.1"), Invalid),
        (host("mail", "198.51.100.255"), Invalid),
        (host("mail", "203.0.113.5"), Invalid),
    ],
)
def test_what_is_refused(command: Command, error: type[LandbridgeError]) -> None:
    cloud = Cloud()
    cloud.run(site())
    cloud.run(host())
    before = cloud.snapshot
    with pytest.raises(error):
        cloud.run(command)
    assert cloud.snapshot is before


def test_the_first_and_the_last_site_address() -> None:
    cloud = Cloud()
    cloud.run(site("first", "203.0.113.2"))
    cloud.run(site("last", "203.0.113.127", "10.0.0.0/8"))


def test_names_are_unique_on_the_machine() -> None:
    cloud = Cloud()
    cloud.run(site())
    with pytest.raises(Conflict):
        cloud.run(site("berlin", "203.0.113.78"), account="999999999999")


def test_a_host_cannot_take_an_instances_address() -> None:
    cloud = Cloud()
    vpc = cloud.run(CreateVpc(IPv4Network("10.0.0.0/16")))
    subnet = cloud.run(CreateSubnet(vpc.id, IPv4Network("10.0.0.0/24")))
    (instance,) = cloud.run(RunInstances(subnet.id, "ami-1", public_address=True))
    with pytest.raises(Conflict):
        cloud.run(AddHost("web", interfaces_of(cloud.snapshot, instance.id)[0].public))


def test_there_is_no_lab_without_lab() -> None:
    cloud = Cloud(pools=PLAIN_POOLS)
    for command in (site(), host()):
        with pytest.raises(Unsupported):
            cloud.run(command)


def test_keys_are_generated_given_listed_and_deleted() -> None:
    cloud = Cloud()
    made = cloud.run(CreateAccessKey())
    assert made.id.startswith("LKIA")
    assert (len(made.id), len(made.secret.reveal())) == (20, 40)
    given = cloud.run(CreateAccessKey("test_key", Secret("0123456789abcdef")))
    assert cloud.run(ListAccessKeys()) == (made, given)
    assert cloud.run(ListAccessKeys(), account="999999999999") == ()
    with pytest.raises(NotFound):
        cloud.run(DeleteAccessKey(made.id), account="999999999999")
    cloud.run(DeleteAccessKey(made.id))
    assert cloud.run(ListAccessKeys()) == (given,)
    with pytest.raises(NotFound):
        cloud.run(DeleteAccessKey(made.id))


@pytest.mark.parametrize(
    ("key_id", "secret", "error"),
    [
        ("test_key", "0123456789abcdef", Conflict),
        ("other", None, Combination),
        (None, "0123456789abcdef", Combination),
        ("a/b/c/d", "0123456789abcdef", Invalid),
        ("abc", "0123456789abcdef", Invalid),
        ("other", "short", Invalid),
        ("other", "0123456789 abcdef", Invalid),
        ("other", "x" * 129, Invalid),
    ],
)
def test_keys_that_are_refused(key_id: str | None, secret: str | None, error: type[LandbridgeError]) -> None:
    cloud = Cloud()
    cloud.run(CreateAccessKey("test_key", Secret("0123456789abcdef")))
    command = CreateAccessKey(key_id, None if secret is None else Secret(secret))
    with pytest.raises(error) as caught:
        cloud.run(command)
    assert secret is None or secret not in str(caught.value) + repr(command)


def test_a_key_has_an_account_and_a_role() -> None:
    cloud = Cloud()
    made = cloud.run(CreateAccessKey(role=Role.READ_ONLY), account="000000000042")
    assert (made.account, made.role) == ("000000000042", Role.READ_ONLY)
    assert cloud.run(CreateAccessKey()).role is Role.ADMIN
    with pytest.raises(Conflict):
        cloud.run(CreateAccessKey(made.id, Secret("0123456789abcdef")))  # an id is one account's only


@pytest.mark.parametrize("account", ["", "42", "1234567890123", "12345678901x", "\u0661" * 12, "123456789012\n"])
def test_an_account_is_twelve_digits(account: str) -> None:
    with pytest.raises(Invalid, match="twelve digits"):
        Cloud().run(CreateAccessKey(), account=account)


def test_one_account_cannot_use_up_the_keys_of_others() -> None:
    cloud = Cloud()
    for _ in range(MAX_KEYS):
        cloud.run(CreateAccessKey())
    with pytest.raises(LimitExceeded):
        cloud.run(CreateAccessKey())
    cloud.run(CreateAccessKey(), account="999999999999")
