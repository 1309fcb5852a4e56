"""Asking twice makes one thing: by client token where EC2's model has one, by what is asked where AWS says so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import botocore.session
import pytest
from ec2_client import Ec2, subnet_of, vpc_of
from hypothesis import given
from hypothesis import strategies as st
from support import Cloud

from landbridge.api.aws.ec2.actions import ACTIONS
from landbridge.control.instances import RunInstances
from landbridge.control.lifecycle import KEPT, Expire
from landbridge.control.tokens import digest
from landbridge.model.resources import CustomerGateway, Instance, VpnConnection

TOKEN = "ClientToken"
AT_ONCE = 16


def with_token() -> list[str]:
    """The actions that landbridge has and whose input has a client token in EC2's model."""
    model = botocore.session.get_session().get_service_model("ec2")
    inputs = {action: model.operation_model(action).input_shape for action in ACTIONS}
    return sorted(action for action, shape in inputs.items() if shape is not None and TOKEN in shape.members)


@dataclass(frozen=True)
class Example:
    """A request in a VPC and its subnet, and what makes it another request."""

    arguments: Callable[[str, str], dict[str, Any]]
    change: dict[str, Any]


EXAMPLES = {
    "CreateRouteTable": Example(
        lambda vpc, subnet: {"VpcId": vpc},
        {"TagSpecifications": [{"ResourceType": "route-table", "Tags": [{"Key": "a", "Value": "b"}]}]},
    ),
    "RunInstances": Example(
        lambda vpc, subnet: {"ImageId": "ami-1", "MinCount": 2, "MaxCount": 2, "SubnetId": subnet},
        {"MaxCount": 3},
    ),
    "CreateNetworkInterface": Example(lambda vpc, subnet: {"SubnetId": subnet}, {"Description": "another"}),
    "CreateNetworkAcl": Example(
        lambda vpc, subnet: {"VpcId": vpc},
        {"TagSpecifications": [{"ResourceType": "network-acl", "Tags": [{"Key": "a", "Value": "b"}]}]},
    ),
}


def test_every_action_with_a_token_is_tried() -> None:
    assert set(with_token()) <= set(EXAMPLES)


@pytest.mark.parametrize("action", with_token())
def test_a_client_token_names_one_request(action: str) -> None:
    ec2 = Ec2(Cloud())
    vpc = vpc_of(ec2)
    arguments = EXAMPLES[action].arguments(vpc, subnet_of(ec2, vpc))
    first = ec2(action, **arguments, ClientToken="once")
    made = ec2.cloud.snapshot
    assert ec2(action, **arguments, ClientToken="once") == first
    assert ec2.cloud.snapshot is made
    assert ec2.code(action, **arguments | EXAMPLES[action].change, ClientToken="once") == "IdempotentParameterMismatch"
    assert ec2.code(action, **arguments, ClientToken="x" * 65) == "InvalidParameterValue"
    assert ec2(action, **arguments, ClientToken="twice") != first
    # Somebody else's tokens are theirs.
    stranger = Ec2(ec2.cloud, account="999999999999")
    vpc = vpc_of(stranger)
    theirs = EXAMPLES[action].arguments(vpc, subnet_of(stranger, vpc))
    assert stranger(action, **theirs, ClientToken="once") != first


def test_a_terminated_instance_remembers_its_request_as_long_as_it_is_shown() -> None:
    ec2 = Ec2(Cloud())
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet_of(ec2, vpc_of(ec2))}
    first = ec2("RunInstances", **launch, ClientToken="once")["Instances"][0]["InstanceId"]
    ec2("TerminateInstances", InstanceIds=[first])
    assert ec2("RunInstances", **launch, ClientToken="once")["Instances"][0]["State"]["Name"] == "terminated"
    ec2.cloud.later(KEPT)
    ec2.cloud.run(Expire(ec2.cloud.now + timedelta(seconds=1)))
    assert ec2("RunInstances", **launch, ClientToken="once")["Instances"][0]["InstanceId"] != first


def at_once(ec2: Ec2, action: str, arguments: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers to one request made by many callers at the same time."""
    together = threading.Barrier(AT_ONCE)

    def ask(_: int) -> dict[str, Any]:
        together.wait(20)
        return ec2(action, **arguments)

    with ThreadPoolExecutor(AT_ONCE) as callers:
        return list(callers.map(ask, range(AT_ONCE)))


def test_the_same_request_many_times_at_once_makes_one_thing() -> None:
    ec2 = Ec2(Cloud())
    subnet = subnet_of(ec2, vpc_of(ec2))
    launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet, TOKEN: "once"}
    launched = at_once(ec2, "RunInstances", launch)
    assert len({answer["Instances"][0]["InstanceId"] for answer in launched}) == 1
    assert sum(1 for _ in ec2.cloud.snapshot.all(Instance)) == 1

    customers = at_once(ec2, "CreateCustomerGateway", {"Type": "ipsec.1", "IpAddress": "203.0.113.7", "BgpAsn": 65001})
    assert all(answer == customers[0] for answer in customers)
    assert sum(1 for _ in ec2.cloud.snapshot.all(CustomerGateway)) == 1

    gateway = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    customer = customers[0]["CustomerGateway"]["CustomerGatewayId"]
    join = {"Type": "ipsec.1", "VpnGatewayId": gateway, "CustomerGatewayId": customer}
    connections = at_once(ec2, "CreateVpnConnection", join)
    assert all(answer == connections[0] for answer in connections)
    assert sum(1 for _ in ec2.cloud.snapshot.all(VpnConnection)) == 1


requests = st.builds(
    RunInstances,
    subnet_id=st.sampled_from(("subnet-1", "subnet-2")),
    image_id=st.text(max_size=3),
    least=st.integers(1, 2),
    public_address=st.none() | st.booleans(),
    tags=st.lists(st.tuples(st.text(max_size=2), st.text(max_size=2)), max_size=2).map(tuple),
    client_token=st.text(max_size=2),
)


@given(requests, requests)
def test_a_digest_tells_requests_apart_and_nothing_else(one: RunInstances, other: RunInstances) -> None:
    def without_token(command: RunInstances) -> tuple[object, ...]:
        return (command.subnet_id, command.image_id, command.least, command.public_address, command.tags)

    assert (digest(one) == digest(other)) == (without_token(one) == without_token(other))
