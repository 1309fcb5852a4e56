"""What a key's role means at AWS's doors: the caller's ARN, which actions it may call, whether it gets to see secrets.

| role | ARN | EC2 actions | access keys (`iam.py`) | pre-shared keys |
|---|---|---|---|---|
| admin | the account's root | all | made and deleted | shown |
| operator | the user `operator` | all | | shown |
| read-only | the user `read-only` | Describe..., Get... and List... | | REDACTED |
"""

from __future__ import annotations

from typing import Final

from landbridge.api.aws.errors import Ec2Error
from landbridge.model.keys import AccessKey, Role
from landbridge.model.regions import partition

_READS: Final = ("Describe", "Get", "List")


def arn_of(key: AccessKey, region: str) -> str:
    """The caller's ARN in IAM's form, of the region's partition."""
    entity = "root" if key.role is Role.ADMIN else f"user/{key.role}"
    return f"arn:{partition(region)}:iam::{key.account}:{entity}"


def caller_identity(key: AccessKey, region: str) -> dict[str, str]:
    """The answer to STS GetCallerIdentity. `UserId` is what AWS's is for root; else it tells which key was used."""
    user = key.account if key.role is Role.ADMIN else key.id
    return {"Account": key.account, "UserId": user, "Arn": arn_of(key, region)}


def authorize(key: AccessKey, region: str, action: str) -> None:
    """Let the key's role call the EC2 action.

    Raises:
        Ec2Error: UnauthorizedOperation (403), in AWS's words.
    """
    if key.role is Role.READ_ONLY and not action.startswith(_READS):
        raise Ec2Error(
            "UnauthorizedOperation",
            f"You are not authorized to perform this operation. User: {arn_of(key, region)} is not authorized to "
            f"perform: ec2:{action} because no identity-based policy allows the ec2:{action} action",
            403,
        )


def sees_secrets(key: AccessKey) -> bool:
    """Whether answers may hold pre-shared keys."""
    return key.role is not Role.READ_ONLY
