"""Certificates that take a pre-shared key's place: the authority that landbridge keeps, devices' and endpoints' own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from landbridge.model.resources import Resource
from landbridge.model.secret import Secret

AUTHORITY: Final = "ca"
"""The id of the one authority."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority(Resource):
    """The service's private certificate authority, of all accounts and regions. `certificate` is PEM, `key` too."""

    certificate: str
    key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCertificate(Resource):
    """What a customer's device proves itself with; its key is the customer's, and never seen here. The id is an ARN.

    `certificate`: PEM. `ends`: when it expires. `revoked`: since when it is worth nothing, if it is.
    """

    name: str
    certificate: str
    ends: datetime
    revoked: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointCertificate:
    """What a tunnel endpoint proves itself with: PEM, both."""

    arn: str
    certificate: str
    key: Secret
    ends: datetime
