"""The whole desired state of one host: every resource's objects, grouped by the resource that asks for them.

Pure, and work follows the change: each group is computed from the few resources that it depends on and remembered for
as long as those stay the same values, so one more change among a thousand resources computes one group.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from landbridge.control.base import Pools
from landbridge.control.limits import AWS, Limits
from landbridge.desired import internet_gateway as igw
from landbridge.desired import lab, vpc, vpn_gateway
from landbridge.desired.firewall import firewall
from landbridge.desired.health import Health
from landbridge.desired.links import DataPlane
from landbridge.desired.mtu import UPLINK_MTU, esp_of, tunnel_mtu, widest
from landbridge.desired.names import TO_INTERNET_GATEWAY, TO_VPN_GATEWAY, Names, tunnel_link
from landbridge.desired.objects import HostObject, HostState, Key
from landbridge.desired.speakers import Bfd
from landbridge.desired.suites import phase_2
from landbridge.model.attached import by_instance
from landbridge.model.certificates import AUTHORITY, Authority, DeviceCertificate
from landbridge.model.crypto import CryptoPolicy
from landbridge.model.firewall import NetworkAcl, SecurityGroup, SecurityGroupRule
from landbridge.model.in_force import Part, is_away, parts
from landbridge.model.instances import Instance, InstanceState, NetworkInterface
from landbridge.model.lab import LabHost, LabSite
from landbridge.model.network import InternetGateway, RouteTable, Subnet, Vpc
from landbridge.model.resources import Attachment, State
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import CustomerGateway, Tunnel, VpnConnection, VpnGateway
from landbridge.routing.tables import followed, leads_somewhere, plugged, propagator

Group = tuple[HostObject, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Settings:
    """What one instance of the service is: its names, its pools, who does ESP, BFD, limits, uplink."""

    names: Names
    pools: Pools
    data_plane: DataPlane
    bfd: Bfd | None
    limits: Limits = AWS
    uplink_mtu: int = UPLINK_MTU
    """Of the tunnel endpoints' own links."""
    crypto_policy: CryptoPolicy = CryptoPolicy.AWS


@dataclass(frozen=True, slots=True)
class Wanted:
    """The desired state, and which resource asked for which objects."""

    revision: int
    state: HostState
    owners: Mapping[str, tuple[Key, ...]]


class Planner:
    """Computes `Wanted` from snapshots. It remembers groups (only a cache: what it gives depends on the arguments)."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._remembered: dict[Hashable, Group] = {}

    def wanted(self, snapshot: Snapshot, health: Health) -> Wanted:
        """Every object that this host should have."""
        used: dict[Hashable, Group] = {}

        def group(make: Callable[..., Group], *inputs: Hashable) -> Group:
            key = (make, inputs)
            found = used.get(key) or self._remembered.get(key)
            used[key] = made = found if found is not None else make(*inputs)
            return made

        owners: dict[str, list[Group]] = defaultdict(list)
        _View(self._settings, snapshot, health, group, owners).collect()
        self._remembered = used
        state: dict[Key, HostObject] = {}
        keys: dict[str, tuple[Key, ...]] = {}
        for resource_id, groups in owners.items():
            mine = {item.key: item for each in groups for item in each}
            keys[resource_id] = tuple(mine)
            state.update(mine)
        return Wanted(snapshot.revision, state, keys)


class _View:
    """One snapshot's resources by what they belong to, and a method per kind of group."""

    def __init__(
        self,
        settings: Settings,
        snapshot: Snapshot,
        health: Health,
        group: Callable[..., Group],
        owners: dict[str, list[Group]],
    ) -> None:
        self.own = settings.names
        self.settings = settings
        self.snapshot = snapshot
        self.health = health
        self.ciphers = dict(health.ciphers)
        self.group = group
        self.owners = owners
        self.subnets = _by(snapshot.all(Subnet), lambda s: s.vpc_id)
        self.instances = _by(
            (i for i in snapshot.all(Instance) if i.state in (InstanceState.PENDING, InstanceState.RUNNING)),
            lambda i: i.vpc_id,
        )
        self.interfaces = _by(
            (i for i in snapshot.all(NetworkInterface) if plugged(i, snapshot)),
            lambda i: i.vpc_id,
        )
        groups = {group.id: group.vpc_id for group in snapshot.all(SecurityGroup)}
        self.rules = _by(snapshot.all(SecurityGroupRule), lambda r: groups[r.group_id])
        self.acls = _by(snapshot.all(NetworkAcl), lambda a: a.vpc_id)
        self.tables = _by(snapshot.all(RouteTable), lambda t: t.vpc_id)
        self.igws = {
            g.vpc_id: g
            for g in snapshot.all(InternetGateway)
            if g.vpc_id and g.attachment in (Attachment.ATTACHING, Attachment.ATTACHED)
        }
        self.live_vgws = [g for g in snapshot.all(VpnGateway) if g.state in (State.PENDING, State.AVAILABLE)]
        self.vgws = {g.vpc_id: g for g in self.live_vgws if vpn_gateway.attached(g)}
        self.connections = _by(
            (part for c in snapshot.all(VpnConnection) if vpn_gateway.alive(c) for part in parts(c)),
            lambda part: part.connection.vpn_gateway_id,
        )

    def add(self, resource_id: str, make: Callable[..., Group], *inputs: Hashable) -> None:
        self.owners[resource_id].append(self.group(make, self.own, *inputs))

    def collect(self) -> None:
        pools = self.settings.pools
        self.add("internet", lab.internet, (pools.outside, pools.public))
        for site in self.snapshot.all(LabSite):
            if site.state is not State.DELETING:
                self.add(site.id, lab.site, site, pools.outside)
        for host in self.snapshot.all(LabHost):
            if host.state is not State.DELETING:
                self.add(host.id, lab.host, host, pools.public)
        for each in self.snapshot.all(Vpc):
            self.vpc(each)
        for gateway in self.live_vgws:
            self.vpn_gateway(gateway)

    def vpc(self, wanted: Vpc) -> None:
        subnets = tuple(self.subnets[wanted.id])
        by_id = {s.id: s for s in subnets}
        tables = self.tables[wanted.id]
        interfaces = self.interfaces[wanted.id]
        internet, vpn = self.igws.get(wanted.id), self.vgws.get(wanted.id)
        links = ([TO_INTERNET_GATEWAY] if internet else []) + ([TO_VPN_GATEWAY] if vpn else [])

        self.add(wanted.id, vpc.router, wanted, tuple(links))
        for net in subnets:
            table_of = followed(net, tables)
            assert table_of is not None, "a VPC always has a main route table"
            self.add(net.id, vpc.subnet, net, table_of.number)
        guard = (
            *self.group(vpc.ports, self.own, wanted, tuple(interfaces)),
            *self.group(
                firewall,
                self.own,
                wanted,
                subnets,
                tuple(interfaces),
                tuple(self.rules[wanted.id]),
                tuple(self.acls[wanted.id]),
            ),
        )
        self.owners[wanted.id].append(guard)
        plugged_in = by_instance(interfaces)
        for instance in self.instances[wanted.id]:
            self.instance(instance, plugged_in.get(instance.id, ()), by_id, guard)
        for table in tables:
            used = tuple((i.id, i) for i in interfaces if any(r.target == i.id for r in table.routes))
            live = frozenset(r.target for r in table.routes if leads_somewhere(r.target, wanted.id, self.snapshot))
            self.add(table.id, _route_table, wanted, table, subnets, used, live)
        if internet:
            mapped = tuple(igw.mapped(interfaces))
            self.add(internet.id, igw.internet_gateway, internet, wanted, self.settings.pools.public, mapped)
        if vpn:
            numbers = tuple(t.number for t in tables if propagator(t, self.snapshot) == vpn.id)
            self.add(vpn.id, _vpc_speaker, wanted, vpn, numbers, self.settings.limits)

    def instance(
        self, instance: Instance, interfaces: Sequence[NetworkInterface], subnets: Mapping[str, Subnet], guard: Group
    ) -> None:
        forwards = any(not interface.source_dest_check for interface in interfaces)
        self.add(instance.id, vpc.instance, instance.id, forwards)
        met = set[str]()
        for interface in interfaces:
            doubled = interface.subnet_id in met
            met.add(interface.subnet_id)
            # An instance runs once its interfaces are there, too.
            for owner in (interface.id, instance.id):
                subnet = subnets[interface.subnet_id]
                self.add(owner, vpc.interface, interface, subnet, len(interfaces) == 1, doubled)
                self.owners[owner].append(guard)

    def vpn_gateway(self, gateway: VpnGateway) -> None:
        vpc_of = self.snapshot.get(Vpc, gateway.vpc_id) if vpn_gateway.attached(gateway) and gateway.vpc_id else None
        pairs: list[tuple[Part, CustomerGateway]] = []
        for part in self.connections[gateway.id]:
            customer = self.snapshot.get(CustomerGateway, part.connection.customer_gateway_id)
            assert customer is not None, "a connection's customer gateway cannot be deleted"
            pairs.append((part, customer))
        tunnels = [(part.connection, t) for part, _ in pairs for t in part.tunnels]
        links = tuple((tunnel_link(c.number, t.number), self.mtu(c, t)) for c, t in tunnels)
        cleared = tuple(tunnel_link(c.number, t.number) for c, t in tunnels if c.clear_df)
        self.add(gateway.id, vpn_gateway.gateway_router, gateway, vpc_of, links, cleared)
        for part, customer in pairs:
            connection = part.connection
            for tunnel in part.tunnels:
                if is_away(connection, tunnel.number):
                    continue
                self.add(
                    connection.id,
                    vpn_gateway.cloud_endpoint,
                    connection,
                    self.with_key(connection, tunnel),
                    customer,
                    self.settings.pools.outside,
                    self.settings.data_plane,
                    self.mtu(connection, tunnel),
                    self.settings.uplink_mtu,
                    self.settings.crypto_policy,
                    self.trust(customer),
                )
        mine = frozenset(part.connection.id for part, _ in pairs)
        health = Health(
            dead=_only(self.health.dead, mine),
            bfd_seen=_only(self.health.bfd_seen, mine),
            up=_only(self.health.up, mine),
        )  # the others are in the endpoints already
        settings = self.settings
        self.add(gateway.id, _gateway_speaker, gateway, vpc_of, tuple(pairs), health, settings.bfd, settings.limits)

    def trust(self, customer: CustomerGateway) -> tuple[Authority, DeviceCertificate] | None:
        """What its tunnels' certificates are measured by, if it has one."""
        if not customer.certificate_arn:
            return None
        authority = self.snapshot.get(Authority, AUTHORITY)
        device = self.snapshot.get(DeviceCertificate, customer.certificate_arn)
        assert authority is not None, "certificates are not forgotten"
        assert device is not None, "certificates are not forgotten"
        return authority, device

    def with_key(self, connection: VpnConnection, tunnel: Tunnel) -> Tunnel:
        """The tunnel with the one key that is to be loaded (traps 5: never two of them)."""
        if tunnel.old_psk is None or (connection.id, tunnel.number) not in self.health.former_keys:
            return tunnel
        return replace(tunnel, psk=tunnel.old_psk)

    def mtu(self, connection: VpnConnection, tunnel: Tunnel) -> int:
        """What fits through: less where ESP is, or for all that is known may be, in UDP, or adds more of its own."""
        this, settings = (connection.id, tunnel.number), self.settings
        bare = this in self.health.bare and not connection.force_udp
        known = self.ciphers.get(this)
        esp = esp_of(known) if known is not None else widest(phase_2(tunnel.options, settings.crypto_policy))
        return tunnel_mtu(settings.data_plane, nat=not bare, uplink=settings.uplink_mtu, esp=esp)


def _only(tunnels: frozenset[tuple[str, int]], connections: frozenset[str]) -> frozenset[tuple[str, int]]:
    return frozenset(t for t in tunnels if t[0] in connections)


def _by(items: Iterable[T], key: Callable[[T], str]) -> Mapping[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return found


def _route_table(
    own: Names,
    of: Vpc,
    table: RouteTable,
    subnets: tuple[Subnet, ...],
    used: tuple[tuple[str, NetworkInterface], ...],
    live: frozenset[str],
) -> Group:
    return vpc.route_table(own, of, table, subnets, dict(used), live)


def _vpc_speaker(own: Names, of: Vpc, gateway: VpnGateway, numbers: tuple[int, ...], limits: Limits) -> Group:
    return (vpc.speaker(own, of, gateway, numbers, limits),)


def _gateway_speaker(
    own: Names,
    gateway: VpnGateway,
    of: Vpc | None,
    pairs: tuple[tuple[Part, CustomerGateway], ...],
    health: Health,
    bfd: Bfd | None,
    limits: Limits,
) -> Group:
    return (vpn_gateway.gateway_speaker(own, gateway, of, pairs, health, bfd, limits),)
