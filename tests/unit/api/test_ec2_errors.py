"""The table from the domain's errors to EC2's is complete, and its codes are EC2's."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import landbridge
from landbridge.api.aws.ec2.params import PREFIXES
from landbridge.api.aws.errors import DOMAIN_ERRORS, Ec2Error, from_domain, query_error_xml
from landbridge.model import errors as domain

LISTED = {
    line
    for line in Path(__file__).with_name("ec2_error_codes.txt").read_text().splitlines()
    if line and not line.startswith("#")
}
NOT_LISTED = {
    **dict.fromkeys(
        ("CidrConflict", "CidrLimitExceeded", "InvalidCidrBlock.InUse", "InvalidVpcCidrBlockAssociationID.NotFound"),
        "what EC2 answers: its clients know them, its list does not",
    ),
    "DhcpOptionsLimitExceeded": "named like the other limits, which EC2 does not tell",
    "InvalidVpc.Range": "what EC2 answers; its list spells it InvalidVpcRange, which no client looks for",
    "RequestEntityTooLarge": "HTTP's own refusals of what is no request yet, named as their statuses are",
    "RequestHeaderSectionTooLarge": "the same",
    "RequestTimeout": "the same; S3 has this code",
    "UnsupportedMediaType": "the same",
    **dict.fromkeys(("AccessDenied", "NoSuchEntity", "LimitExceeded"), "IAM's, which speaks of access keys"),
    **dict.fromkeys(
        ("SerializationException",),
        "those of CloudWatch",
    ),
    "CertificateLimitExceeded": "of no action of EC2's: certificates are issued at the admin socket",
    "AccessKeyLimitExceeded": "of no action of EC2's: access keys are made at the other doors",
}


def _all(kind: type[domain.LandbridgeError]) -> Iterator[type[domain.LandbridgeError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _all(below)


def test_every_error_of_the_domain_is_in_the_table() -> None:
    # Other modules' own errors do not reach this door; which of them are loaded depends on the other tests.
    declared = {kind for kind in _all(domain.LandbridgeError) if kind.__module__ == domain.__name__}
    assert declared == set(DOMAIN_ERRORS)


def _said(name: str) -> Iterator[tuple[str, str]]:
    """The first argument of every call of that name in the sources, if it is a text, and where it is made."""
    root = Path(landbridge.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and node.args and getattr(node.func, "id", None) == name):
                continue
            match node.args[0]:
                case ast.Constant(value=str(text)):
                    yield text, f"{path.name}:{node.lineno}"
                case ast.Name(id=constant) if constant.isupper():
                    module = ".".join(("landbridge", *path.relative_to(root).with_suffix("").parts))
                    yield getattr(importlib.import_module(module), constant), f"{path.name}:{node.lineno}"


def test_every_code_is_one_of_ec2s() -> None:
    said = dict(_said("Ec2Error"))
    said |= {code: "the table" for code, *_ in DOMAIN_ERRORS.values() if isinstance(code, str)}
    said |= {from_domain(domain.LimitExceeded(noun, "")).code: where for noun, where in _said("LimitExceeded")}
    said |= {from_domain(domain.NotFound(noun, "x")).code: f"{noun} in PREFIXES" for noun in PREFIXES}
    said |= {from_domain(domain.MalformedId(noun, "x")).code: f"{noun} in PREFIXES" for noun in PREFIXES}
    unknown = {code: where for code, where in said.items() if code not in LISTED | set(NOT_LISTED)}
    assert not unknown, f"not in ec2_error_codes.txt, nor in NOT_LISTED with a reason: {unknown}"
    assert not LISTED & set(NOT_LISTED)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (domain.NotFound("vpc", "vpc-1"), "The vpc ID 'vpc-1' does not exist"),
        (domain.NotFound("route-table", "rtb-1"), "The routeTable ID 'rtb-1' does not exist"),
        (domain.NotFound("vpn-connection", "vpn-1"), "The vpnConnection ID 'vpn-1' does not exist"),
        (domain.NotFound("security-group", "sg-1"), "The security group 'sg-1' does not exist"),
        (domain.NotFound("elastic-ip", "eipalloc-1"), "The allocation ID 'eipalloc-1' does not exist"),
        (domain.NotFound("network-acl-association", "aclassoc-1"), "The association ID 'aclassoc-1' does not exist"),
        (domain.NotFound("address", "203.0.113.9"), "Address '203.0.113.9' not found."),
        (domain.NotFound("resource", "thing-1"), "The ID 'thing-1' is not valid"),
        (domain.MalformedId("vpc", "x", "vpc"), 'Invalid id: "x" (expecting "vpc-...")'),
        (domain.MalformedId("instance", "x"), 'Invalid id: "x"'),
        (domain.MalformedId("vpn-gateway", "x", "vgw"), "The vpnGateway ID 'x' does not exist"),
        (domain.MalformedId("resource", "x"), "The ID 'x' is not valid"),
        (domain.Dependency("In use."), "In use."),
    ],
)
def test_sentences_are_ec2s_where_it_has_one(error: domain.LandbridgeError, message: str) -> None:
    assert from_domain(error).message == message


def test_what_was_sent_is_not_repeated_at_length() -> None:
    for error in (domain.NotFound("vpc", "x" * 60_000), domain.MalformedId("subnet", "x" * 60_000, "subnet")):
        assert len(from_domain(error).message) < 200


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (domain.NotFound("vpc", "vpc-1"), "InvalidVpcID.NotFound"),
        (domain.NotFound("subnet", "subnet-1"), "InvalidSubnetID.NotFound"),
        (domain.NotFound("instance", "i-1"), "InvalidInstanceID.NotFound"),
        (domain.NotFound("route-table", "rtb-1"), "InvalidRouteTableID.NotFound"),
        (domain.NotFound("route-table-association", "rtbassoc-1"), "InvalidAssociationID.NotFound"),
        (domain.NotFound("internet-gateway", "igw-1"), "InvalidInternetGatewayID.NotFound"),
        (domain.NotFound("vpn-gateway", "vgw-1"), "InvalidVpnGatewayID.NotFound"),
        (domain.NotFound("customer-gateway", "cgw-1"), "InvalidCustomerGatewayID.NotFound"),
        (domain.NotFound("vpn-connection", "vpn-1"), "InvalidVpnConnectionID.NotFound"),
        (domain.NotFound("gateway", "x"), "InvalidGatewayID.NotFound"),
        (domain.MalformedId("customer-gateway", "x"), "InvalidCustomerGatewayId.Malformed"),
        (domain.MalformedId("vpn-gateway", "x"), "InvalidVpnGatewayID.NotFound"),
        (domain.MalformedId("instance", "x"), "InvalidInstanceID.Malformed"),
        (domain.LimitExceeded("vpn-connection", "Too many."), "VpnConnectionLimitExceeded"),
        (domain.LimitExceeded("route", "Too many."), "RouteLimitExceeded"),
        (domain.VpcHasGateway("It has one."), "InvalidVpcState"),
        (domain.ConnectionRouteNotFound("No such route."), "InvalidRoute.Malformed"),
        (domain.PoolExhausted("None is free."), "InsufficientAddressCapacity"),
    ],
)
def test_codes(error: domain.LandbridgeError, code: str) -> None:
    refusal = from_domain(error)
    assert (refusal.code, refusal.status) == (code, 400)
    assert code in LISTED


def test_a_subclass_is_what_its_base_is() -> None:
    class Narrower(domain.Dependency):
        """An error that somebody adds in a module of its own."""

    assert from_domain(Narrower("In use.")).code == "DependencyViolation"


def test_the_query_protocols_error_document() -> None:
    document = query_error_xml("https://sts.amazonaws.com/doc/2011-06-15/", Ec2Error("X", "a < b", 503), "r").decode()
    assert "<Type>Receiver</Type><Code>X</Code><Message>a &lt; b</Message></Error><RequestId>r</RequestId>" in document
