"""Every quota at its edge: AWS's last one is made, one more is refused with AWS's code, and what is deleted does not
count. Relaxed, one more is made where that is promised, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv4Network

import pytest
from support import Cloud

from landbridge.api.aws.errors import from_domain
from landbridge.control import limits
from landbridge.control.base import PLAIN_POOLS, Command
from landbridge.control.customer_gateways import CreateCustomerGateway, DeleteCustomerGateway
from landbridge.control.elastic_addresses import AllocateAddress, ReleaseAddress
from landbridge.control.instances import RunInstances, TerminateInstances
from landbridge.control.internet_gateways import CreateInternetGateway, DeleteInternetGateway
from landbridge.control.lifecycle import KEPT, Expire
from landbridge.control.limits import AWS, LIFTED, QUOTAS, RELAXED, Per, Quota
from landbridge.control.network_acls import CreateNetworkAcl, DeleteNetworkAcl
from landbridge.control.route_tables import CreateRouteTable, DeleteRouteTable
from landbridge.control.routes import CreateRoute, DeleteRoute
from landbridge.control.subnets import CreateSubnet, DeleteSubnet
from landbridge.control.tags import CreateTags, DeleteTags
from landbridge.control.vpcs import CreateVpc, DeleteVpc
from landbridge.control.vpn_connections import CreateVpnConnection, DeleteVpnConnection
from landbridge.control.vpn_gateways import AttachVpnGateway, CreateVpnGateway, DeleteVpnGateway
from landbridge.control.vpn_routes import CreateVpnConnectionRoute, DeleteVpnConnectionRoute
from landbridge.model.errors import LimitExceeded
from landbridge.model.network import RouteTable, Vpc
from landbridge.model.vpn import VpnGateway

NET = IPv4Network("10.0.0.0/16")


def parts(network: str, length: int) -> list[IPv4Network]:
    return list(IPv4Network(network).subnets(new_prefix=length))


def address(number: int) -> IPv4Address:
    return IPv4Address("192.0.2.0") + number % 256


@dataclass(frozen=True)
class Case:
    """How to make the n-th of something in a prepared cloud, and how to take one away again."""

    code: str
    prepare: Callable[[Cloud], str]
    """Gives the id of what the things belong to, or anything."""
    make: Callable[[Cloud, str, int], Command]
    undo: Callable[[str, str, int], Command]
    """From the owner's id, the id of what was made first, and its number."""


def nothing(cloud: Cloud) -> str:
    return ""


def a_vpc(cloud: Cloud) -> str:
    return str(cloud.run(CreateVpc(NET)).id)


def a_subnet(cloud: Cloud) -> str:
    return str(cloud.run(CreateSubnet(a_vpc(cloud), NET)).id)


def main_table(cloud: Cloud) -> str:
    """Of a VPC with a virtual private gateway."""
    cloud.run(AttachVpnGateway(a_gateway(cloud), a_vpc(cloud)))
    return next(table.id for table in cloud.snapshot.all(RouteTable))


def a_gateway(cloud: Cloud) -> str:
    return str(cloud.run(CreateVpnGateway()).id)


def a_static_connection(cloud: Cloud) -> str:
    return str(cloud.run(CreateVpnConnection(a_gateway(cloud), a_customer(cloud, 0), static_only=True)).id)


def a_customer(cloud: Cloud, number: int) -> str:
    return str(cloud.run(CreateCustomerGateway(address(number), 65000, f"device {number}")).id)


def six_gateways(cloud: Cloud) -> str:
    return " ".join(a_gateway(cloud) for _ in range(6))


def connection(cloud: Cloud, gateways: str, number: int) -> Command:
    names = gateways.split()
    return CreateVpnConnection(names[number % len(names)], a_customer(cloud, number))


def a_target(cloud: Cloud) -> str:
    return next(gateway.id for gateway in cloud.snapshot.all(VpnGateway))


CASES: dict[Quota, Case] = {
    limits.VPCS: Case(
        "VpcLimitExceeded", nothing, lambda cloud, _, n: CreateVpc(NET), lambda _, made, n: DeleteVpc(made)
    ),
    limits.INTERNET_GATEWAYS: Case(
        "InternetGatewayLimitExceeded",
        nothing,
        lambda cloud, _, n: CreateInternetGateway(),
        lambda _, made, n: DeleteInternetGateway(made),
    ),
    limits.INSTANCES: Case(
        "InstanceLimitExceeded",
        a_subnet,
        lambda cloud, subnet, n: RunInstances(subnet, "ami-1"),
        lambda _, made, n: TerminateInstances((made,)),
    ),
    limits.CUSTOMER_GATEWAYS: Case(
        "CustomerGatewayLimitExceeded",
        nothing,
        lambda cloud, _, n: CreateCustomerGateway(address(0), 1 + n),
        lambda _, made, n: DeleteCustomerGateway(made),
    ),
    limits.VPN_GATEWAYS: Case(
        "VpnGatewayLimitExceeded",
        nothing,
        lambda cloud, _, n: CreateVpnGateway(),
        lambda _, made, n: DeleteVpnGateway(made),
    ),
    limits.VPN_CONNECTIONS: Case(
        "VpnConnectionLimitExceeded", six_gateways, connection, lambda _, made, n: DeleteVpnConnection(made)
    ),
    limits.VPN_CONNECTIONS_OF_GATEWAY: Case(
        "VpnConnectionLimitExceeded", a_gateway, connection, lambda _, made, n: DeleteVpnConnection(made)
    ),
    limits.SUBNETS: Case(
        "SubnetLimitExceeded",
        a_vpc,
        lambda cloud, vpc, n: CreateSubnet(vpc, parts(str(NET), 24)[n]),
        lambda _, made, n: DeleteSubnet(made),
    ),
    limits.ROUTE_TABLES: Case(
        "RouteTableLimitExceeded",
        a_vpc,
        lambda cloud, vpc, n: CreateRouteTable(vpc),
        lambda _, made, n: DeleteRouteTable(made),
    ),
    limits.ROUTES: Case(
        "RouteLimitExceeded",
        main_table,
        lambda cloud, table, n: CreateRoute(table, parts("172.16.0.0/16", 24)[n], a_target(cloud)),
        lambda table, _, n: DeleteRoute(table, parts("172.16.0.0/16", 24)[n]),
    ),
    limits.NETWORK_ACLS: Case(
        "NetworkAclLimitExceeded",
        a_vpc,
        lambda cloud, vpc, n: CreateNetworkAcl(vpc),
        lambda _, made, n: DeleteNetworkAcl(made),
    ),
    limits.ELASTIC_ADDRESSES: Case(
        "AddressLimitExceeded",
        nothing,
        lambda cloud, _, n: AllocateAddress(),
        lambda _, made, n: ReleaseAddress(made),
    ),
    limits.STATIC_ROUTES: Case(
        "RouteLimitExceeded",
        a_static_connection,
        lambda cloud, vpn, n: CreateVpnConnectionRoute(vpn, parts("172.16.0.0/16", 24)[n]),
        lambda vpn, _, n: DeleteVpnConnectionRoute(vpn, parts("172.16.0.0/16", 24)[n]),
    ),
    limits.TAGS: Case(
        "TagLimitExceeded",
        a_vpc,
        lambda cloud, vpc, n: CreateTags((vpc,), ((f"key {n}", ""),)),
        lambda vpc, _, n: DeleteTags((vpc,), ((f"key {n}", None),)),
    ),
}


TOO_MANY = {limits.INTERFACES, limits.SECURITY_GROUPS}
"""Tried with smaller numbers in tests/unit/api/ec2."""

AT_FIRST = {limits.ROUTE_TABLES: 1, limits.NETWORK_ACLS: 1}
"""How many are there before anybody makes one: the main route table."""


@dataclass
class Full:
    """A cloud with as many as a quota allows, in which one more is asked for."""

    cloud: Cloud
    owner: str
    first: str


def full(quota: Quota, case: Case) -> Full:
    cloud = Cloud(limits=RELAXED, pools=PLAIN_POOLS)
    owner = case.prepare(cloud)
    replies = [cloud.run(case.make(cloud, owner, number)) for number in range(quota.most - AT_FIRST.get(quota, 0))]
    first = replies[0][0] if isinstance(replies[0], tuple) else replies[0]
    return Full(cloud, owner, getattr(first, "id", ""))


def again(before: Cloud, rules: limits.Limits) -> Cloud:
    """The same state under these rules, as after a restart."""
    return Cloud(limits=rules, pools=PLAIN_POOLS, found=before.snapshot)


def test_every_quota_that_refuses_a_request_is_tried() -> None:
    assert set(CASES) | TOO_MANY == {quota for quota in QUOTAS if quota.noun}


@pytest.mark.parametrize("quota", CASES, ids=lambda quota: f"{quota.most} {quota.things} per {quota.per}")
def test_one_more_than_aws_allows(quota: Quota) -> None:
    case = CASES[quota]
    state = full(quota, case)
    one_more = case.make(state.cloud, state.owner, quota.most)

    strict = again(state.cloud, AWS)
    before = strict.snapshot
    with pytest.raises(LimitExceeded) as refused:
        strict.run(one_more)
    assert strict.snapshot is before
    assert from_domain(refused.value).code == case.code
    assert f" {quota.most}" in refused.value.message
    assert ("relaxed" in refused.value.message) == (quota.per in LIFTED)
    strict.run(case.undo(state.owner, state.first, 0))
    strict.run(one_more)

    relaxed = again(state.cloud, RELAXED)
    if quota.per in LIFTED:
        relaxed.run(one_more)
    else:
        with pytest.raises(LimitExceeded):
            relaxed.run(one_more)


def test_relaxed_lifts_what_the_issue_names_and_nothing_else() -> None:
    kept = {quota for quota in QUOTAS if RELAXED.most(quota) is not None}
    assert kept == {limits.STATIC_ROUTES, limits.ANNOUNCED_ROUTES, limits.TAGS}
    assert all(RELAXED.most(quota) == quota.most for quota in kept)
    assert {quota.per for quota in QUOTAS} == set(Per)


def test_what_others_have_does_not_count() -> None:
    cloud = Cloud()
    for _ in range(limits.VPCS.most):
        cloud.run(CreateVpc(NET))
    cloud.run(CreateVpc(NET), account="210987654321")
    assert sum(1 for _ in cloud.snapshot.all(Vpc)) == limits.VPCS.most + 1


def test_what_is_deleted_does_not_count_while_it_is_still_shown_nor_afterwards() -> None:
    cloud = Cloud()
    for _ in range(3 * limits.VPN_GATEWAYS.most):
        cloud.run(DeleteVpnGateway(a_gateway(cloud)))
    gateways = [a_gateway(cloud) for _ in range(limits.VPN_GATEWAYS.most)]
    cloud.later(KEPT)
    cloud.run(Expire(cloud.now + timedelta(seconds=1)))
    with pytest.raises(LimitExceeded):
        a_gateway(cloud)
    cloud.run(DeleteVpnGateway(gateways[0]))
    a_gateway(cloud)
