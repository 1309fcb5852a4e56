"""Which network namespace somebody means: an instance, a gateway, an endpoint, a lab site or host, by id or by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from landbridge.control.dhcp_options import resolver
from landbridge.desired.names import Names, site_host
from landbridge.model.errors import Conflict, NotFound, WrongState
from landbridge.model.instances import Instance, InstanceState
from landbridge.model.lab import LabHost, LabSite
from landbridge.model.network import DhcpOptions, InternetGateway, Vpc
from landbridge.model.resolver import Resolver
from landbridge.model.resources import Attachment, State
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import VpnConnection, VpnGateway

NOUN = "instance, gateway, endpoint, site or host"
INTERNET = "internet"
"""What the simulated Internet's own namespace is called, unless a lab host took the name."""


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace, whose it is, and how far it has come (an API state)."""

    name: str
    kind: str
    namespace: str
    state: str
    tag: str = ""
    resolver: Resolver | None = None
    """What takes the place of the machine's resolv.conf there; None: nothing does."""


def find(name: str, snapshot: Snapshot, own: Names) -> Place:
    """The place of that id or name; an id or a lab name wins over a tag `Name`.

    Endpoints are called like their connection with the tunnel's number behind it: `vpn-...-1`.

    Raises:
        NotFound: nothing is called so.
        Conflict: several instances or gateways carry that tag.
        WrongState: it is not built yet, or on its way out.
    """
    places = list(_places(snapshot, own))
    found = [p for p in places if name in (p.name, p.namespace)] or [p for p in places if name and p.tag == name]
    if not found:
        raise NotFound(NOUN, name)
    if len(found) > 1:
        raise Conflict(f"Several are called '{name}': {', '.join(p.name for p in found)}. Use one of these ids.")
    if found[0].state not in ("available", "running", "attached"):
        raise WrongState(f"The {found[0].kind} '{name}' is {found[0].state}. Wait until it is there, then try again.")
    return found[0]


def _resolver(vpc_id: str, snapshot: Snapshot) -> Resolver | None:
    vpc = snapshot.get(Vpc, vpc_id)
    options = snapshot.get(DhcpOptions, vpc.dhcp_options_id) if vpc is not None else None
    return resolver(options) if options is not None else None


def _places(snapshot: Snapshot, own: Names) -> Iterator[Place]:
    for instance in snapshot.all(Instance):
        if instance.state is not InstanceState.TERMINATED:
            told = _resolver(instance.vpc_id, snapshot)
            yield Place(instance.id, "instance", own.of(instance.id), instance.state, instance.name, told)
    for vpc in snapshot.all(Vpc):
        yield Place(vpc.id, "VPC router", own.of(vpc.id), vpc.state, vpc.name)
    for vgw in snapshot.all(VpnGateway):
        if vgw.state is not State.DELETED:
            yield Place(vgw.id, "virtual private gateway", own.of(vgw.id), vgw.state, vgw.name)
    for igw in snapshot.all(InternetGateway):
        if igw.attachment is not Attachment.DETACHED:
            yield Place(igw.id, "internet gateway", own.of(igw.id), igw.attachment, igw.name)
    for connection in snapshot.all(VpnConnection):
        if connection.state is not State.DELETED:
            for number in (1, 2):
                space = own.endpoint(connection.id, number)
                yield Place(f"{connection.id}-{number}", "tunnel endpoint", space, connection.state)
    names = set[str]()
    for site in snapshot.all(LabSite):
        host = site_host(site.id)
        names |= {site.id, host}
        yield Place(site.id, "lab site", site.id, site.state)
        yield Place(host, "lab site's host", host, site.state)
    for lab_host in snapshot.all(LabHost):
        names.add(lab_host.id)
        yield Place(lab_host.id, "lab host", lab_host.id, lab_host.state)
    if INTERNET not in names:
        yield Place(INTERNET, "simulated Internet", own.internet, "available")
