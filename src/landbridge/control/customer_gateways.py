"""Customer gateways: the customer's devices as the cloud side knows them, an address or a certificate, and an ASN.

Nothing is built for them, so they are `available` at once and `deleted` at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Final

from landbridge.control import certificates, limits
from landbridge.control.base import Command, Context, Outcome, Pools, Scope, put
from landbridge.control.tags import checked
from landbridge.model.errors import Invalid, MalformedId, Missing, NotFound, WrongState
from landbridge.model.ids import is_id, new_id
from landbridge.model.in_force import customers
from landbridge.model.resources import State, Tags
from landbridge.model.snapshot import Index
from landbridge.model.vpn import CustomerGateway, VpnConnection

NOUN: Final = "customer-gateway"
DEFAULT_ASN: Final = 65000
MAX_ASN: Final = 4_294_967_295
MAX_DEVICE_NAME: Final = 255

CONNECTIONS_OF_CUSTOMER: Final = Index(VpnConnection, customers)

_NO_DEVICE: Final = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", "of no network"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
    )
)
"""Where no device can be reached (RFC 6890). Private addresses are fine: the operator's Internet may be private."""


@dataclass(frozen=True, slots=True)
class CreateCustomerGateway(Command):
    """A device. Reply: the CustomerGateway, the existing one if all but tags is the same.

    `certificate_arn`: it proves itself with that certificate; then it need not have an address.
    """

    address: IPv4Address | None
    asn: int = DEFAULT_ASN
    device_name: str = ""
    tags: Tags = ()
    certificate_arn: str = ""


@dataclass(frozen=True, slots=True)
class DeleteCustomerGateway(Command):
    """Delete a device that no connection uses. Reply: None."""

    customer_gateway_id: str


def find(scope: Scope, customer_gateway_id: str) -> CustomerGateway:
    """The customer gateway, whatever its state.

    Raises:
        MalformedId, NotFound.
    """
    if not is_id("cgw", customer_gateway_id):
        raise MalformedId(NOUN, customer_gateway_id)
    return scope.get(CustomerGateway, customer_gateway_id, NOUN)


def create(scope: Scope, command: CreateCustomerGateway, context: Context) -> Outcome[CustomerGateway]:
    """Refuses addresses that no device can have, certificates that are no good, and one device too many."""
    if command.address is not None:
        _check_address(command.address, context.pools)
    elif not command.certificate_arn:
        raise Missing("IpAddress")
    if command.certificate_arn:
        certificates.usable(scope, command.certificate_arn, context)
    if not 1 <= command.asn <= MAX_ASN:
        raise Invalid(
            "BgpAsn", f"Value ({command.asn}) for parameter BgpAsn is invalid. Use an ASN from 1 to {MAX_ASN}."
        )
    if len(command.device_name) > MAX_DEVICE_NAME:
        raise Invalid("DeviceName", f"The parameter DeviceName takes at most {MAX_DEVICE_NAME} characters.")
    alive = [gateway for gateway in scope.all(CustomerGateway) if gateway.state is not State.DELETED]
    for gateway in alive:
        same = (gateway.address, gateway.asn, gateway.device_name, gateway.certificate_arn)
        if same == (command.address, command.asn, command.device_name, command.certificate_arn):
            tagged = replace(gateway, tags=checked((dict(gateway.tags) | dict(command.tags)).items()))
            return Outcome(tagged, put(tagged) if tagged != gateway else ())
    context.limits.check(limits.CUSTOMER_GATEWAYS, len(alive))
    gateway = CustomerGateway(
        id=new_id("cgw", context.entropy),
        account=context.account,
        region=context.region,
        tags=checked(command.tags),
        created=context.now,
        address=command.address,
        asn=command.asn,
        device_name=command.device_name,
        certificate_arn=command.certificate_arn,
        state=State.AVAILABLE,
    )
    return Outcome(gateway, put(gateway))


def _check_address(address: IPv4Address, pools: Pools) -> None:
    for network, what in _NO_DEVICE:
        if address in network:
            raise Invalid(
                "IpAddress", f"{address} is {what}. Give IpAddress the static address at which the device is reached."
            )
    if pools.outside[pools.outside_first] <= address <= pools.outside[pools.outside_last]:
        raise Invalid(
            "IpAddress",
            f"{address} is one of the addresses that landbridge gives to tunnel endpoints "
            f"({pools.outside[pools.outside_first]} to {pools.outside[pools.outside_last]}). "
            "Give IpAddress the address of the customer's own device.",
        )


def delete(scope: Scope, command: DeleteCustomerGateway, context: Context) -> Outcome[None]:
    """Refuses while a connection that is not `deleted` uses it."""
    gateway = find(scope, command.customer_gateway_id)
    if gateway.state is State.DELETED:
        raise NotFound(NOUN, gateway.id)
    for connection in scope.snapshot.having(CONNECTIONS_OF_CUSTOMER, gateway.id):
        if connection.state is not State.DELETED:
            raise WrongState(
                f"The customer gateway is in use. Delete the VPN connection {connection.id} first "
                "and wait until it is deleted."
            )
    return Outcome(None, put(replace(gateway, state=State.DELETED, deleted=context.now)))
