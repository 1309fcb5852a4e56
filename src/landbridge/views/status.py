"""The whole service at a glance, as plain JSON-able values: what `landbridge status` prints.

Besides state it holds the names that faults are injected by from outside: namespaces, links, process ids. No secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

from landbridge.desired import names
from landbridge.desired.names import Names
from landbridge.model.attached import by_instance
from landbridge.model.certificates import DeviceCertificate
from landbridge.model.in_force import parts
from landbridge.model.instances import Instance, InstanceState, NetworkInterface
from landbridge.model.lab import LabHost, LabSite
from landbridge.model.network import InternetGateway, RouteTable, Subnet, Vpc
from landbridge.model.resources import Resource, State
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import Change, CustomerGateway, Tunnel, VpnConnection, VpnGateway
from landbridge.observe.negotiated import weak
from landbridge.observe.state import EspState, Observation, TunnelState
from landbridge.routing import tables

Document = dict[str, Any]
"""Nothing but dicts, lists, strings, numbers, booleans and None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is neither a resource nor observed of one: this run of the service.

    `data_plane`: `kernel`, `libipsec` or `none`, and `why` it was chosen, a sentence. `url`: the EC2 API's;
    `ca_bundle`: the file that a client has to trust for it, if any.
    `converged`: whether everything is, by the loop's last look, as the present revision wants it.
    `charons` and `speakers`: process ids by namespace.
    """

    names: Names
    folder: str
    version: str
    url: str
    data_plane: str
    why: str
    lab: bool
    ca_bundle: str = ""
    bfd_interval: int = 0
    crypto_policy: str = "aws"
    converged: bool = True
    charons: Mapping[str, int] = field(default_factory=dict)
    speakers: Mapping[str, int] = field(default_factory=dict)

    @property
    def builds(self) -> bool:
        """Whether there is anything behind the API."""
        return self.data_plane != "none"


def status(snapshot: Snapshot, observation: Observation, facts: Facts) -> Document:
    """The document. Resources that are deleted and only still shown by Describe are left out."""
    return _Status(snapshot, observation, facts).document()


class _Status:
    def __init__(self, snapshot: Snapshot, observation: Observation, facts: Facts) -> None:
        self.snapshot = snapshot
        self.observation = observation
        self.facts = facts
        self.attached = by_instance(snapshot.all(NetworkInterface))
        self.own = facts.names

    def document(self) -> Document:
        facts, snapshot = self.facts, self.snapshot
        return {
            "instance": self.own.instance,
            "version": facts.version,
            "state_folder": facts.folder,
            "url": facts.url,
            "ca_bundle": facts.ca_bundle,
            "data_plane": facts.data_plane,
            "data_plane_reason": facts.why,
            "lab": facts.lab,
            "bfd_interval": facts.bfd_interval,
            "crypto_policy": facts.crypto_policy,
            "revision": snapshot.revision,
            "converged": facts.converged,
            "internet_namespace": self._built(self.own.internet),
            "faults": faults(self.observation),
            "vpcs": [self._vpc(v) for v in snapshot.all(Vpc)],
            "internet_gateways": [self._internet_gateway(g) for g in snapshot.all(InternetGateway)],
            "vpn_gateways": [self._vpn_gateway(g) for g in snapshot.all(VpnGateway) if g.state is not State.DELETED],
            "customer_gateways": [
                self._customer_gateway(g) for g in snapshot.all(CustomerGateway) if g.state is not State.DELETED
            ],
            "vpn_connections": [
                self._connection(c) for c in snapshot.all(VpnConnection) if c.state is not State.DELETED
            ],
            "instances": [self._instance(i) for i in snapshot.all(Instance) if i.state is not InstanceState.TERMINATED],
            "lab_sites": [site(s) for s in snapshot.all(LabSite)],
            "lab_hosts": [host(h) for h in snapshot.all(LabHost)],
        }

    def _built(self, name: str) -> str | None:
        """The name of something in the data plane; None if there is no data plane."""
        return name if self.facts.builds else None

    def _vpc(self, vpc: Vpc) -> Document:
        here = self.own.of(vpc.id)
        of_vpc = [t for t in self.snapshot.all(RouteTable) if t.vpc_id == vpc.id]
        return {
            **_common(vpc),
            "cidr": str(vpc.cidr),
            "cidrs": [str(cidr) for cidr in vpc.cidrs],
            "state": vpc.state.value,
            "namespace": self._built(here),
            "bird_pid": self.facts.speakers.get(here),
            "subnets": [
                {
                    **_common(subnet),
                    "cidr": str(subnet.cidr),
                    "state": subnet.state.value,
                    "zone": subnet.zone,
                    "bridge": self._built(names.subnet_bridge(subnet.id)),
                    "route_table": table.id if (table := tables.followed(subnet, of_vpc)) else None,
                }
                for subnet in self.snapshot.all(Subnet)
                if subnet.vpc_id == vpc.id
            ],
            "route_tables": [self._route_table(vpc, table) for table in of_vpc],
        }

    def _route_table(self, vpc: Vpc, table: RouteTable) -> Document:
        propagated = self.observation.propagated.get(table.id, frozenset[IPv4Network]())
        return {
            **_common(table),
            "kernel_table": table.number,
            "main": table.main,
            "subnets": [a.subnet_id for a in table.associations if a.subnet_id is not None],
            "propagating": list(table.propagating),
            "routes": [
                {
                    "destination": str(entry.destination),
                    "target": entry.target,
                    "origin": entry.origin.value,
                    "active": entry.active,
                }
                for entry in tables.entries(vpc, table, self.snapshot, propagated)
            ],
        }

    def _internet_gateway(self, gateway: InternetGateway) -> Document:
        return {
            **_common(gateway),
            "vpc": gateway.vpc_id,
            "attachment": gateway.attachment.value,
            "namespace": self._built(self.own.of(gateway.id)) if gateway.vpc_id else None,
            "internet_port": self._built(names.gateway_port(gateway.id)) if gateway.vpc_id else None,
        }

    def _vpn_gateway(self, gateway: VpnGateway) -> Document:
        here = self.own.of(gateway.id)
        return {
            **_common(gateway),
            "state": gateway.state.value,
            "asn": gateway.asn,
            "vpc": gateway.vpc_id,
            "attachment": gateway.attachment.value,
            "namespace": self._built(here),
            "bird_pid": self.facts.speakers.get(here),
            "learned_routes": [
                {
                    "destination": str(route.destination),
                    "vpn_connection": route.tunnel[0] if route.tunnel else None,
                    "tunnel": route.tunnel[1] if route.tunnel else None,
                }
                for route in self.observation.learned.get(gateway.id, ())
            ],
        }

    def _customer_gateway(self, gateway: CustomerGateway) -> Document:
        return {
            **_common(gateway),
            "state": gateway.state.value,
            "address": str(gateway.address) if gateway.address is not None else None,
            "certificate": self._certificate(gateway),
            "asn": gateway.asn,
            "device_name": gateway.device_name,
        }

    def _certificate(self, gateway: CustomerGateway) -> Document | None:
        """What its tunnels know it by, where that is no pre-shared key."""
        found = self.snapshot.get(DeviceCertificate, gateway.certificate_arn)
        return certificate(found) if found is not None else None

    def _connection(self, connection: VpnConnection) -> Document:
        customer = self.snapshot.get(CustomerGateway, connection.customer_gateway_id)
        return {
            **_common(connection),
            "state": connection.state.value,
            "vpn_gateway": connection.vpn_gateway_id,
            "customer_gateway": connection.customer_gateway_id,
            "customer_address": str(customer.address) if customer and customer.address else None,
            "authentication": "certificate" if customer and customer.certificate_arn else "pre-shared key",
            "routing": "static" if connection.static_only else "bgp",
            **data_path(connection),
            "change": _change(connection.change),
            "static_routes": [
                {"destination": str(route.destination), "state": route.state.value}
                for route in connection.routes
                if route.state is not State.DELETED
            ],
            "tunnels": sorted(
                (self._tunnel(part.connection, tunnel) for part in parts(connection) for tunnel in part.tunnels),
                key=lambda shown: int(shown["number"]),
            ),
        }

    def _tunnel(self, connection: VpnConnection, tunnel: Tunnel) -> Document:
        unseen = TunnelState(
            changed=connection.created,
            why="It has not been looked at yet."
            if self.facts.builds
            else "There is no data plane (--data-plane none).",
        )
        seen = self.observation.tunnels.get((connection.id, tunnel.number), unseen)
        endpoint, router = self.own.endpoint(connection.id, tunnel.number), self.own.of(connection.vpn_gateway_id)
        return {
            "number": tunnel.number,
            "status": seen.status.value,
            "since": timestamp(seen.changed),
            "why": seen.why,
            "ike": seen.ike,
            "bgp": seen.bgp or None,
            "bfd": seen.bfd,
            "accepted_routes": seen.accepted_routes,
            "bytes_in": seen.bytes_in,
            "bytes_out": seen.bytes_out,
            "peer": seen.peer or None,
            "suite": seen.suite or None,
            "ike_version": seen.ike_version or None,
            "weak": weaknesses(seen),
            "esp": esp(seen.esp),
            "former_key_until": timestamp(tunnel.old_psk_until) if tunnel.old_psk_until else None,
            "replay_window_size": tunnel.options.replay_window_size,
            "outside_address": str(tunnel.outside),
            "inside_cidr": str(tunnel.inside),
            "cloud_inside_address": str(tunnel.cloud_inside),
            "customer_inside_address": str(tunnel.customer_inside),
            "endpoint_namespace": self._built(endpoint),
            "charon_pid": self.facts.charons.get(endpoint),
            "outside_link": self._built(names.OUTSIDE),
            "internet_namespace": self._built(self.own.internet),
            "internet_port": self._built(names.internet_port(tunnel.outside)),
            "device": self._built(names.tunnel_link(connection.number, tunnel.number)),
            "device_namespace": self._built(router),
            "bird_pid": self.facts.speakers.get(router),
        }

    def _instance(self, instance: Instance) -> Document:
        interfaces = self.attached[instance.id]
        primary = interfaces[0]
        return {
            **_common(instance),
            "state": instance.state.value,
            "vpc": instance.vpc_id,
            "subnet": instance.subnet_id,
            "private_address": str(primary.private),
            "public_address": str(primary.public) if primary.public else None,
            "namespace": self._built(self.own.of(instance.id)),
            "router_port": self._built(names.interface_port(primary.id)),
            "interfaces": [self._interface(interface) for interface in interfaces],
        }

    def _interface(self, interface: NetworkInterface) -> Document:
        attachment = interface.attachment
        assert attachment is not None
        return {
            **_common(interface),
            "subnet": interface.subnet_id,
            "attachment": attachment.state.value,
            "device_index": attachment.device_index,
            "mac": interface.mac,
            "source_dest_check": interface.source_dest_check,
            "addresses": [
                {
                    "private_address": str(each.address),
                    "public_address": str(each.public.address) if each.public else None,
                }
                for each in interface.addresses
            ],
            "link": self._built(names.interface_link(attachment.device_index)),
            "router_port": self._built(names.interface_port(interface.id)),
        }


def _change(change: Change | None) -> Document | None:
    """Which tunnel is being changed, and how far that is."""
    if change is None:
        return None
    return {"tunnel": change.turn[0], "stage": change.stage.value, "since": timestamp(change.since)}


def data_path(connection: VpnConnection) -> Document:
    """How the connection was set to carry packets."""
    return {"clear_df": connection.clear_df, "force_udp": connection.force_udp}


def certificate(device: DeviceCertificate) -> Document:
    """A device's certificate, without the certificate itself."""
    return {
        "arn": device.id,
        "name": device.name,
        "account": device.account,
        "region": device.region,
        "ends": timestamp(device.ends),
        "revoked": timestamp(device.revoked) if device.revoked is not None else None,
    }


def esp(seen: EspState | None) -> Document | None:
    """What is in force for a tunnel's packets; None while it is down."""
    if seen is None:
        return None
    return {"suite": seen.suite, "udp": seen.udp, "esn": seen.esn, "replay_window": seen.replay_window}


def weaknesses(seen: TunnelState) -> list[str]:
    """What nobody should use any more, of what a tunnel has negotiated."""
    return list(weak(seen.ike_version, seen.suite, seen.esp.suite if seen.esp is not None else ""))


def site(wanted: LabSite) -> Document:
    """A lab site: its two namespaces, and its ports."""
    return {
        "name": wanted.id,
        "state": wanted.state.value,
        "public_address": str(wanted.public_address),
        "lan": str(wanted.lan),
        "lan_address": str(wanted.lan[1]),
        "host_address": str(wanted.lan[10]),
        "namespace": wanted.id,
        "host_namespace": names.site_host(wanted.id),
        "wan_link": names.SITE_WAN,
        "lan_link": names.SITE_LAN,
        "internet_port": names.internet_port(wanted.public_address),
    }


def host(wanted: LabHost) -> Document:
    """A lab host: its namespace and its port."""
    return {
        "name": wanted.id,
        "state": wanted.state.value,
        "address": str(wanted.address),
        "namespace": wanted.id,
        "link": names.HOST_LINK,
        "internet_port": names.internet_port(wanted.address),
    }


def faults(observation: Observation) -> list[Document]:
    """What the reconciler could not do, by resource."""
    return [
        {"resource": resource, "message": message}
        for resource, messages in sorted(observation.faults.items())
        for message in messages
    ]


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _common(resource: Resource) -> Document:
    return {"id": resource.id, "name": resource.name, "account": resource.account, "region": resource.region}
