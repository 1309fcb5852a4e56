"""`landbridge serve --data-plane none` as a process of its own, spoken to by boto3: waiters, limits, restarts."""

from __future__ import annotations

import configparser
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

NO_DELAY = {"Delay": 0, "MaxAttempts": 3}


@contextmanager
def service(state: Path, *options: str) -> Iterator[Any]:
    """A client of a service on this state folder, which ends with the block."""
    command = [sys.executable, "-m", "landbridge", "serve", "--data-plane", "none", "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--state", str(state), *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline().split()
        keys = configparser.ConfigParser()
        keys.read(state / "credentials")
        yield boto3.client("ec2", endpoint_url=ready[1], region_name="eu-central-1", **keys["default"])
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_waiters_and_what_a_restart_keeps(tmp_path: Path) -> None:
    with service(tmp_path) as ec2:
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
        internet = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        launch = {"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet, "ClientToken": "once"}
        instance = ec2.run_instances(**launch)["Instances"][0]["InstanceId"]
        customer = ec2.create_customer_gateway(Type="ipsec.1", IpAddress="203.0.113.9", BgpAsn=65001)
        customer = customer["CustomerGateway"]["CustomerGatewayId"]
        gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
        join = {"Type": "ipsec.1", "CustomerGatewayId": customer, "VpnGatewayId": gateway}
        vpn = ec2.create_vpn_connection(**join)["VpnConnection"]["VpnConnectionId"]
        for name, arguments in (
            ("vpc_exists", {"VpcIds": [vpc]}),
            ("vpc_available", {"VpcIds": [vpc]}),
            ("subnet_available", {"SubnetIds": [subnet]}),
            ("internet_gateway_exists", {"InternetGatewayIds": [internet]}),
            ("instance_running", {"InstanceIds": [instance]}),
            ("customer_gateway_available", {"CustomerGatewayIds": [customer]}),
            ("vpn_connection_available", {"VpnConnectionIds": [vpn]}),
        ):
            ec2.get_waiter(name).wait(WaiterConfig=NO_DELAY, **arguments)
        ec2.terminate_instances(InstanceIds=[instance])
        ec2.delete_vpn_connection(VpnConnectionId=vpn)
    with service(tmp_path) as ec2:
        ec2.get_waiter("instance_terminated").wait(WaiterConfig=NO_DELAY, InstanceIds=[instance])
        ec2.get_waiter("vpn_connection_deleted").wait(WaiterConfig=NO_DELAY, VpnConnectionIds=[vpn])
        assert ec2.run_instances(**launch)["Instances"][0]["InstanceId"] == instance
        with pytest.raises(ClientError, match="IdempotentParameterMismatch"):
            ec2.run_instances(**launch | {"ImageId": "ami-2"})


def test_relaxed_limits_are_a_choice_of_each_start(tmp_path: Path) -> None:
    with service(tmp_path) as ec2:
        for _ in range(5):
            ec2.create_vpc(CidrBlock="10.0.0.0/16")
        with pytest.raises(ClientError, match="VpcLimitExceeded"):
            ec2.create_vpc(CidrBlock="10.0.0.0/16")
    with service(tmp_path, "--limits", "relaxed") as ec2:
        ec2.create_vpc(CidrBlock="10.0.0.0/16")
        assert len(ec2.describe_vpcs()["Vpcs"]) == 6
    with service(tmp_path, "--limits", "aws") as ec2:
        assert len(ec2.describe_vpcs()["Vpcs"]) == 6
        with pytest.raises(ClientError, match="VpcLimitExceeded"):
            ec2.create_vpc(CidrBlock="10.0.0.0/16")


def test_a_stricter_crypto_policy_does_not_start_over_connections_that_name_what_it_refuses(tmp_path: Path) -> None:
    weak = {"TunnelOptions": [{"Phase1DHGroupNumbers": [{"Value": 2}]}]}
    with service(tmp_path, "--crypto-policy", "aws") as ec2:
        customer = ec2.create_customer_gateway(Type="ipsec.1", IpAddress="203.0.113.9", BgpAsn=65001)
        customer = customer["CustomerGateway"]["CustomerGatewayId"]
        gateway = ec2.create_vpn_gateway(Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
        join = {"Type": "ipsec.1", "CustomerGatewayId": customer, "VpnGatewayId": gateway}
        vpn = ec2.create_vpn_connection(**join, Options=weak)["VpnConnection"]["VpnConnectionId"]
    command = [sys.executable, "-m", "landbridge", "serve", "--data-plane", "none", "--listen", "127.0.0.1:0"]
    strict = [*command, "--state", str(tmp_path), "--crypto-policy", "modern"]
    done = subprocess.run(strict, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"Diffie-Hellman group 2, which tunnel 1 of {vpn} was made with" in " ".join(done.stderr.split())
    with service(tmp_path) as ec2:
        ec2.delete_vpn_connection(VpnConnectionId=vpn)
    with service(tmp_path, "--crypto-policy", "modern") as ec2:
        with pytest.raises(ClientError, match=r"UnsupportedOperation.*Diffie-Hellman group 2"):
            ec2.create_vpn_connection(**join, Options=weak)
        made = ec2.create_vpn_connection(**join)["VpnConnection"]
        assert "<perfect_forward_secrecy>group19<" in made["CustomerGatewayConfiguration"]
