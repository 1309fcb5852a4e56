"""Virtual private gateways, customer gateways and propagation: what is allowed, what is refused, and that a refusal
changes nothing."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Cloud

from landbridge.control.customer_gateways import CreateCustomerGateway, DeleteCustomerGateway
from landbridge.control.lifecycle import MarkBuilt, MarkGone, waiting
from landbridge.control.propagation import DisableVgwRoutePropagation, EnableVgwRoutePropagation
from landbridge.control.vpcs import CreateVpc
from landbridge.control.vpn_connections import CreateVpnConnection, DeleteVpnConnection
from landbridge.control.vpn_gateways import (
    AttachVpnGateway,
    CreateVpnGateway,
    DeleteVpnGateway,
    DetachVpnGateway,
)
from landbridge.model.errors import (
    GatewayHasVpc,
    GatewayNotAttached,
    Invalid,
    LandbridgeError,
    MalformedId,
    NotAttached,
    NotFound,
    VpcHasGateway,
    VpnGatewayUnavailable,
    WrongState,
)
from landbridge.model.network import RouteTable, Vpc
from landbridge.model.resources import Attachment, State
from landbridge.model.vpn import CustomerGateway, VpnGateway

ADDRESS = IPv4Address("203.0.113.77")
NOWHERE = "0123456789abcdef0"


def vpc(cloud: Cloud, cidr: str = "10.0.0.0/16") -> Vpc:
    made: Vpc = cloud.run(CreateVpc(IPv4Network(cidr)))
    return made


def main_table(cloud: Cloud, vpc_id: str) -> RouteTable:
    return next(table for table in cloud.snapshot.all(RouteTable) if table.vpc_id == vpc_id)


def gateway(cloud: Cloud, gateway_id: str) -> VpnGateway:
    found = cloud.snapshot.get(VpnGateway, gateway_id)
    assert found is not None
    return found


def refused(cloud: Cloud, error: type[LandbridgeError], command: object) -> str:
    """The message of a refusal that changed nothing."""
    before = cloud.snapshot
    with pytest.raises(error) as caught:
        cloud.run(command)  # type: ignore[arg-type]
    assert cloud.snapshot is before
    return caught.value.message


def settle(cloud: Cloud) -> None:
    """What the loop does once everything is built and gone."""
    found = waiting(cloud.snapshot)
    cloud.run(MarkBuilt(frozenset(found.built)))
    cloud.run(MarkGone(frozenset(found.gone)))


@pytest.mark.parametrize("asn", [64512, 65534, 4_200_000_000, 4_294_967_294])
def test_private_asns(asn: int) -> None:
    assert Cloud().run(CreateVpnGateway(asn=asn)).asn == asn


@pytest.mark.parametrize("asn", [-1, 0, 7224, 64511, 65535, 4_199_999_999, 4_294_967_295, 2**63 - 1])
def test_other_asns_are_refused(asn: int) -> None:
    assert "64512 to 65534" in refused(Cloud(), Invalid, CreateVpnGateway(asn=asn))


def test_attaching_and_detaching() -> None:
    cloud = Cloud(builds=True)
    net, made = vpc(cloud), cloud.run(CreateVpnGateway())
    assert made.state is State.PENDING
    assert cloud.run(AttachVpnGateway(made.id, net.id)).attachment is Attachment.ATTACHING
    assert cloud.run(AttachVpnGateway(made.id, net.id)).attachment is Attachment.ATTACHING
    settle(cloud)
    assert gateway(cloud, made.id).attachment is Attachment.ATTACHED
    assert gateway(cloud, made.id).state is State.AVAILABLE
    leaving = cloud.run(DetachVpnGateway(made.id, net.id))
    assert (leaving.attachment, leaving.vpc_id) == (Attachment.DETACHING, net.id)
    assert "detaching from" in refused(cloud, GatewayHasVpc, AttachVpnGateway(made.id, net.id))
    refused(cloud, WrongState, DeleteVpnGateway(made.id))
    settle(cloud)
    assert gateway(cloud, made.id).vpc_id is None
    cloud.run(DeleteVpnGateway(made.id))
    refused(cloud, VpnGatewayUnavailable, AttachVpnGateway(made.id, net.id))
    settle(cloud)
    assert gateway(cloud, made.id).state is State.DELETED
    refused(cloud, NotFound, DeleteVpnGateway(made.id))


def test_without_a_data_plane_everything_happens_at_once() -> None:
    cloud = Cloud(builds=False)
    net, made = vpc(cloud), cloud.run(CreateVpnGateway())
    assert made.state is State.AVAILABLE
    assert cloud.run(AttachVpnGateway(made.id, net.id)).attachment is Attachment.ATTACHED
    assert cloud.run(DetachVpnGateway(made.id, net.id)).attachment is Attachment.DETACHED
    cloud.run(DeleteVpnGateway(made.id))
    assert gateway(cloud, made.id).deleted == cloud.now


def test_one_vpc_per_gateway_and_one_gateway_per_vpc() -> None:
    cloud = Cloud()
    one, two = vpc(cloud), vpc(cloud)
    first, second = cloud.run(CreateVpnGateway()), cloud.run(CreateVpnGateway())
    cloud.run(AttachVpnGateway(first.id, one.id))
    assert first.id in refused(cloud, VpcHasGateway, AttachVpnGateway(second.id, one.id))
    assert one.id in refused(cloud, GatewayHasVpc, AttachVpnGateway(first.id, two.id))
    refused(cloud, NotFound, AttachVpnGateway(second.id, f"vpc-{NOWHERE}"))
    refused(cloud, NotFound, AttachVpnGateway(f"vgw-{NOWHERE}", two.id))
    refused(cloud, NotAttached, DetachVpnGateway(second.id, one.id))
    refused(cloud, NotAttached, DetachVpnGateway(first.id, two.id))


def test_a_gateway_with_connections_cannot_be_deleted() -> None:
    cloud = Cloud(builds=True)
    made, customer = cloud.run(CreateVpnGateway()), cloud.run(CreateCustomerGateway(ADDRESS))
    connection = cloud.run(CreateVpnConnection(made.id, customer.id))
    assert connection.id in refused(cloud, WrongState, DeleteVpnGateway(made.id))
    cloud.run(DeleteVpnConnection(connection.id))
    assert "deleting" in refused(cloud, WrongState, DeleteVpnGateway(made.id))
    settle(cloud)
    cloud.run(DeleteVpnGateway(made.id))


def test_others_do_not_see_it() -> None:
    cloud = Cloud()
    made = cloud.run(CreateVpnGateway())
    with pytest.raises(NotFound):
        cloud.run(DeleteVpnGateway(made.id), account="210987654321")


# --- customer gateways ------------------------------------------------------------------------------------------------


def test_an_identical_customer_gateway_is_the_existing_one() -> None:
    cloud = Cloud()
    made = cloud.run(CreateCustomerGateway(ADDRESS, 65001, tags=(("Name", "a"),)))
    before = cloud.snapshot
    assert cloud.run(CreateCustomerGateway(ADDRESS, 65001)) == made
    assert cloud.snapshot is before
    again = cloud.run(CreateCustomerGateway(ADDRESS, 65001, tags=(("Name", "b"),)))
    assert (again.id, again.name) == (made.id, "b")
    for other in (
        CreateCustomerGateway(ADDRESS, 65002),
        CreateCustomerGateway(ADDRESS, 65001, device_name="second"),
        CreateCustomerGateway(ADDRESS + 1, 65001),
    ):
        assert cloud.run(other).id != made.id
    cloud.run(DeleteCustomerGateway(made.id))
    assert cloud.run(CreateCustomerGateway(ADDRESS, 65001)).id != made.id


@pytest.mark.parametrize(
    "address", ["203.0.113.2", "203.0.113.127", "198.51.100.9", "192.0.2.1", "10.1.2.3", "8.8.8.8"]
)
def test_addresses_of_devices(address: str) -> None:
    assert Cloud().run(CreateCustomerGateway(IPv4Address(address))).address == IPv4Address(address)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "127.0.0.1", "169.254.10.1", "224.0.0.5", "255.255.255.255", "240.1.1.1", "203.0.113.128"],
)
def test_addresses_that_no_device_has(address: str) -> None:
    assert address in refused(Cloud(), Invalid, CreateCustomerGateway(IPv4Address(address)))


@pytest.mark.parametrize("asn", [-1, 0, 4_294_967_296])
def test_asns_that_no_device_has(asn: int) -> None:
    refused(Cloud(), Invalid, CreateCustomerGateway(ADDRESS, asn))


def test_a_customer_gateway_in_use_cannot_be_deleted() -> None:
    cloud = Cloud()
    made, customer = cloud.run(CreateVpnGateway()), cloud.run(CreateCustomerGateway(ADDRESS))
    connection = cloud.run(CreateVpnConnection(made.id, customer.id))
    assert "The customer gateway is in use." in refused(cloud, WrongState, DeleteCustomerGateway(customer.id))
    cloud.run(DeleteVpnConnection(connection.id))
    cloud.run(DeleteCustomerGateway(customer.id))
    kept = cloud.snapshot.get(CustomerGateway, customer.id)
    assert kept is not None
    assert (kept.state, kept.deleted) == (State.DELETED, cloud.now)
    refused(cloud, NotFound, DeleteCustomerGateway(customer.id))
    refused(cloud, MalformedId, DeleteCustomerGateway("cgw-x"))


# --- propagation ------------------------------------------------------------------------------------------------------


def test_propagation_needs_the_attachment() -> None:
    cloud = Cloud()
    net, made = vpc(cloud), cloud.run(CreateVpnGateway())
    table = main_table(cloud, net.id)
    enable = EnableVgwRoutePropagation(table.id, made.id)
    assert net.id in refused(cloud, GatewayNotAttached, enable)
    cloud.run(AttachVpnGateway(made.id, vpc(cloud).id))
    refused(cloud, GatewayNotAttached, enable)
    refused(cloud, NotFound, EnableVgwRoutePropagation(table.id, f"vgw-{NOWHERE}"))
    refused(cloud, NotFound, EnableVgwRoutePropagation(f"rtb-{NOWHERE}", made.id))
    refused(cloud, NotFound, DisableVgwRoutePropagation(table.id, f"vgw-{NOWHERE}"))


def test_propagation_goes_on_and_off_and_ends_with_the_attachment() -> None:
    cloud = Cloud()
    net, made = vpc(cloud), cloud.run(CreateVpnGateway())
    table = main_table(cloud, net.id)
    cloud.run(AttachVpnGateway(made.id, net.id))
    for _ in range(2):
        cloud.run(EnableVgwRoutePropagation(table.id, made.id))
        assert main_table(cloud, net.id).propagating == (made.id,)
    for _ in range(2):
        cloud.run(DisableVgwRoutePropagation(table.id, made.id))
        assert main_table(cloud, net.id).propagating == ()
    cloud.run(EnableVgwRoutePropagation(table.id, made.id))
    cloud.run(DetachVpnGateway(made.id, net.id))
    assert main_table(cloud, net.id).propagating == ()


# --- any order --------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from("adx"), st.integers(0, 2), st.integers(0, 2)), max_size=40), st.booleans())
def test_attachments_stay_one_to_one(steps: list[tuple[str, int, int]], builds: bool) -> None:
    """Whatever is attached and detached in whatever order, and whenever the loop comes by."""
    cloud = Cloud(builds=builds)
    vpcs = [vpc(cloud).id for _ in range(3)]
    gateways = [cloud.run(CreateVpnGateway()).id for _ in range(3)]
    for verb, g, v in steps:
        try:
            match verb:
                case "a":
                    cloud.run(AttachVpnGateway(gateways[g], vpcs[v]))
                case "d":
                    cloud.run(DetachVpnGateway(gateways[g], vpcs[v]))
                case _:
                    settle(cloud)
        except (VpcHasGateway, GatewayHasVpc, NotAttached):
            pass
        joined = [found.vpc_id for found in cloud.snapshot.all(VpnGateway) if found.vpc_id is not None]
        assert len(set(joined)) == len(joined)
        for found in cloud.snapshot.all(VpnGateway):
            assert (found.vpc_id is None) == (found.attachment is Attachment.DETACHED)
