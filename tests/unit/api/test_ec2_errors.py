"""The table from the domain's errors to EC2's is complete, and its codes are EC2's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from landbridge.api.aws.errors import DOMAIN_ERRORS, Ec2Error, from_domain, query_error_xml
from landbridge.model import errors as domain


def _all(kind: type[domain.LandbridgeError]) -> Iterator[type[domain.LandbridgeError]]:
    for below in kind.__subclasses__():
        yield below
        yield from _all(below)


def test_every_error_of_the_domain_is_in_the_table() -> None:
    # Other modules' own errors do not reach this door; which of them are loaded depends on the other tests.
    declared = {kind for kind in _all(domain.LandbridgeError) if kind.__module__ == domain.__name__}
    assert declared == set(DOMAIN_ERRORS)


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
    assert (refusal.code, refusal.status, refusal.message) == (code, 400, error.message)


def test_a_subclass_is_what_its_base_is() -> None:
    class Narrower(domain.Dependency):
        """An error that somebody adds in a module of its own."""

    assert from_domain(Narrower("In use.")).code == "DependencyViolation"


def test_the_query_protocols_error_document() -> None:
    document = query_error_xml("https://sts.amazonaws.com/doc/2011-06-15/", Ec2Error("X", "a < b", 503), "r").decode()
    assert "<Type>Receiver</Type><Code>X</Code><Message>a &lt; b</Message></Error><RequestId>r</RequestId>" in document
