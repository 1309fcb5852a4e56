"""A client between which and the service a recorder stands: what is written down, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from placeholders import Names
from recorder import Recorder
from recording import Asked, Exchange, Phase, Told, parse
from replaying import replay
from serving import Service


def test_what_was_recorded_is_readable_and_can_be_played(tmp_path: Path) -> None:
    with (
        Service(tmp_path / "state", "--lab") as service,
        Recorder("short", "the configuration", service.url, record=True, folder=tmp_path) as recorder,
    ):
        ec2 = service.client(endpoint_url=recorder.url)
        recorder.phase("apply", "boto3")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        for _ in range(2):
            ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")
        recorder.phase("destroy", "boto3")
        ec2.delete_vpc(VpcId=vpc)
        with pytest.raises(ClientError):
            ec2.describe_vpc_attribute(VpcId=vpc, Attribute="enableDnsSupport")
    text = (tmp_path / "short.txt").read_text()
    assert vpc not in text
    assert text.partition("== destroy")[2] == (
        "\n\n> ec2 DeleteVpc\nVpcId={vpc-1}\n< 200 DeleteVpcResponse\nreturn=true\n\n"
        "> ec2 DescribeVpcAttribute\nVpcId={vpc-1}\nAttribute=enableDnsSupport\n< 400 InvalidVpcID.NotFound\n"
    )
    assert text.count("> ec2 DescribeVpcAttribute") == 2, "what is asked again and again is there once"
    with Service(tmp_path / "another", "--lab") as service:
        replay(parse(text), service)


def test_another_configuration_has_to_be_recorded_anew(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="LANDBRIDGE_TERRAFORM_RECORD=1"),
        Recorder("a", "b", "http://c", folder=tmp_path),
    ):
        pass


def test_only_what_changes_nothing_or_was_refused_is_collapsed() -> None:
    phase = Phase("apply")
    create, look = Asked("ec2", "CreateInternetGateway", ()), Asked("ec2", "DescribeInternetGateways", ())
    refused, done = Told(400, "DependencyViolation", ""), Told(200, "Done", "")
    for asked, told in [
        (create, done),
        (create, done),
        (look, refused),
        (look, done),
        (create, refused),
        (create, done),
    ]:
        phase.add(Exchange(asked, told))
    assert [(each.asked, each.told) for each in phase.exchanges] == [
        (create, done),
        (create, done),
        (look, done),
        (create, done),
    ]


def test_what_the_client_has_named_stays_and_what_the_service_made_up_goes() -> None:
    names = Names()
    names.of_request(
        {"ImageId": "ami-12345678", "IpAddress": "203.0.113.77", "Cidr": "169.254.8.0/30", "Key": "made-up"}
    )
    answer = {
        "imageId": "ami-12345678",
        "customer": "203.0.113.77",
        "outside": "203.0.113.130",
        "inside": "169.254.8.0/30",
        "host": "169.254.8.1",
        "private": "10.0.0.4",
        "preSharedKey": "qUeTz.8_not-of-a-known-form",
        "at": "2026-11-24T22:00:00.000Z",
        "arn": "arn:aws:ec2:eu-central-1:000000000000:vpc/vpc-0123456789abcdef0",
    }
    assert names.of_answer(answer) == {
        "imageId": "ami-12345678",
        "customer": "203.0.113.77",
        "outside": "{address-1}",
        "inside": "169.254.8.0/30",
        "host": "{inside-1}",
        "private": "10.0.0.4",
        "preSharedKey": "{psk-1}",
        "at": "{time}",
        "arn": "arn:aws:ec2:eu-central-1:000000000000:vpc/{vpc-1}",
    }
    assert names.of_request({"a": "vpc-0123456789abcdef0"}) == {"a": "{vpc-1}"}
