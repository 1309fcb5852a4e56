"""Customer gateways at the EC2 door. ASNs from 2147483648 on have a parameter and a field of their own."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.params import address, id_of, ids_of, only, required, tag_list, tags_of
from landbridge.api.aws.ec2.vpn_gateways import TYPE, check_type
from landbridge.control.customer_gateways import (
    DEFAULT_ASN,
    MAX_ASN,
    NOUN,
    CreateCustomerGateway,
    DeleteCustomerGateway,
)
from landbridge.model.certificates import ARN
from landbridge.model.errors import Combination, Invalid, Unsupported
from landbridge.model.vpn import CustomerGateway

MAX_BGP_ASN: Final = 2_147_483_647


def create(desk: Desk, params: Params) -> Shape:
    """CreateCustomerGateway."""
    arn = params.get("CertificateArn", "")
    if arn and ARN.fullmatch(arn) is None:
        raise Invalid(
            "CertificateArn",
            f"Value ({arn[:100]}) for parameter CertificateArn is invalid. This is not the ARN of a certificate.",
        )
    only(
        params,
        *("Type", "IpAddress", "PublicIp", "BgpAsn", "BgpAsnExtended", "DeviceName", "TagSpecifications"),
        "CertificateArn",
    )
    check_type(params)
    # PublicIp is the name that IpAddress had.
    if params.get("PublicIp") and params.get("IpAddress", params["PublicIp"]) != params["PublicIp"]:
        raise Combination("IpAddress and PublicIp are two names of one parameter. Give IpAddress only.")
    text = params.get("PublicIp") or (params.get("IpAddress") if arn else required(params, "IpAddress"))
    if text and _is_v6(text):
        raise Unsupported("landbridge has no tunnels over IPv6. Give IpAddress the device's IPv4 address.")
    gateway = desk.run(
        CreateCustomerGateway(
            address=address(text, "IpAddress") if text else None,
            asn=_asn(params),
            device_name=params.get("DeviceName", ""),
            tags=tags_of(params, NOUN),
            certificate_arn=arn,
        ),
    )
    return {"CustomerGateway": shape(gateway)}


def _is_v6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _asn(params: Params) -> int:
    short, extended = params.get("BgpAsn"), params.get("BgpAsnExtended")
    if short is not None and extended is not None:
        raise Combination("Give BgpAsn or BgpAsnExtended, not both.")
    if extended is not None:
        return _within("BgpAsnExtended", extended, MAX_BGP_ASN + 1, MAX_ASN)
    return _within("BgpAsn", short, 1, MAX_BGP_ASN) if short is not None else DEFAULT_ASN


def _within(name: str, asn: int, least: int, most: int) -> int:
    if not least <= asn <= most:
        raise Invalid(name, f"Value ({asn}) for parameter {name} is invalid. Use an ASN from {least} to {most}.")
    return asn


def delete(desk: Desk, params: Params) -> Shape:
    """DeleteCustomerGateway."""
    only(params, "CustomerGatewayId")
    desk.run(DeleteCustomerGateway(id_of(params, "CustomerGatewayId", NOUN)))
    return {}


def describe(desk: Desk, params: Params) -> Shape:
    """DescribeCustomerGateways. No pages: the model has none."""
    only(params, "CustomerGatewayIds", "Filters")
    ids = ids_of(params, "CustomerGatewayIds", NOUN)
    scope = desk.scope
    found = [scope.get(CustomerGateway, i, NOUN) for i in ids] if ids else list(scope.all(CustomerGateway))
    shown = select(found, params.get("Filters"), _FILTERS, lambda gateway: gateway.tags)
    desk.reads()
    return {"CustomerGateways": [shape(gateway) for gateway in shown]}


def shape(gateway: CustomerGateway) -> Shape:
    """The customer gateway as EC2 shows it: ASNs as text."""
    return {
        "CustomerGatewayId": gateway.id,
        "State": str(gateway.state),
        "Type": TYPE,
        **({"IpAddress": str(gateway.address)} if gateway.address is not None else {}),
        **({"CertificateArn": gateway.certificate_arn} if gateway.certificate_arn else {}),
        "BgpAsn" if gateway.asn <= MAX_BGP_ASN else "BgpAsnExtended": str(gateway.asn),
        "Tags": tag_list(gateway.tags),
        **({"DeviceName": gateway.device_name} if gateway.device_name else {}),
    }


_FILTERS: Final[Mapping[str, Field[CustomerGateway]]] = {
    "bgp-asn": lambda gateway: (str(gateway.asn),),
    "customer-gateway-id": lambda gateway: (gateway.id,),
    "ip-address": lambda gateway: (str(gateway.address),) if gateway.address is not None else (),
    "state": lambda gateway: (gateway.state,),
    "type": lambda gateway: (TYPE,),
}

ACTIONS: Final[Mapping[str, Action]] = {
    "CreateCustomerGateway": create,
    "DeleteCustomerGateway": delete,
    "DescribeCustomerGateways": describe,
}
