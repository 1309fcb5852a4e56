"""boto3's waiters end as they should: things become available while they are waited for, and what was deleted is shown
as deleted for an hour. VPCs, subnets, route tables and internet gateways are gone at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, WaiterError
from support import ACCOUNT, REGION, Cloud

from landbridge.api.aws.ec2.actions import ACTIONS
from landbridge.api.aws.ec2.door import Desk
from landbridge.api.aws.errors import error_xml, from_domain
from landbridge.api.aws.parse import parse
from landbridge.api.aws.serialize import serialize
from landbridge.control.lifecycle import KEPT, Expire, MarkBuilt, MarkGone, waiting
from landbridge.model.errors import LandbridgeError
from landbridge.observe.state import Observation

NO_DELAY = {"Delay": 0, "MaxAttempts": 4}


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


@dataclass
class World:
    """A boto3 client whose requests end in this process. The loop does its work after each Describe."""

    cloud: Cloud = field(default_factory=lambda: Cloud(builds=True))
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.ec2 = boto3.client(
            "ec2",
            endpoint_url="http://in.this.process",
            region_name=REGION,
            aws_access_key_id="LKIAEXAMPLE",
            aws_secret_access_key="secret",
        )
        self.ec2.meta.events.register("before-send.ec2", self._send)

    def _send(self, request: Any, **_: object) -> AWSResponse:
        form = dict(parse_qsl(request.body, keep_blank_values=True))
        action = form.pop("Action")
        del form["Version"]
        self.calls[action] += 1
        desk = Desk(self.cloud.control, Observation, ACCOUNT, REGION, dry_run=False)
        try:
            status, document = 200, serialize(action, ACTIONS[action](desk, parse(action, form)), "request-1")
        except LandbridgeError as refusal:
            error = from_domain(refusal)
            status, document = error.status, error_xml(error.code, error.message, "request-1")
        if action.startswith("Describe"):
            self.settle()
        return AWSResponse(request.url, status, {}, _Raw(document))

    def settle(self) -> None:
        """What is waited for is built, and what is to go is gone."""
        waits = waiting(self.cloud.snapshot)
        self.cloud.run(MarkBuilt(frozenset(waits.built)))
        self.cloud.run(MarkGone(frozenset(waits.gone)))

    def wait(self, name: str, **arguments: Any) -> int:
        """Wait, and say how often it had to ask."""
        before = self.calls.total()
        self.ec2.get_waiter(name).wait(WaiterConfig=NO_DELAY, **arguments)
        return self.calls.total() - before

    def code(self, call: str, **arguments: Any) -> str:
        """The code of a refusal."""
        with pytest.raises(ClientError) as refused:
            getattr(self.ec2, call)(**arguments)
        return str(refused.value.response["Error"]["Code"])

    def vpc(self) -> str:
        return str(self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])

    def subnet(self, vpc: str) -> str:
        return str(self.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"])

    def customer(self) -> str:
        made = self.ec2.create_customer_gateway(Type="ipsec.1", IpAddress="203.0.113.9", BgpAsn=65001)
        return str(made["CustomerGateway"]["CustomerGatewayId"])

    def gateway(self) -> str:
        return str(self.ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"])

    def connection(self) -> str:
        made = self.ec2.create_vpn_connection(
            Type="ipsec.1",
            CustomerGatewayId=self.customer(),
            VpnGatewayId=self.gateway(),
            Options={"StaticRoutesOnly": True},
        )
        return str(made["VpnConnection"]["VpnConnectionId"])


@pytest.fixture
def world() -> World:
    return World()


def test_a_vpn_connection_is_waited_for_until_it_is_available_and_until_it_is_deleted(world: World) -> None:
    vpn = world.connection()
    assert world.wait("vpn_connection_available", VpnConnectionIds=[vpn]) == 2
    world.ec2.delete_vpn_connection(VpnConnectionId=vpn)
    with pytest.raises(WaiterError, match="terminal failure"):
        world.wait("vpn_connection_available", VpnConnectionIds=[vpn])
    assert world.wait("vpn_connection_deleted", VpnConnectionIds=[vpn]) == 1
    assert world.code("delete_vpn_connection", VpnConnectionId=vpn) == "InvalidVpnConnectionID.NotFound"


def test_waiting_for_the_end_of_one_that_is_not_ready_fails_as_on_aws(world: World) -> None:
    vpn = world.connection()
    with pytest.raises(WaiterError, match="terminal failure"):
        world.wait("vpn_connection_deleted", VpnConnectionIds=[vpn])


def test_a_customer_gateway(world: World) -> None:
    customer = world.customer()
    assert world.wait("customer_gateway_available", CustomerGatewayIds=[customer]) == 1
    world.ec2.delete_customer_gateway(CustomerGatewayId=customer)
    with pytest.raises(WaiterError, match="terminal failure"):
        world.wait("customer_gateway_available", CustomerGatewayIds=[customer])


def test_a_vpc_a_subnet_and_an_internet_gateway(world: World) -> None:
    vpc = world.vpc()
    assert world.wait("vpc_exists", VpcIds=[vpc]) == 1
    world.ec2.delete_vpc(VpcId=vpc)
    with pytest.raises(WaiterError, match="Max attempts"):
        world.wait("vpc_exists", VpcIds=[vpc])
    vpc = world.vpc()
    assert world.wait("vpc_available", VpcIds=[vpc]) == 2
    assert world.wait("subnet_available", SubnetIds=[world.subnet(vpc)]) == 2
    internet = world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    assert world.wait("internet_gateway_exists", InternetGatewayIds=[internet]) == 1
    # Which code EC2 has for one that is not there, and the waiter does not know: it fails, as on AWS.
    world.ec2.delete_internet_gateway(InternetGatewayId=internet)
    with pytest.raises(WaiterError, match="InvalidInternetGatewayID"):
        world.wait("internet_gateway_exists", InternetGatewayIds=[internet])


def test_an_instance(world: World) -> None:
    launched = world.ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=world.subnet(world.vpc()))
    instance = launched["Instances"][0]["InstanceId"]
    assert world.wait("instance_running", InstanceIds=[instance]) == 2
    world.ec2.terminate_instances(InstanceIds=[instance])
    assert world.wait("instance_terminated", InstanceIds=[instance]) == 2
    world.cloud.later(KEPT)
    world.cloud.run(Expire(world.cloud.now))
    assert world.code("describe_instances", InstanceIds=[instance]) == "InvalidInstanceID.NotFound"


def test_what_is_deleted_is_shown_for_an_hour(world: World) -> None:
    ec2, vpn = world.ec2, world.connection()
    world.wait("vpn_connection_available", VpnConnectionIds=[vpn])
    for prefix in ("192.168.1.0/24", "192.168.2.0/24"):
        ec2.create_vpn_connection_route(VpnConnectionId=vpn, DestinationCidrBlock=prefix)
    ec2.delete_vpn_connection_route(VpnConnectionId=vpn, DestinationCidrBlock="192.168.1.0/24")

    def shown() -> dict[str, str]:
        connection = ec2.describe_vpn_connections(VpnConnectionIds=[vpn])["VpnConnections"][0]
        return {route["DestinationCidrBlock"]: route["State"] for route in connection["Routes"]}

    shown()
    assert shown() == {"192.168.1.0/24": "deleted", "192.168.2.0/24": "available"}
    world.cloud.later(KEPT - timedelta(seconds=1))
    world.cloud.run(Expire(world.cloud.now))
    assert len(shown()) == 2
    world.cloud.later(timedelta(seconds=1))
    world.cloud.run(Expire(world.cloud.now))
    assert shown() == {"192.168.2.0/24": "available"}

    connection = ec2.describe_vpn_connections(VpnConnectionIds=[vpn])["VpnConnections"][0]
    gateway, customer = connection["VpnGatewayId"], connection["CustomerGatewayId"]
    assert "CustomerGatewayConfiguration" in connection
    ec2.delete_vpn_connection(VpnConnectionId=vpn)
    assert world.code("delete_customer_gateway", CustomerGatewayId=customer) == "IncorrectState"
    world.settle()
    ec2.delete_customer_gateway(CustomerGatewayId=customer)
    ec2.delete_vpn_gateway(VpnGatewayId=gateway)
    world.settle()

    def states() -> list[str]:
        return [
            *(c["State"] for c in ec2.describe_vpn_connections(VpnConnectionIds=[vpn])["VpnConnections"]),
            *(g["State"] for g in ec2.describe_vpn_gateways(VpnGatewayIds=[gateway])["VpnGateways"]),
            *(c["State"] for c in ec2.describe_customer_gateways(CustomerGatewayIds=[customer])["CustomerGateways"]),
        ]

    assert states() == ["deleted"] * 3
    assert "CustomerGatewayConfiguration" not in ec2.describe_vpn_connections()["VpnConnections"][0]
    world.cloud.later(KEPT - timedelta(seconds=1))
    world.cloud.run(Expire(world.cloud.now))
    assert states() == ["deleted"] * 3
    world.cloud.later(timedelta(seconds=1))
    world.cloud.run(Expire(world.cloud.now))
    assert ec2.describe_vpn_connections()["VpnConnections"] == []
    for call, code in (
        (("describe_vpn_connections", "VpnConnectionIds", vpn), "InvalidVpnConnectionID.NotFound"),
        (("describe_vpn_gateways", "VpnGatewayIds", gateway), "InvalidVpnGatewayID.NotFound"),
        (("describe_customer_gateways", "CustomerGatewayIds", customer), "InvalidCustomerGatewayID.NotFound"),
    ):
        assert world.code(call[0], **{call[1]: [call[2]]}) == code


def test_what_is_not_shown_as_deleted(world: World) -> None:
    ec2, vpc = world.ec2, world.vpc()
    subnet = world.subnet(vpc)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    internet = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_internet_gateway(InternetGatewayId=internet)
    ec2.delete_vpc(VpcId=vpc)
    for call, name, gone, code in (
        ("describe_subnets", "SubnetIds", subnet, "InvalidSubnetID.NotFound"),
        ("describe_route_tables", "RouteTableIds", table, "InvalidRouteTableID.NotFound"),
        ("describe_internet_gateways", "InternetGatewayIds", internet, "InvalidInternetGatewayID.NotFound"),
        ("describe_vpcs", "VpcIds", vpc, "InvalidVpcID.NotFound"),
    ):
        assert world.code(call, **{name: [gone]}) == code
        assert getattr(ec2, call)()[name.removesuffix("Ids") + "s"] == []
