"""`landbridge credentials create --profile`, and then the real `aws` with nothing but `--profile`."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from serving import Service

pytestmark = pytest.mark.timeout(240)  # each command of the AWS CLI starts another Python

REFUSED = {254, 255}  # version 2 of the AWS CLI has a code for what the service refuses, version 1 one for everything
OTHERS = "[profile others]\nregion = eu-west-1\n"


@dataclass
class Shell:
    """A home folder, and the aws command line in it, with no environment of AWS's."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**kept, "HOME": str(self.home), "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "awscli", "--profile", "landbridge", *words)
        return subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def aws(self, *words: str) -> Any:
        """The document that a command prints."""
        done = self.run(*words, "--output", "json")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None


def create(service: Service, shell: Shell, *words: str) -> str:
    """Make a key and its profile; what the command says."""
    environment = {"HOME": str(shell.home), "AWS_CONFIG_FILE": "", "AWS_SHARED_CREDENTIALS_FILE": ""}
    done = service.landbridge("credentials", "create", "--profile", "landbridge", *words, **environment)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Shell]]:
    folder = tmp_path_factory.mktemp("aws")
    shell = Shell(folder / "home")
    (shell.home / ".aws").mkdir(parents=True)
    (shell.home / ".aws" / "config").write_text(OTHERS)
    with Service(folder / "state", "--tls") as service:
        create(service, shell, "--region", "eu-central-1", "--account", "123456789012", "--role", "operator")
        yield service, shell


def test_who_am_i(place: tuple[Service, Shell]) -> None:
    service, shell = place
    identity = shell.aws("sts", "get-caller-identity")
    assert identity["Account"] == "123456789012"
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/operator"
    listed = service.landbridge("credentials", "list", "--json")
    assert identity["UserId"] in {key["access_key_id"] for key in json.loads(listed.stdout)}


def test_the_files(place: tuple[Service, Shell]) -> None:
    service, shell = place
    config = (shell.home / ".aws" / "config").read_text()
    assert config.startswith(OTHERS)
    assert f"endpoint_url = {service.url}\n" in config
    assert f"ca_bundle = {service.state}/tls/ca.pem\n" in config
    credentials = shell.home / ".aws" / "credentials"
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600


def test_what_people_do_with_it(place: tuple[Service, Shell]) -> None:
    _, shell = place
    assert shell.aws("ec2", "describe-vpcs") == {"Vpcs": []}
    tags = "ResourceType=vpc,Tags=[{Key=Name,Value=prod}]"
    vpcs = [
        shell.aws("ec2", "create-vpc", "--cidr-block", f"10.{number}.0.0/16", "--tag-specifications", tags)["Vpc"][
            "VpcId"
        ]
        for number in range(2)
    ]
    assert shell.aws("ec2", "wait", "vpc-available", "--vpc-ids", *vpcs) is None
    filters = ("--filters", "Name=cidr,Values=10.1.*", "Name=tag:Name,Values=prod")
    found = shell.aws("ec2", "describe-vpcs", *filters)["Vpcs"]
    assert [vpc["VpcId"] for vpc in found] == vpcs[1:]
    assert found[0]["OwnerId"] == "123456789012"
    first = shell.aws("ec2", "describe-vpcs", "--max-items", "1")
    rest = shell.aws("ec2", "describe-vpcs", "--max-items", "1", "--starting-token", first["NextToken"])
    assert [vpc["VpcId"] for vpc in first["Vpcs"] + rest["Vpcs"]] == vpcs
    zones = shell.run(
        "ec2", "describe-availability-zones", "--query", "AvailabilityZones[].ZoneName", "--output", "text"
    )
    assert zones.stdout.split() == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    for vpc in vpcs:
        shell.run("ec2", "delete-vpc", "--vpc-id", vpc)
    assert shell.aws("ec2", "describe-vpcs") == {"Vpcs": []}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "create-vpc --cidr-block 10.9.0.0/16 --dry-run",
            "(DryRunOperation) when calling the CreateVpc operation: Request would have succeeded, but DryRun",
        ),
        (
            "delete-vpc --vpc-id vpc-0123456789abcdef0",
            "(InvalidVpcID.NotFound) when calling the DeleteVpc operation: ",
        ),
        ("describe-hosts", "(UnsupportedOperation) when calling the DescribeHosts operation: landbridge "),
        ("describe-vpcs --region eu-central-7", "Credential should be scoped to a valid region, not "),
    ],
)
def test_refusals(place: tuple[Service, Shell], words: str, said: str) -> None:
    _, shell = place
    done = shell.run("ec2", *words.split())
    assert said in done.stderr
    assert done.returncode in REFUSED
    assert done.stdout == ""


def test_another_account_sees_nothing_and_a_reader_changes_nothing(
    place: tuple[Service, Shell], tmp_path: Path
) -> None:
    service, shell = place
    vpc = shell.aws("ec2", "create-vpc", "--cidr-block", "10.0.0.0/16")["Vpc"]["VpcId"]
    other, reader = Shell(tmp_path / "other"), Shell(tmp_path / "reader")
    create(service, other, "--region", "eu-central-1", "--account", "999999999999")
    create(service, reader, "--region", "eu-central-1", "--account", "123456789012", "--role", "read-only")
    assert other.aws("ec2", "describe-vpcs") == {"Vpcs": []}
    assert "(InvalidVpcID.NotFound)" in other.run("ec2", "delete-vpc", "--vpc-id", vpc).stderr
    assert [found["VpcId"] for found in reader.aws("ec2", "describe-vpcs")["Vpcs"]] == [vpc]
    refused = reader.run("ec2", "delete-vpc", "--vpc-id", vpc)
    assert refused.returncode in REFUSED
    assert "(UnauthorizedOperation) when calling the DeleteVpc operation: You are not authorized" in refused.stderr
    assert "user/read-only is not authorized to perform: ec2:DeleteVpc" in refused.stderr
    shell.run("ec2", "delete-vpc", "--vpc-id", vpc)


def test_an_administrator_makes_keys_and_an_operator_does_not(place: tuple[Service, Shell], tmp_path: Path) -> None:
    service, operator = place
    admin = Shell(tmp_path / "admin")
    create(service, admin, "--account", "123456789012")
    made = admin.aws("iam", "create-access-key", "--user-name", "read-only")["AccessKey"]
    listed = admin.aws("iam", "list-access-keys", "--user-name", "read-only")["AccessKeyMetadata"]
    assert made["AccessKeyId"] in {key["AccessKeyId"] for key in listed}
    keys = {"aws_access_key_id": made["AccessKeyId"], "aws_secret_access_key": made["SecretAccessKey"]}
    identity = service.client("sts", verify=str(service.state / "tls" / "ca.pem"), **keys).get_caller_identity()
    assert identity["Arn"] == "arn:aws:iam::123456789012:user/read-only"
    refused = operator.run("iam", "create-access-key")
    assert "(AccessDenied) when calling the CreateAccessKey operation: User: arn:aws:iam::1234" in refused.stderr
    assert refused.returncode in REFUSED
    delete = ("iam", "delete-access-key", "--user-name", "read-only", "--access-key-id", made["AccessKeyId"])
    assert admin.aws(*delete) is None


def test_once_more_is_another_key_in_the_same_profile(place: tuple[Service, Shell]) -> None:
    service, shell = place
    former = shell.aws("sts", "get-caller-identity")["UserId"]
    said = create(service, shell, "--account", "123456789012", "--role", "operator")
    assert f"landbridge credentials delete {former}" in said
    assert shell.aws("sts", "get-caller-identity")["UserId"] != former
    assert shell.run("configure", "get", "region").stdout == "eu-central-1\n"
    service.landbridge("credentials", "delete", former)


def test_while_the_service_is_stopped_and_over_plain_http(tmp_path: Path) -> None:
    """The profile says where it was last; the key is good when it is back there."""
    shell = Shell(tmp_path / "home")
    with Service(tmp_path / "s") as service:
        where = service.url.removeprefix("http://")
    said = create(service, shell)
    assert f"Profile landbridge is in {shell.home}/.aws/credentials and {shell.home}/.aws/config.\n" in said
    with Service(tmp_path / "s", listen=where):
        assert shell.aws("ec2", "describe-vpcs") == {"Vpcs": []}
