"""Internet gateways at the EC2 door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import id_of, ids_of, only, tag_list, tags_of
from landbridge.control import internet_gateways
from landbridge.control.internet_gateways import NOUN
from landbridge.model.network import InternetGateway
from landbridge.model.resources import Attachment


def attachments(gateway: InternetGateway) -> list[tuple[str, str]]:
    """The VPC and the state of the attachment; an attached internet gateway is `available` in EC2's words."""
    if gateway.vpc_id is None:
        return []
    state = "available" if gateway.attachment is Attachment.ATTACHED else gateway.attachment.value
    return [(gateway.vpc_id, state)]


def shape(gateway: InternetGateway) -> Shape:
    """An InternetGateway."""
    return {
        "InternetGatewayId": gateway.id,
        "Attachments": [{"VpcId": vpc_id, "State": state} for vpc_id, state in attachments(gateway)],
        "OwnerId": gateway.account,
        "Tags": tag_list(gateway.tags),
    }


FILTERS: Final[Mapping[str, Field[InternetGateway]]] = {
    "attachment.state": lambda g: (state for _, state in attachments(g)),
    "attachment.vpc-id": lambda g: (vpc_id for vpc_id, _ in attachments(g)),
    "internet-gateway-id": lambda g: (g.id,),
    "owner-id": lambda g: (g.account,),
}


def create_internet_gateway(desk: Desk, params: Params) -> Shape:
    """CreateInternetGateway."""
    only(params, "TagSpecifications")
    gateway = desk.run(internet_gateways.CreateInternetGateway(tags_of(params, NOUN)))
    return {"InternetGateway": shape(gateway)}


def attach_internet_gateway(desk: Desk, params: Params) -> Shape:
    """AttachInternetGateway."""
    only(params, "InternetGatewayId", "VpcId")
    desk.run(
        internet_gateways.AttachInternetGateway(id_of(params, "InternetGatewayId", NOUN), id_of(params, "VpcId", "vpc"))
    )
    return {}


def detach_internet_gateway(desk: Desk, params: Params) -> Shape:
    """DetachInternetGateway."""
    only(params, "InternetGatewayId", "VpcId")
    desk.run(
        internet_gateways.DetachInternetGateway(id_of(params, "InternetGatewayId", NOUN), id_of(params, "VpcId", "vpc"))
    )
    return {}


def delete_internet_gateway(desk: Desk, params: Params) -> Shape:
    """DeleteInternetGateway."""
    only(params, "InternetGatewayId")
    desk.run(internet_gateways.DeleteInternetGateway(id_of(params, "InternetGatewayId", NOUN)))
    return {}


def describe_internet_gateways(desk: Desk, params: Params) -> Shape:
    """DescribeInternetGateways."""
    only(params, "InternetGatewayIds", "Filters", "MaxResults", "NextToken")
    scope, ids = desk.scope, ids_of(params, "InternetGatewayIds", NOUN)
    named = [scope.get(InternetGateway, each, NOUN) for each in ids] if ids else scope.all(InternetGateway)
    shown, token = page(select(named, params.get("Filters"), FILTERS, lambda g: g.tags), params, in_order_of_creation)
    desk.reads()
    return {"InternetGateways": [shape(gateway) for gateway in shown], "NextToken": token}


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateInternetGateway": create_internet_gateway,
    "AttachInternetGateway": attach_internet_gateway,
    "DetachInternetGateway": detach_internet_gateway,
    "DeleteInternetGateway": delete_internet_gateway,
    "DescribeInternetGateways": describe_internet_gateways,
}
