"""Certificates of tunnels: the authority is made when it is first needed, devices' are issued and revoked.

A customer gateway names its device's certificate by ARN. Tunnels take that very certificate and no other, so revoking
one ends the tunnels of those who use it, and nobody else's. (X.509 itself is imported where it is needed: many a
service needs none.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.model.certificates import (
    AUTHORITY,
    DEFAULT_DAYS,
    MAX_REQUEST,
    Authority,
    DeviceCertificate,
    EndpointCertificate,
)
from landbridge.model.errors import Invalid, LimitExceeded, NotFound
from landbridge.model.ids import Entropy
from landbridge.model.regions import partition
from landbridge.model.snapshot import Change, Snapshot

NOUN: Final = "certificate"
MAX_DAYS: Final = 3_650
MAX_CERTIFICATES: Final = 1_000
"""Of an account in a region, revoked ones not counted."""
_NAME: Final = re.compile(
    # No address, or what some take for one: a name whose last part is a number (RFC 3696, 2).
    r"(?=.{1,64}\Z)(?!(.*\.)?(0[Xx][0-9A-Fa-f]*|[0-9]+)\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)


@dataclass(frozen=True, slots=True)
class MakeAuthority(Command):
    """See that there is an authority. Reply: the Authority."""


@dataclass(frozen=True, slots=True)
class IssueDeviceCertificate(Command):
    """A certificate for the key of a request (PKCS #10, PEM). `name` None: the request's common name.

    Reply: the DeviceCertificate.
    """

    request: str
    name: str | None = None
    days: int = DEFAULT_DAYS


@dataclass(frozen=True, slots=True)
class RevokeDeviceCertificate(Command):
    """The certificate is worth nothing from now on. Reply: the DeviceCertificate."""

    arn: str


def authority_of(snapshot: Snapshot) -> Authority | None:
    """The authority, if it was ever needed."""
    return snapshot.get(Authority, AUTHORITY)


def kept_authority(scope: Scope, context: Context) -> tuple[Authority, tuple[Change, ...]]:
    """The authority, and what writes it down if it is new."""
    found = authority_of(scope.snapshot)
    if found is not None:
        return found, ()
    from landbridge.control import issuing

    key = issuing.new_key(context.entropy)
    made = Authority(
        id=AUTHORITY,
        account=context.account,
        region=context.region,
        created=context.now,
        certificate=issuing.authority(key, context.entropy, context.now).certificate,
        key=key,
    )
    return made, put(made)


def make_authority(scope: Scope, command: MakeAuthority, context: Context) -> Outcome[Authority]:
    """Once: the same one for ever after."""
    return Outcome(*kept_authority(scope, context))


def issue(scope: Scope, command: IssueDeviceCertificate, context: Context) -> Outcome[DeviceCertificate]:
    """Refuses requests that are none, and names that are no DNS names."""
    from landbridge.control import issuing

    if len(command.request) > MAX_REQUEST:
        raise Invalid("csr", f"The certificate request has more than {MAX_REQUEST} characters.")
    key = issuing.requested_key(command.request)
    name = command.name if command.name is not None else issuing.requested_name(command.request)
    if _NAME.fullmatch(name) is None:
        raise Invalid(
            "name",
            "A device's name has up to 64 letters, digits, hyphens and dots, its last part more than digits, like "
            "office.example.net. Give it one, or make the request with such a common name.",
        )
    if not 1 <= command.days <= MAX_DAYS:
        raise Invalid("days", f"A certificate is good for 1 to {MAX_DAYS} days.")
    if sum(each.revoked is None for each in scope.all(DeviceCertificate)) >= MAX_CERTIFICATES:
        raise LimitExceeded(
            NOUN, f"The account {context.account} has {MAX_CERTIFICATES} certificates here already. Revoke some."
        )
    authority, changes = kept_authority(scope, context)
    issued = issuing.device(authority, key, name, command.days, context.entropy, context.now)
    made = DeviceCertificate(
        id=new_arn(context),
        account=context.account,
        region=context.region,
        created=context.now,
        name=name,
        certificate=issued.certificate,
        ends=issued.ends,
    )
    return Outcome(made, (*changes, *put(made)))


def revoke(scope: Scope, command: RevokeDeviceCertificate, context: Context) -> Outcome[DeviceCertificate]:
    """What is revoked stays so."""
    found = scope.snapshot.get(DeviceCertificate, command.arn)
    if found is None:
        raise NotFound(NOUN, command.arn[:128])
    if found.revoked is not None:
        return Outcome(found)
    revoked = replace(found, revoked=context.now)
    return Outcome(revoked, put(revoked))


def usable(scope: Scope, arn: str, context: Context) -> DeviceCertificate:
    """The caller's certificate of that ARN, good for a customer gateway now.

    Raises:
        Invalid.
    """
    found = scope.find(DeviceCertificate, arn)
    if found is None:
        raise Invalid(
            "CertificateArn",
            f"The certificate {arn[:128]} does not exist here. `landbridge ca list` shows those that were issued, "
            "`landbridge ca issue` makes one.",
        )
    if found.revoked is not None:
        raise Invalid("CertificateArn", f"The certificate {arn} is revoked. Issue another one.")
    if found.ends <= context.now:
        raise Invalid("CertificateArn", f"The certificate {arn} has expired. Issue another one.")
    return found


def for_endpoint(authority: Authority, name: str, outside: IPv4Address, context: Context) -> EndpointCertificate:
    """A new certificate with a new key, for a tunnel endpoint."""
    from landbridge.control import issuing

    key = issuing.new_key(context.entropy)
    issued = issuing.endpoint(authority, key, name, outside, context.entropy, context.now)
    return EndpointCertificate(arn=new_arn(context), certificate=issued.certificate, key=key, ends=issued.ends)


def new_arn(context: Context) -> str:
    """An ARN in the form of AWS Certificate Manager's."""
    return (
        f"arn:{partition(context.region)}:acm:{context.region}:{context.account}:certificate/{_uuid(context.entropy)}"
    )


def _uuid(entropy: Entropy) -> str:
    """RFC 4122, version 4."""
    digits = entropy.token_hex(32)
    variant = "89ab"[int(digits[16], 16) % 4]
    digits = f"{digits[:12]}4{digits[13:16]}{variant}{digits[17:]}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
