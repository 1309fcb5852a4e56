"""Certificates that take a pre-shared key's place: the authority that landbridge keeps, devices' and endpoints' own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from landbridge.model.resources import Resource
from landbridge.model.secret import Secret

AUTHORITY: Final = "ca"
"""The id of the one authority."""
ARN: Final = re.compile(r"arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[A-Za-z0-9-]{1,64}")
DEFAULT_DAYS: Final = 395
"""As long as AWS's private certificates are valid by default: 13 months."""
MAX_REQUEST: Final = 8_192
"""Characters of a certificate request in PEM; one with an RSA key of 4096 bits has 1,800."""
MAX_FILE: Final = 65_536
"""Characters of a file with a certificate or a key."""


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
