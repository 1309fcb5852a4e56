"""Properties of the network's handlers over any sequence of commands: nobody ever shares an address or a number."""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Cloud

from landbridge.control.attachments import AttachNetworkInterface, DetachNetworkInterface
from landbridge.control.base import Command, Pools
from landbridge.control.elastic_addresses import (
    AllocateAddress,
    AssociateAddress,
    DisassociateAddress,
    ReleaseAddress,
)
from landbridge.control.instances import Plugged, RunInstances, TerminateInstances
from landbridge.control.internet_gateways import AttachInternetGateway, CreateInternetGateway
from landbridge.control.lab import AddHost, RemoveHost
from landbridge.control.lifecycle import MarkBuilt, MarkGone, waiting
from landbridge.control.network_interfaces import CreateNetworkInterface, DeleteNetworkInterface, NewAddresses
from landbridge.control.private_addresses import AssignPrivateAddresses, UnassignPrivateAddresses
from landbridge.control.route_tables import CreateRouteTable, DeleteRouteTable
from landbridge.control.subnets import CreateSubnet, DeleteSubnet
from landbridge.control.vpcs import CreateVpc, DeleteVpc
from landbridge.model.attached import by_instance
from landbridge.model.errors import (
    AddressInUse,
    Dependency,
    InsufficientAddresses,
    LandbridgeError,
    PoolExhausted,
)
from landbridge.model.firewall import NetworkAcl, SecurityGroup
from landbridge.model.instances import ElasticAddress, Instance, InstanceState, NetworkInterface
from landbridge.model.lab import LabHost
from landbridge.model.network import InternetGateway, RouteTable, Subnet, Vpc
from landbridge.model.resources import Resource

# Tiny pools, so that they run out: 11 public addresses besides the network's own.
POOLS = Pools(
    outside=IPv4Network("203.0.113.0/24"),
    outside_first=128,
    outside_last=254,
    public=IPv4Network("198.51.100.0/28"),
    sites=IPv4Network("203.0.113.0/25"),
)

KINDS = (
    *("vpc", "subnet", "table", "igw", "run", "run", "run two", "run with", "terminate", "built", "gone", "host"),
    *("unhost", "-vpc", "-subnet", "-table", "eni", "eni", "-eni", "attach", "attach", "detach", "assign", "move"),
    *("unassign", "eip", "-eip", "associate", "associate", "disassociate"),
)


def _ids(cloud: Cloud, kind: type[Resource]) -> list[str]:
    return [resource.id for resource in cloud.snapshot.all(kind)]


def _check(cloud: Cloud) -> None:
    state = cloud.snapshot
    living = [i for i in state.all(Instance) if i.state is not InstanceState.TERMINATED]
    interfaces = list(state.all(NetworkInterface))
    private = Counter((i.subnet_id, each.address) for i in interfaces for each in i.addresses)
    public = Counter(each.public.address for i in interfaces for each in i.addresses if each.public)
    public.update(host.address for host in state.all(LabHost))
    numbers = Counter((t.vpc_id, t.number) for t in state.all(RouteTable))
    for counted in (private, public, numbers):
        assert all(count == 1 for count in counted.values())
    for interface in interfaces:
        subnet = state.get(Subnet, interface.subnet_id)
        assert subnet is not None, "the subnet of an interface cannot be deleted"
        assert all(each.address in list(subnet.cidr)[4:-1] for each in interface.addresses)
    plugged = by_instance(interfaces)
    assert plugged.keys() == {i.id for i in living}
    for mine in plugged.values():
        indexes = [each.attachment.device_index for each in mine if each.attachment]
        assert indexes[0] == 0
        assert len(set(indexes)) == len(indexes)
        assert len({each.vpc_id for each in mine}) == 1
    elastic = Counter(a.public.allocation_id for i in interfaces for a in i.addresses if a.public and a.public.elastic)
    held = {each.id: each.address for each in state.all(ElasticAddress)}
    assert all(count == 1 and identity in held for identity, count in elastic.items())
    public.update(address for identity, address in held.items() if identity not in elastic)
    assert all(count == 1 for count in public.values())
    assert all(address in list(POOLS.public)[2:-1] for address in public)
    for subnet in state.all(Subnet):
        siblings = [s for s in state.all(Subnet) if s.vpc_id == subnet.vpc_id and s.id != subnet.id]
        assert not any(subnet.cidr.overlaps(sibling.cidr) for sibling in siblings)
    for vpc in state.all(Vpc):
        assert sum(t.main for t in state.all(RouteTable) if t.vpc_id == vpc.id) == 1
        assert sum(g.vpc_id == vpc.id for g in state.all(SecurityGroup)) == 1
        assert sum(a.vpc_id == vpc.id for a in state.all(NetworkAcl)) == 1
    vpcs = {vpc.id for vpc in state.all(Vpc)}
    assert all(table.vpc_id in vpcs for table in state.all(RouteTable))


@st.composite
def _commands(draw: st.DrawFn, cloud: Cloud) -> Command:
    def one_of(ids: list[str], prefix: str) -> str:
        return draw(st.sampled_from([*ids, f"{prefix}-0"]))

    vpc = one_of(_ids(cloud, Vpc), "vpc")
    subnet = one_of(_ids(cloud, Subnet), "subnet")
    table = one_of(_ids(cloud, RouteTable), "rtb")
    instances = _ids(cloud, Instance)
    interface = one_of(_ids(cloud, NetworkInterface), "eni")
    elastic = one_of(_ids(cloud, ElasticAddress), "eipalloc")
    interfaces = list(cloud.snapshot.all(NetworkInterface))
    attachments = [each.attachment.id for each in interfaces if each.attachment]
    associations = [a.public.association_id for each in interfaces for a in each.addresses if a.public]
    kind = draw(st.sampled_from(KINDS))
    place = draw(st.integers(0, 15))
    host = IPv4Address("198.51.100.0") + place
    match kind:
        case "vpc":
            return CreateVpc(IPv4Network("10.0.0.0/26"))
        case "subnet":
            return CreateSubnet(vpc, IPv4Network((int(IPv4Address("10.0.0.0")) + 16 * (place % 5), 28)))
        case "table":
            return CreateRouteTable(vpc)
        case "run":
            chosen = IPv4Address("10.0.0.0") + place if draw(st.booleans()) else None
            most = 1 if chosen else draw(st.integers(1, 4))
            return RunInstances(subnet, "ami-1", 1, most, private_address=chosen, public_address=draw(st.booleans()))
        case "run two" | "run with":
            there = interface if kind == "run with" else ""
            new = Plugged(device_index=1, subnet_id=subnet, addresses=NewAddresses(count=place % 3))
            first = Plugged(interface_id=there, subnet_id="" if there else subnet)
            return RunInstances("", "ami-1", interfaces=(first, new))
        case "igw":
            return AttachInternetGateway(one_of(_ids(cloud, InternetGateway), "igw"), vpc)
        case "eni":
            return CreateNetworkInterface(subnet, NewAddresses(count=place % 3))
        case "-eni":
            return DeleteNetworkInterface(interface)
        case "attach":
            return AttachNetworkInterface(interface, one_of(instances, "i"), 1 + place % 3)
        case "detach":
            return DetachNetworkInterface(one_of(attachments, "eni-attach"))
        case "assign":
            return AssignPrivateAddresses(interface, count=1 + place % 3)
        case "move":
            return AssignPrivateAddresses(interface, (IPv4Address("10.0.0.0") + place,), reassign=True)
        case "unassign":
            return UnassignPrivateAddresses(interface, (IPv4Address("10.0.0.0") + place,))
        case "eip":
            return AllocateAddress(host if draw(st.booleans()) else None)
        case "-eip":
            return ReleaseAddress(elastic)
        case "associate":
            which = {"instance_id": one_of(instances, "i")} if draw(st.booleans()) else {"interface_id": interface}
            return AssociateAddress(elastic, again=draw(st.booleans()), **which)
        case "disassociate":
            return DisassociateAddress(one_of(associations, "eipassoc"))
        case "built":
            return MarkBuilt(frozenset(waiting(cloud.snapshot).built))
        case "terminate":
            return TerminateInstances((one_of(instances, "i"),))
        case "gone":
            return MarkGone(frozenset(waiting(cloud.snapshot).gone))
        case "host":
            return AddHost(f"host{place}", host)
        case "unhost":
            return RemoveHost(f"host{place}")
        case "-vpc":
            return DeleteVpc(vpc)
        case "-subnet":
            return DeleteSubnet(subnet)
        case _:
            return DeleteRouteTable(table)


@pytest.mark.timeout(300)  # the nightly run looks at 2,000 sequences
@given(st.data())
def test_no_two_share_an_address_or_a_number_whatever_happens(data: st.DataObject) -> None:
    cloud = Cloud(builds=True, pools=POOLS)
    cloud.run(CreateVpc(IPv4Network("10.0.0.0/26")))
    cloud.run(CreateSubnet(_ids(cloud, Vpc)[0], IPv4Network("10.0.0.0/28")))
    cloud.run(CreateInternetGateway())
    for _ in range(data.draw(st.integers(1, 30))):
        before = cloud.snapshot
        try:
            cloud.run(data.draw(_commands(cloud)))
        except LandbridgeError:
            assert cloud.snapshot is before
        _check(cloud)


@pytest.fixture
def cloud() -> Cloud:
    return Cloud(builds=True, pools=POOLS)


def test_addresses_come_back_only_when_the_data_plane_let_go(cloud: Cloud) -> None:
    vpc = cloud.run(CreateVpc(IPv4Network("10.0.0.0/26")))
    subnet = cloud.run(CreateSubnet(vpc.id, IPv4Network("10.0.0.0/28")))
    launch = RunInstances(subnet.id, "ami-1", 11, 11, public_address=True)
    instances = cloud.run(launch)
    with pytest.raises(InsufficientAddresses):
        cloud.run(RunInstances(subnet.id, "ami-1"))
    ids = tuple(i.id for i in instances)
    before = {interface.private for interface in cloud.snapshot.all(NetworkInterface)}
    cloud.run(TerminateInstances(ids))
    with pytest.raises(InsufficientAddresses):
        cloud.run(launch)
    with pytest.raises(Dependency):
        cloud.run(DeleteSubnet(subnet.id))
    cloud.run(MarkGone(frozenset(ids)))
    cloud.run(launch)
    assert {interface.private for interface in cloud.snapshot.all(NetworkInterface)} == before


def test_public_addresses_run_out_and_then_nothing_is_launched(cloud: Cloud) -> None:
    vpc = cloud.run(CreateVpc(IPv4Network("10.0.0.0/24")))
    subnet = cloud.run(CreateSubnet(vpc.id, IPv4Network("10.0.0.0/24")))
    cloud.run(AddHost("web", IPv4Address("198.51.100.9")))
    cloud.run(RunInstances(subnet.id, "ami-1", 12, 12, public_address=True))
    with pytest.raises(PoolExhausted):
        cloud.run(RunInstances(subnet.id, "ami-1", public_address=True))
    cloud.run(RunInstances(subnet.id, "ami-1"))


def test_an_address_can_be_taken_once(cloud: Cloud) -> None:
    vpc = cloud.run(CreateVpc(IPv4Network("10.0.0.0/26")))
    subnet = cloud.run(CreateSubnet(vpc.id, IPv4Network("10.0.0.0/28")))
    chosen = RunInstances(subnet.id, "ami-1", private_address=IPv4Address("10.0.0.7"))
    cloud.run(chosen)
    with pytest.raises(AddressInUse):
        cloud.run(chosen)
