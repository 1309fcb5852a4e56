"""IAM's access keys at the EC2 door: an account's administrator makes, lists and deletes its keys as on AWS.

The users of an account are the roles that its keys may have: `admin`, `operator`, `read-only`. Whoever is not told of
a user means their own. Who is no administrator may do none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from landbridge.api.aws.errors import Ec2Error
from landbridge.api.aws.roles import arn_of
from landbridge.control.access_keys import CreateAccessKey, DeleteAccessKey, ListAccessKeys
from landbridge.control.service import Control
from landbridge.model.errors import LimitExceeded, NotFound
from landbridge.model.keys import AccessKey, Role

Params: TypeAlias = Mapping[str, Any]
Shape: TypeAlias = dict[str, Any]

_ACTIVE: Final = "Active"
_MOST: Final = 100


def answer(control: Control, key: AccessKey, region: str, action: str, params: Params) -> Shape:
    """Carry out one of ACTIONS for the holder of the key.

    Raises:
        Ec2Error: AccessDenied (403), NoSuchEntity (404), LimitExceeded (409), in IAM's words.
        LandbridgeError: the state cannot be written.
    """
    if key.role is not Role.ADMIN:
        raise Ec2Error(
            "AccessDenied",
            f"User: {arn_of(key, region)} is not authorized to perform: iam:{action} because no identity-based policy "
            f"allows the iam:{action} action",
            403,
        )
    name = params.get("UserName", str(key.role))
    if name not in set(Role):
        raise Ec2Error("NoSuchEntity", f"The user with name {name[:128]} cannot be found.", 404)
    return ACTIONS[action](control, key, Role(name), params)


def _create(control: Control, key: AccessKey, user: Role, params: Params) -> Shape:
    try:
        made: AccessKey = control.execute(CreateAccessKey(role=user), account=key.account, region=key.region)
    except LimitExceeded as error:
        raise Ec2Error("LimitExceeded", error.message, 409) from None
    return {"AccessKey": {**_shown(made), "SecretAccessKey": made.secret.reveal()}}


def _list(control: Control, key: AccessKey, user: Role, params: Params) -> Shape:
    keys = [shown for shown in _keys(control, key) if shown.role is user]
    marker, size = params.get("Marker"), params.get("MaxItems", _MOST)
    if marker is not None:
        places = [number for number, shown in enumerate(keys) if shown.id == marker]
        if not places:
            raise Ec2Error("ValidationError", "The Marker is none that this service gave out. Begin again without it.")
        keys = keys[places[0] + 1 :]
    more = len(keys) > size
    return {
        "AccessKeyMetadata": [_shown(shown) for shown in keys[:size]],
        "IsTruncated": more,
        **({"Marker": keys[size - 1].id} if more else {}),
    }


def _delete(control: Control, key: AccessKey, user: Role, params: Params) -> Shape:
    identity = params["AccessKeyId"]
    try:
        if not any(shown.id == identity and shown.role is user for shown in _keys(control, key)):
            raise NotFound("access-key", identity)
        control.execute(DeleteAccessKey(identity), account=key.account, region=key.region)
    except NotFound:
        raise Ec2Error("NoSuchEntity", f"The Access Key with id {identity[:128]} cannot be found.", 404) from None
    return {}


def _keys(control: Control, key: AccessKey) -> tuple[AccessKey, ...]:
    keys: tuple[AccessKey, ...] = control.execute(ListAccessKeys(), account=key.account, region=key.region)
    return keys


def _shown(key: AccessKey) -> Shape:
    return {"UserName": str(key.role), "AccessKeyId": key.id, "Status": _ACTIVE, "CreateDate": key.created}


ACTIONS: Final[Mapping[str, Callable[[Control, AccessKey, Role, Params], Shape]]] = {
    "CreateAccessKey": _create,
    "ListAccessKeys": _list,
    "DeleteAccessKey": _delete,
}
