"""Route tables at the EC2 door: what Describe shows of routes is what routing/tables.py decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select, yes
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import checked_id, id_of, ids_of, network_of, only, tag_list, tags_of
from landbridge.control import route_tables, routes
from landbridge.control.base import Scope
from landbridge.control.route_tables import NOUN
from landbridge.model.errors import Combination, MalformedId, Missing, Unsupported
from landbridge.model.instances import NetworkInterface
from landbridge.model.network import Association, RouteTable, Vpc
from landbridge.routing.tables import LOCAL, Entry, entries

Routes = Callable[[RouteTable], tuple[Entry, ...]]


def routes_of(desk: Desk) -> Routes:
    """The routes of a table, as things are now."""
    scope, observation = desk.scope, desk.observation

    def of(table: RouteTable) -> tuple[Entry, ...]:
        vpc = scope.get(Vpc, table.vpc_id, "vpc")
        return entries(vpc, table, scope.snapshot, observation.propagated.get(table.id, ()))

    return of


def _state(entry: Entry) -> str:
    return "active" if entry.active else "blackhole"


def _route(desk: Desk, entry: Entry) -> Shape:
    shape: Shape = {
        "DestinationCidrBlock": str(entry.destination),
        "Origin": entry.origin.value,
        "State": _state(entry),
    }
    if not entry.target.startswith(("eni-", "i-")):
        return shape | {"GatewayId": entry.target}
    instance = _instance(desk.scope, entry)
    return shape | {
        "InstanceId": instance,
        "InstanceOwnerId": desk.account if instance else None,
        "NetworkInterfaceId": entry.target if entry.target.startswith("eni-") else None,
    }


def _instance(scope: Scope, entry: Entry) -> str | None:
    """The instance that a route leads to: the one that has the interface."""
    if entry.target.startswith("i-"):
        return entry.target
    interface = scope.find(NetworkInterface, entry.target)
    return interface.instance_id if interface else None


def _association(table: RouteTable, association: Association) -> Shape:
    return {
        "RouteTableAssociationId": association.id,
        "RouteTableId": table.id,
        "SubnetId": association.subnet_id,
        "Main": association.subnet_id is None,
        "AssociationState": {"State": "associated"},
    }


def shape(desk: Desk, table: RouteTable, shown: Iterable[Entry]) -> Shape:
    """A RouteTable."""
    return {
        "RouteTableId": table.id,
        "VpcId": table.vpc_id,
        "Routes": [_route(desk, entry) for entry in shown],
        "Associations": [_association(table, association) for association in table.associations],
        "PropagatingVgws": [{"GatewayId": gateway} for gateway in table.propagating],
        "OwnerId": table.account,
        "Tags": tag_list(table.tags),
    }


def filters(scope: Scope, of: Routes) -> Mapping[str, Field[RouteTable]]:
    """DescribeRouteTables' filters."""

    def nothing(_: RouteTable) -> tuple[str, ...]:
        return ()

    return {
        "association.gateway-id": nothing,
        "association.main": lambda t: (v for a in t.associations for v in yes(a.subnet_id is None)),
        "association.route-table-association-id": lambda t: (a.id for a in t.associations),
        "association.route-table-id": lambda t: (t.id for _ in t.associations),
        "association.subnet-id": lambda t: (a.subnet_id for a in t.associations if a.subnet_id),
        "owner-id": lambda t: (t.account,),
        "route-table-id": lambda t: (t.id,),
        "route.destination-cidr-block": lambda t: (str(e.destination) for e in of(t)),
        "route.destination-ipv6-cidr-block": nothing,
        "route.destination-prefix-list-id": nothing,
        "route.egress-only-internet-gateway-id": nothing,
        "route.gateway-id": lambda t: (e.target for e in of(t) if not e.target.startswith(("eni-", "i-"))),
        "route.instance-id": lambda t: (i for e in of(t) if (i := _instance(scope, e))),
        "route.nat-gateway-id": nothing,
        "route.origin": lambda t: (e.origin.value for e in of(t)),
        "route.state": lambda t: (_state(e) for e in of(t)),
        "route.transit-gateway-id": nothing,
        "route.vpc-peering-connection-id": nothing,
        "vpc-id": lambda t: (t.vpc_id,),
    }


def create_route_table(desk: Desk, params: Params) -> Shape:
    """CreateRouteTable."""
    only(params, "VpcId", "TagSpecifications", "ClientToken")
    token = params.get("ClientToken") or ""
    table = desk.run(route_tables.CreateRouteTable(id_of(params, "VpcId", "vpc"), tags_of(params, NOUN), token))
    return {"RouteTable": shape(desk, table, routes_of(desk)(table)), "ClientToken": token or None}


def delete_route_table(desk: Desk, params: Params) -> Shape:
    """DeleteRouteTable."""
    only(params, "RouteTableId")
    desk.run(route_tables.DeleteRouteTable(id_of(params, "RouteTableId", NOUN)))
    return {}


def describe_route_tables(desk: Desk, params: Params) -> Shape:
    """DescribeRouteTables."""
    only(params, "RouteTableIds", "Filters", "MaxResults", "NextToken")
    scope, ids, of = desk.scope, ids_of(params, "RouteTableIds", NOUN), routes_of(desk)
    named = [scope.get(RouteTable, each, NOUN) for each in ids] if ids else scope.all(RouteTable)
    found = select(named, params.get("Filters"), filters(scope, of), lambda t: t.tags)
    shown, token = page(found, params, in_order_of_creation)
    desk.reads()
    return {"RouteTables": [shape(desk, table, of(table)) for table in shown], "NextToken": token}


_ASSOCIATED: Final = {"State": "associated"}


def associate_route_table(desk: Desk, params: Params) -> Shape:
    """AssociateRouteTable, with subnets only."""
    if params.get("GatewayId"):
        raise Unsupported(
            "landbridge does not support route tables of gateways yet. Give SubnetId: subnets follow route tables."
        )
    only(params, "RouteTableId", "SubnetId")
    command = route_tables.AssociateRouteTable(id_of(params, "RouteTableId", NOUN), id_of(params, "SubnetId", "subnet"))
    return {"AssociationId": desk.run(command).id, "AssociationState": dict(_ASSOCIATED)}


def disassociate_route_table(desk: Desk, params: Params) -> Shape:
    """DisassociateRouteTable."""
    only(params, "AssociationId")
    desk.run(route_tables.DisassociateRouteTable(id_of(params, "AssociationId", "association")))
    return {}


def replace_route_table_association(desk: Desk, params: Params) -> Shape:
    """ReplaceRouteTableAssociation."""
    only(params, "AssociationId", "RouteTableId")
    association = desk.run(
        route_tables.ReplaceRouteTableAssociation(
            id_of(params, "AssociationId", "association"), id_of(params, "RouteTableId", NOUN)
        )
    )
    return {"NewAssociationId": association.id, "AssociationState": dict(_ASSOCIATED)}


def create_route(desk: Desk, params: Params) -> Shape:
    """CreateRoute."""
    only(params, "RouteTableId", "DestinationCidrBlock", *_TARGETS)
    desk.run(
        routes.CreateRoute(
            id_of(params, "RouteTableId", NOUN), network_of(params, "DestinationCidrBlock"), _target(params)
        )
    )
    return {"Return": True}


def replace_route(desk: Desk, params: Params) -> Shape:
    """ReplaceRoute."""
    only(params, "RouteTableId", "DestinationCidrBlock", *_TARGETS, inert={"LocalTarget": False})
    desk.run(
        routes.ReplaceRoute(
            id_of(params, "RouteTableId", NOUN), network_of(params, "DestinationCidrBlock"), _target(params)
        )
    )
    return {}


def delete_route(desk: Desk, params: Params) -> Shape:
    """DeleteRoute."""
    only(params, "RouteTableId", "DestinationCidrBlock")
    desk.run(routes.DeleteRoute(id_of(params, "RouteTableId", NOUN), network_of(params, "DestinationCidrBlock")))
    return {}


_TARGETS: Final = {"GatewayId": "gateway", "InstanceId": "instance", "NetworkInterfaceId": "network-interface"}


def _target(params: Params) -> str:
    given = [name for name in _TARGETS if params.get(name)]
    if len(given) > 1:
        raise Combination(f"A route has one target: give one of {' and '.join(given)}.")
    if given and given != ["GatewayId"]:
        return checked_id(params[given[0]], _TARGETS[given[0]])
    gateway = params.get("GatewayId")
    if not gateway:
        raise Missing("GatewayId")
    if gateway == LOCAL or gateway.partition("-")[0] not in ("igw", "vgw"):
        raise MalformedId("gateway", gateway[:100])
    return checked_id(gateway, "internet-gateway" if gateway.startswith("igw-") else "vpn-gateway")


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateRouteTable": create_route_table,
    "DeleteRouteTable": delete_route_table,
    "DescribeRouteTables": describe_route_tables,
    "AssociateRouteTable": associate_route_table,
    "DisassociateRouteTable": disassociate_route_table,
    "ReplaceRouteTableAssociation": replace_route_table_association,
    "CreateRoute": create_route,
    "ReplaceRoute": replace_route,
    "DeleteRoute": delete_route,
}
