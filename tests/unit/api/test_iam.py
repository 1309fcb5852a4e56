"""IAM's access keys: an administrator manages those of the own account, nobody else manages any."""

from __future__ import annotations

from typing import Any

import pytest
from support import ACCOUNT, REGION, Cloud

from landbridge.api.aws import iam
from landbridge.api.aws.errors import Ec2Error
from landbridge.api.aws.parse import parse
from landbridge.api.aws.serialize import serialize
from landbridge.control.access_keys import MAX_KEYS, CreateAccessKey
from landbridge.model.keys import AccessKey, Role

OTHER = "999999999999"


class Iam:
    """The three actions, called with one key; requests and answers go over the wire's form."""

    def __init__(self, cloud: Cloud, role: Role = Role.ADMIN, account: str = ACCOUNT) -> None:
        self.cloud = cloud
        self.key: AccessKey = cloud.run(CreateAccessKey(role=role), account=account)

    def __call__(self, action: str, **parameters: str) -> dict[str, Any]:
        typed = parse(action, parameters, service_name="iam")
        reply = iam.answer(self.cloud.control, self.key, REGION, action, typed)
        assert serialize(action, reply, "r", service_name="iam")
        return reply

    def refusal(self, action: str, **parameters: str) -> tuple[str, int, str]:
        before = self.cloud.snapshot
        with pytest.raises(Ec2Error) as caught:
            self(action, **parameters)
        assert self.cloud.snapshot is before
        return caught.value.code, caught.value.status, caught.value.message

    def ids(self, **parameters: str) -> list[str]:
        return [key["AccessKeyId"] for key in self("ListAccessKeys", **parameters)["AccessKeyMetadata"]]


@pytest.fixture
def admin() -> Iam:
    return Iam(Cloud())


@pytest.mark.parametrize("role", Role)
def test_a_key_is_made_shown_once_and_deleted(admin: Iam, role: Role) -> None:
    made = admin("CreateAccessKey", UserName=str(role))["AccessKey"]
    kept = admin.cloud.snapshot.get(AccessKey, made["AccessKeyId"])
    assert kept is not None
    assert (kept.account, kept.role, kept.secret.reveal()) == (ACCOUNT, role, made["SecretAccessKey"])
    assert made["AccessKeyId"] in admin.ids(UserName=str(role))
    assert made["SecretAccessKey"] not in str(admin("ListAccessKeys", UserName=str(role)))
    admin("DeleteAccessKey", UserName=str(role), AccessKeyId=made["AccessKeyId"])
    assert made["AccessKeyId"] not in admin.ids(UserName=str(role))


def test_without_a_user_ones_own_is_meant(admin: Iam) -> None:
    assert admin("CreateAccessKey")["AccessKey"]["UserName"] == "admin"
    operators = admin("CreateAccessKey", UserName="operator")["AccessKey"]["AccessKeyId"]
    assert operators not in admin.ids()
    assert admin.refusal("DeleteAccessKey", AccessKeyId=operators)[:2] == ("NoSuchEntity", 404)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.READ_ONLY])
@pytest.mark.parametrize("action", sorted(iam.ACTIONS))
def test_nobody_else_may(admin: Iam, role: Role, action: str) -> None:
    other = Iam(admin.cloud, role)
    parameters = {"AccessKeyId": other.key.id} if action == "DeleteAccessKey" else {}
    code, status, message = other.refusal(action, **parameters)
    assert (code, status) == ("AccessDenied", 403)
    assert message.startswith(f"User: arn:aws:iam::{ACCOUNT}:user/{role} is not authorized to perform: iam:{action}")


def test_no_account_sees_anothers_keys(admin: Iam) -> None:
    stranger = Iam(admin.cloud, account=OTHER)
    assert stranger.ids() == [stranger.key.id]
    anothers, nobodys = (
        stranger.refusal("DeleteAccessKey", AccessKeyId=identity) for identity in (admin.key.id, "LKIA" + "A" * 16)
    )
    assert anothers[:2] == nobodys[:2] == ("NoSuchEntity", 404)
    assert anothers[2].replace(admin.key.id, "ID") == nobodys[2].replace("LKIA" + "A" * 16, "ID")
    made = stranger("CreateAccessKey")["AccessKey"]["AccessKeyId"]
    kept = admin.cloud.snapshot.get(AccessKey, made)
    assert kept is not None
    assert kept.account == OTHER


def test_no_other_users(admin: Iam) -> None:
    assert admin.refusal("CreateAccessKey", UserName="alice")[:2] == ("NoSuchEntity", 404)


def test_a_limit(admin: Iam) -> None:
    for _ in range(MAX_KEYS - 1):
        admin("CreateAccessKey")
    assert admin.refusal("CreateAccessKey")[:2] == ("LimitExceeded", 409)


def test_pages(admin: Iam) -> None:
    for _ in range(4):
        admin("CreateAccessKey")
    first = admin("ListAccessKeys", MaxItems="2")
    assert (len(first["AccessKeyMetadata"]), first["IsTruncated"]) == (2, True)
    rest = admin("ListAccessKeys", Marker=first["Marker"])
    assert (len(rest["AccessKeyMetadata"]), rest["IsTruncated"]) == (3, False)
    assert [key["AccessKeyId"] for key in first["AccessKeyMetadata"] + rest["AccessKeyMetadata"]] == admin.ids()
    assert admin.refusal("ListAccessKeys", Marker="LKIANONE")[0] == "ValidationError"
