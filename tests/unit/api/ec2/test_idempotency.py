"""Asking twice makes one thing: by client token where EC2's model has one, by what is asked where AWS says so."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from ec2_client import Ec2, subnet_of, vpc_of
from examples import cloud_at, example_of
from hypothesis import given
from hypothesis import strategies as st
from places import takes
from support import Cloud

from landbridge.api.aws.ec2.actions import ACTIONS
from landbridge.control.instances import RunInstances
from landbridge.control.lifecycle import KEPT, Expire
from landbridge.control.tokens import digest
from landbridge.model.instances import Instance
from landbridge.model.vpn import CustomerGateway, VpnConnection

TOKEN = "ClientToken"
AT_ONCE = 16


def with_token() -> list[str]:
    """The actions that landbridge has and whose input has a client token in EC2's model."""
    return sorted(action for action in ACTIONS if takes(action, TOKEN))


TAGGED = {"Tags": [{"Key": "a", "Value": "b"}]}
CHANGES: dict[str, dict[str, Any]] = {
    "CreateRouteTable": {"TagSpecifications": [{"ResourceType": "route-table", **TAGGED}]},
    "RunInstances": {"MaxCount": 3},
    "CreateNetworkInterface": {"Description": "another"},
    "CreateNetworkAcl": {"TagSpecifications": [{"ResourceType": "network-acl", **TAGGED}]},
}
"""What makes the action's example another request."""


def test_every_action_with_a_token_is_tried() -> None:
    assert set(with_token()) <= set(CHANGES)


@pytest.mark.parametrize("action", with_token())
def test_a_client_token_names_one_request(action: str) -> None:
    """That somebody else's tokens are theirs is tried in test_strangers.py."""
    snapshot, arguments = example_of(action)
    ec2 = Ec2(cloud_at(snapshot))
    first = ec2(action, **arguments, ClientToken="once")
    made = ec2.cloud.snapshot
    assert ec2(action, **arguments, ClientToken="once") == first
    assert ec2.cloud.snapshot is made
    other = {**arguments, **CHANGES[action]}
    assert ec2.code(action, **other, ClientToken="once") == "IdempotentParameterMismatch"
    assert ec2.code(action, **arguments, ClientToken="x" * 65) == "InvalidParameterValue"
    assert ec2(action, **arguments, ClientToken="twice") != first


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
