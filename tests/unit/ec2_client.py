"""An EC2 client without a network: botocore writes the parameters and reads the answer, the door is in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import botocore.session
import pytest
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from support import ACCOUNT, REGION, Cloud

from landbridge.api.aws.ec2.actions import carry_out
from landbridge.api.aws.ec2.door import Desk, DryRunSucceeded
from landbridge.api.aws.errors import Ec2Error, dry_run, from_domain
from landbridge.api.aws.parse import parse
from landbridge.api.aws.serialize import serialize
from landbridge.model.errors import LandbridgeError
from landbridge.observe.state import Observation

MODEL = botocore.session.get_session().get_service_model("ec2")
_SERIALIZER = create_serializer("ec2")
_UNCHECKED = create_serializer("ec2", include_validation=False)
_PARSER = create_parser("ec2")


class Ec2:
    """Calls of one account: `ec2("CreateVpc", CidrBlock="10.0.0.0/16")` is what boto3 would answer, or an Ec2Error."""

    def __init__(self, cloud: Cloud, account: str = ACCOUNT, region: str = REGION) -> None:
        self.cloud = cloud
        self.account = account
        self.region = region
        self.observation = Observation()
        self.sees_secrets = True

    def __call__(self, action: str, **arguments: Any) -> dict[str, Any]:
        document = self._ask(action, arguments, _SERIALIZER)
        response = {"body": document, "headers": {}, "status_code": 200}
        answer: dict[str, Any] = _PARSER.parse(response, MODEL.operation_model(action).output_shape)
        answer.pop("ResponseMetadata", None)
        return answer

    def said(self, action: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
        """Whatever is asked: the code and the message of the refusal, or `ok` and the answer's document.

        With DryRun the code of success is `DryRunOperation`, as EC2 has it.
        """
        try:
            return "ok", self._ask(action, dict(arguments), _UNCHECKED).decode()
        except Ec2Error as refusal:
            return refusal.code, refusal.message
        except DryRunSucceeded:
            return "DryRunOperation", ""

    def _ask(self, action: str, arguments: dict[str, Any], serializer: Any) -> bytes:
        body = serializer.serialize_to_request(arguments, MODEL.operation_model(action))["body"]
        flat = {name: _text(value) for name, value in body.items() if name not in ("Action", "Version")}
        params = parse(action, flat)
        dry_run = params.pop("DryRun", False)
        desk = Desk(self.cloud.control, lambda: self.observation, self.account, self.region, dry_run, self.sees_secrets)
        try:
            return serialize(action, carry_out(desk, action, params), "request-1")
        except LandbridgeError as refusal:
            raise from_domain(refusal) from refusal

    def code(self, action: str, **arguments: Any) -> str:
        """The error code of a call that is refused, or a dry run, having changed nothing."""
        before = self.cloud.snapshot
        with pytest.raises((Ec2Error, DryRunSucceeded)) as caught:
            self(action, **arguments)
        assert self.cloud.snapshot is before
        refusal = caught.value if isinstance(caught.value, Ec2Error) else dry_run()
        assert refusal.message.strip()
        return refusal.code


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def vpc_of(ec2: Ec2, cidr: str = "10.0.0.0/16") -> str:
    """The id of a new VPC."""
    return str(ec2("CreateVpc", CidrBlock=cidr)["Vpc"]["VpcId"])


def subnet_of(ec2: Ec2, vpc: str, cidr: str = "10.0.1.0/24") -> str:
    """The id of a new subnet."""
    return str(ec2("CreateSubnet", VpcId=vpc, CidrBlock=cidr)["Subnet"]["SubnetId"])


def table_of(ec2: Ec2, vpc: str) -> str:
    """The id of a new route table."""
    return str(ec2("CreateRouteTable", VpcId=vpc)["RouteTable"]["RouteTableId"])


def routes_of(ec2: Ec2, table: str) -> dict[str, dict[str, Any]]:
    """A table's routes as they are shown, by destination."""
    shown = ec2("DescribeRouteTables", RouteTableIds=[table])["RouteTables"][0]["Routes"]
    return {route["DestinationCidrBlock"]: route for route in shown}
