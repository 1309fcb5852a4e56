"""The lab's Internet: customers' sites and hosts, as resources with a desired state.

Their names become the names of network namespaces: short, plain, and unique on the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from landbridge.control.addresses import may_be_public, public_in_use
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.model.errors import Conflict, Invalid, NotFound, Unsupported
from landbridge.model.lab import LabHost, LabSite
from landbridge.model.resources import State
from landbridge.model.snapshot import Snapshot

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")
HOST_SUFFIX: Final = "-host"
"""What the host on a site's LAN is called behind the site's name."""
LARGEST_LAN: Final = 8
SMALLEST_LAN: Final = 28
"""The LAN's host has `.10`."""

_PRIVATE: Final = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


@dataclass(frozen=True, slots=True)
class AddSite(Command):
    """A site: a gateway machine with a public address and a LAN with one host. Reply: the LabSite."""

    name: str
    public_address: IPv4Address
    lan: IPv4Network


@dataclass(frozen=True, slots=True)
class RemoveSite(Command):
    """Take a site away. Reply: None."""

    name: str


@dataclass(frozen=True, slots=True)
class AddHost(Command):
    """A host on the Internet. Reply: the LabHost."""

    name: str
    address: IPv4Address


@dataclass(frozen=True, slots=True)
class RemoveHost(Command):
    """Take a host away. Reply: None."""

    name: str


def add_site(scope: Scope, command: AddSite, context: Context) -> Outcome[LabSite]:
    """Refuses names and addresses that are taken, and LANs that are not private."""
    pool = _lab(context)
    _check_name(scope.snapshot, command.name)
    place = int(command.public_address) - int(pool.network_address)
    if not 2 <= place < pool.num_addresses:
        raise Invalid(
            "PublicAddress",
            f"A site's public address is one of {pool[2]} to {pool[-1]}; {command.public_address} is not.",
        )
    for site in scope.snapshot.all(LabSite):
        if site.public_address == command.public_address:
            raise Conflict(f"The site {site.id} has the address {command.public_address} already. Choose another one.")
    lan = command.lan
    if not LARGEST_LAN <= lan.prefixlen <= SMALLEST_LAN or not any(lan.subnet_of(net) for net in _PRIVATE):
        raise Invalid(
            "Lan",
            f"A site's LAN is a private network (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16) of /{LARGEST_LAN} to "
            f"/{SMALLEST_LAN}, for instance 192.168.60.0/24; {lan} is not.",
        )
    site = LabSite(
        id=command.name,
        account=context.account,
        region=context.region,
        created=context.now,
        public_address=command.public_address,
        lan=lan,
        state=State.PENDING if context.builds else State.AVAILABLE,
    )
    return Outcome(site, put(site))


def remove_site(scope: Scope, command: RemoveSite, context: Context) -> Outcome[None]:
    """The site is gone at once; the data plane follows."""
    site = scope.snapshot.get(LabSite, command.name)
    if site is None:
        raise NotFound("site", command.name[:40])
    return Outcome(None, remove(site))


def add_host(scope: Scope, command: AddHost, context: Context) -> Outcome[LabHost]:
    """Refuses names and addresses that are taken."""
    _lab(context)
    _check_name(scope.snapshot, command.name)
    address, pool = command.address, context.pools.public
    if not may_be_public(context.pools, address):
        raise Invalid("Address", f"A host's address is one of {pool[2]} to {pool[-2]}; {address} is not.")
    if address in public_in_use(scope.snapshot):
        raise Conflict(f"The address {address} is taken by another host or an instance. Choose another one.")
    host = LabHost(
        id=command.name,
        account=context.account,
        region=context.region,
        created=context.now,
        address=address,
        state=State.PENDING if context.builds else State.AVAILABLE,
    )
    return Outcome(host, put(host))


def remove_host(scope: Scope, command: RemoveHost, context: Context) -> Outcome[None]:
    """The host is gone at once; the data plane follows."""
    host = scope.snapshot.get(LabHost, command.name)
    if host is None:
        raise NotFound("host", command.name[:40])
    return Outcome(None, remove(host))


def _lab(context: Context) -> IPv4Network:
    if context.pools.sites is None:
        raise Unsupported("There is no lab here: start the service with --lab to have sites and Internet hosts.")
    return context.pools.sites


def _check_name(snapshot: Snapshot, name: str) -> None:
    if NAME.fullmatch(name) is None or name.endswith(HOST_SUFFIX):
        raise Invalid(
            "Name",
            "A name has up to 31 lower-case letters, digits and hyphens, begins with a letter and does not end in "
            f"{HOST_SUFFIX}.",
        )
    if snapshot.get(LabSite, name) is not None or snapshot.get(LabHost, name) is not None:
        raise Conflict(f"The name {name} is taken. Choose another one, or remove that site or host.")
