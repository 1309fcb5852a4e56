"""Roles of access keys: who they are in IAM's words, what they may call, and that nothing tells a reader a key."""

from __future__ import annotations

import pytest
from admin_world import World
from ec2_client import Ec2
from examples import cloud_at, example_of
from places import one_less, places, with_value
from support import ACCOUNT, REGION, START, Cloud

from landbridge.api.aws.ec2.actions import ACTIONS
from landbridge.api.aws.errors import Ec2Error
from landbridge.api.aws.roles import authorize, caller_identity, sees_secrets
from landbridge.model.keys import AccessKey, Role
from landbridge.model.secret import Secret
from landbridge.model.vpn import VpnConnection


def key(role: Role) -> AccessKey:
    return AccessKey(
        id="LKIATEST", account=ACCOUNT, region="us-east-1", created=START, secret=Secret("s" * 40), role=role
    )


READER = key(Role.READ_ONLY)
READS = sorted(name for name in ACTIONS if name.startswith(("Describe", "Get")))


@pytest.mark.parametrize(
    ("role", "user", "arn"),
    [
        (Role.ADMIN, ACCOUNT, "root"),
        (Role.OPERATOR, "LKIATEST", "user/operator"),
        (Role.READ_ONLY, "LKIATEST", "user/read-only"),
    ],
)
def test_who_they_are(role: Role, user: str, arn: str) -> None:
    expected = {"Account": ACCOUNT, "UserId": user, "Arn": f"arn:aws:iam::{ACCOUNT}:{arn}"}
    assert caller_identity(key(role), REGION) == expected


def test_an_arn_is_of_the_regions_partition() -> None:
    assert caller_identity(READER, "cn-north-1")["Arn"] == f"arn:aws-cn:iam::{ACCOUNT}:user/read-only"


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_a_reader_reads_and_others_do_everything(action: str) -> None:
    for role in (Role.ADMIN, Role.OPERATOR):
        authorize(key(role), REGION, action)
        assert sees_secrets(key(role))
    if action in READS:
        authorize(READER, REGION, action)
        return
    with pytest.raises(Ec2Error) as refused:
        authorize(READER, REGION, action)
    assert (refused.value.code, refused.value.status) == ("UnauthorizedOperation", 403)
    assert refused.value.message == (
        f"You are not authorized to perform this operation. User: arn:aws:iam::{ACCOUNT}:user/read-only is not "
        f"authorized to perform: ec2:{action} because no identity-based policy allows the ec2:{action} action"
    )


@pytest.fixture
def world() -> World:
    made = World()
    made.furnish()
    return made


def reader_of(cloud: Cloud) -> Ec2:
    """A client whose key may not see secrets, after one that may has asked the same."""
    ec2 = Ec2(cloud)
    ec2("DescribeVpnConnections")
    reader = Ec2(cloud)
    reader.sees_secrets = sees_secrets(READER)
    return reader


def test_a_reader_sees_that_there_are_keys_and_not_which(world: World) -> None:
    reader = reader_of(world.cloud)
    for connection in reader("DescribeVpnConnections")["VpnConnections"]:
        assert [t["PreSharedKey"] for t in connection["Options"]["TunnelOptions"]] == ["REDACTED"] * 2
        assert connection["CustomerGatewayConfiguration"].count("<pre_shared_key>REDACTED</pre_shared_key>") == 2


def secrets_of(cloud: Cloud) -> set[str]:
    return {tunnel.psk.reveal() for c in cloud.snapshot.all(VpnConnection) for tunnel in c.tunnels}


def test_the_owner_sees_them(world: World) -> None:
    shown = str(Ec2(world.cloud)("DescribeVpnConnections"))
    assert all(secret in shown for secret in secrets_of(world.cloud))


@pytest.mark.parametrize("action", READS)
def test_no_answer_to_a_reader_holds_a_key(action: str) -> None:
    """Over every action that a reader may call: as in its example, with less, and for the connection by its id."""
    snapshot, example = example_of(action)
    cloud = cloud_at(snapshot)
    owner, reader, secrets = Ec2(cloud), reader_of(cloud), secrets_of(cloud)
    (connection,) = cloud.snapshot.all(VpnConnection)
    assert len(secrets) == 2
    for asked in (example, *one_less(action, example), {}):
        for parameters in (asked, *(with_value(asked, place, connection.id) for place in places(action))):
            owner.said(action, parameters)
            _, shown = reader.said(action, parameters)
            assert not any(secret in shown for secret in secrets)


def test_a_reader_cannot_guess_a_key_by_a_filter(world: World) -> None:
    reader, owner = reader_of(world.cloud), Ec2(world.cloud)
    for secret in secrets_of(world.cloud):
        filters = [{"Name": "customer-gateway-configuration", "Values": [f"*{secret[:6]}*"]}]
        assert owner("DescribeVpnConnections", Filters=filters)["VpnConnections"]
        assert not reader("DescribeVpnConnections", Filters=filters)["VpnConnections"]
