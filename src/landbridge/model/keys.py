"""Access keys: what signs the requests of an account, and what it may do there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from landbridge.model.resources import Resource
from landbridge.model.secret import Secret


class Role(StrEnum):
    """What a key may do in its account: all of it, all but access keys, or look at it without seeing secrets."""

    ADMIN = "admin"
    OPERATOR = "operator"
    READ_ONLY = "read-only"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey(Resource):
    """A key that signs requests of its account. The id is the access key id."""

    secret: Secret
    role: Role = Role.ADMIN
