"""What the loop marks, and what an hour does."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network

from support import Cloud

from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.instances import RunInstances, TerminateInstances
from landbridge.control.internet_gateways import AttachInternetGateway, CreateInternetGateway
from landbridge.control.lifecycle import (
    KEPT,
    Expire,
    MarkBuilt,
    MarkGone,
    attachment_key,
    route_key,
    waiting,
)
from landbridge.control.subnets import CreateSubnet
from landbridge.control.vpcs import CreateVpc
from landbridge.control.vpn_connections import CreateVpnConnection, DeleteVpnConnection
from landbridge.control.vpn_gateways import AttachVpnGateway, CreateVpnGateway, DeleteVpnGateway, DetachVpnGateway
from landbridge.control.vpn_routes import CreateVpnConnectionRoute, DeleteVpnConnectionRoute
from landbridge.model.instances import Instance, InstanceState, NetworkInterface
from landbridge.model.network import InternetGateway, Vpc
from landbridge.model.resources import Attachment, Resource, State
from landbridge.model.vpn import VpnConnection, VpnGateway

SITE = IPv4Network("192.168.60.0/24")


class Lab(Cloud):
    """A cloud with one of everything that waits for the data plane."""

    def __init__(self) -> None:
        super().__init__(builds=True)
        self.vpc = self.run(CreateVpc(IPv4Network("10.0.0.0/16")))
        self.subnet = self.run(CreateSubnet(self.vpc.id, IPv4Network("10.0.0.0/24")))
        (self.instance,) = self.run(RunInstances(self.subnet.id, "ami-1"))
        self.igw = self.run(CreateInternetGateway())
        self.run(AttachInternetGateway(self.igw.id, self.vpc.id))
        self.vgw = self.run(CreateVpnGateway())
        self.run(AttachVpnGateway(self.vgw.id, self.vpc.id))
        self.customer = self.run(CreateCustomerGateway(address=IPv4Address("203.0.113.77"), asn=65010))
        self.vpn = self.run(
            CreateVpnConnection(vpn_gateway_id=self.vgw.id, customer_gateway_id=self.customer.id, static_only=True)
        )
        self.run(MarkBuilt(frozenset({self.vpn.id})))
        self.run(CreateVpnConnectionRoute(self.vpn.id, SITE))

    def build(self) -> None:
        """Everything that waits is there."""
        self.run(MarkBuilt(frozenset(waiting(self.snapshot).built)))

    def clear(self) -> None:
        """Everything that is to go is gone."""
        self.run(MarkGone(frozenset(waiting(self.snapshot).gone)))

    def now_is(self, resource: Resource) -> Resource:
        """The resource as it is now."""
        found = self.snapshot.get(type(resource), resource.id)
        assert found is not None
        return found


def test_what_was_built_becomes_available() -> None:
    lab = Lab()
    keys = waiting(lab.snapshot).built
    attached = lab.snapshot.get(VpnGateway, lab.vgw.id)
    assert attached is not None
    (interface,) = lab.snapshot.all(NetworkInterface)
    assert set(keys) == {
        lab.vpc.id,
        lab.subnet.id,
        lab.instance.id,
        f"{interface.id}@{lab.instance.id}",
        f"{lab.igw.id}@{lab.vpc.id}",
        lab.vgw.id,
        attachment_key(attached),
        route_key(lab.vpn.id, SITE),
    }
    assert keys[attachment_key(attached)] == lab.vgw.id
    assert keys[route_key(lab.vpn.id, SITE)] == lab.vpn.id
    lab.build()
    assert waiting(lab.snapshot).built == {}
    instance, vgw, vpn = lab.now_is(lab.instance), lab.now_is(lab.vgw), lab.now_is(lab.vpn)
    assert isinstance(instance, Instance)
    assert isinstance(vgw, VpnGateway)
    assert isinstance(vpn, VpnConnection)
    assert instance.state is InstanceState.RUNNING
    assert (vgw.state, vgw.attachment) == (State.AVAILABLE, Attachment.ATTACHED)
    assert (vpn.state, vpn.routes[0].state) == (State.AVAILABLE, State.AVAILABLE)
    (igw,) = lab.snapshot.all(InternetGateway)
    assert igw.attachment is Attachment.ATTACHED


def test_a_mark_acts_on_all_accounts() -> None:
    lab = Lab()
    lab.run(MarkBuilt(frozenset({lab.vpc.id})), account="999999999999")
    vpc = lab.now_is(lab.vpc)
    assert isinstance(vpc, Vpc)
    assert vpc.state is State.AVAILABLE


def test_a_late_mark_does_no_harm() -> None:
    lab = Lab()
    lab.build()
    everything = frozenset({lab.vpc.id, lab.instance.id, lab.vgw.id, lab.vpn.id, route_key(lab.vpn.id, SITE)})
    before = lab.snapshot
    lab.run(MarkBuilt(everything))
    lab.run(MarkGone(everything))
    assert lab.snapshot is before
    lab.run(TerminateInstances((lab.instance.id,)))
    before = lab.snapshot
    lab.run(MarkBuilt(everything))
    assert lab.snapshot is before


def test_a_built_gateway_is_not_attached_by_its_own_mark() -> None:
    lab = Lab()
    lab.run(MarkBuilt(frozenset({lab.vgw.id})))
    vgw = lab.now_is(lab.vgw)
    assert isinstance(vgw, VpnGateway)
    assert (vgw.state, vgw.attachment) == (State.AVAILABLE, Attachment.ATTACHING)


def test_what_is_gone_stays_visible_for_an_hour() -> None:
    lab = Lab()
    lab.build()
    for command in (
        DeleteVpnConnectionRoute(lab.vpn.id, SITE),
        DeleteVpnConnection(lab.vpn.id),
        DetachVpnGateway(lab.vgw.id, lab.vpc.id),
        TerminateInstances((lab.instance.id,)),
    ):
        lab.run(command)
    assert waiting(lab.snapshot).gone
    lab.clear()
    lab.run(DeleteVpnGateway(lab.vgw.id))
    lab.clear()
    assert waiting(lab.snapshot).gone == {}
    instance, vgw, vpn = lab.now_is(lab.instance), lab.now_is(lab.vgw), lab.now_is(lab.vpn)
    assert isinstance(instance, Instance)
    assert isinstance(vgw, VpnGateway)
    assert isinstance(vpn, VpnConnection)
    assert (instance.state, instance.terminated) == (InstanceState.TERMINATED, lab.now)
    assert (vgw.state, vgw.attachment, vgw.vpc_id) == (State.DELETED, Attachment.DETACHED, None)
    assert (vpn.state, vpn.deleted) == (State.DELETED, lab.now)

    lab.later(KEPT - timedelta(seconds=1))
    before = lab.snapshot
    lab.run(Expire(lab.now))
    assert lab.snapshot is before
    lab.later(timedelta(seconds=1))
    lab.run(Expire(lab.now))
    for resource in (lab.instance, lab.vgw, lab.vpn):
        assert lab.snapshot.get(type(resource), resource.id) is None
    assert lab.snapshot.get(Vpc, lab.vpc.id) is not None


def test_deleted_routes_of_a_living_connection_are_forgotten() -> None:
    lab = Lab()
    lab.build()
    lab.run(DeleteVpnConnectionRoute(lab.vpn.id, SITE))
    lab.clear()
    lab.later(KEPT)
    lab.run(Expire(lab.now))
    vpn = lab.now_is(lab.vpn)
    assert isinstance(vpn, VpnConnection)
    assert (vpn.state, vpn.routes) == (State.AVAILABLE, ())
