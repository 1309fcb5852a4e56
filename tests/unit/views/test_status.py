"""The status document: complete, plain, without secrets, and true about the names that it gives."""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from admin_world import OWN, World
from support import Cloud

from landbridge.control.access_keys import CreateAccessKey
from landbridge.control.base import LAB_POOLS
from landbridge.control.customer_gateways import CreateCustomerGateway, DeleteCustomerGateway
from landbridge.control.instances import TerminateInstances
from landbridge.control.internet_gateways import CreateInternetGateway
from landbridge.control.lab import AddHost, AddSite
from landbridge.control.tags import CreateTags
from landbridge.desired.health import Health
from landbridge.desired.host import Planner, Settings
from landbridge.desired.links import DataPlane, link_key
from landbridge.desired.objects import namespace_key
from landbridge.model.errors import Conflict, NotFound, WrongState
from landbridge.model.instances import Instance
from landbridge.model.keys import AccessKey
from landbridge.model.vpn import VpnConnection
from landbridge.observe.state import Observation
from landbridge.views import where
from landbridge.views.status import status


@pytest.fixture
def world() -> World:
    made = World()
    made.furnish()
    made.cloud.run(AddSite("office", IPv4Address("203.0.113.77"), IPv4Network("192.168.60.0/24")))
    made.cloud.run(AddHost("crawler", IPv4Address("198.51.100.200")))
    made.build()
    return made


def document(world: World) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(status(world.cloud.snapshot, world.observation, world.facts())))
    return made


def test_every_name_in_it_is_a_name_that_is_built(world: World) -> None:
    planner = Planner(Settings(OWN, LAB_POOLS, DataPlane.LIBIPSEC, None))
    wanted = planner.wanted(world.cloud.snapshot, Health()).state
    seen = document(world)
    namespaces = [seen["internet_namespace"]]
    links = []
    for vpc in seen["vpcs"]:
        namespaces.append(vpc["namespace"])
        links += [(vpc["namespace"], subnet["bridge"]) for subnet in vpc["subnets"]]
    for kind in ("vpn_gateways", "internet_gateways", "instances", "lab_hosts"):
        namespaces += [item["namespace"] for item in seen[kind]]
    links += [(seen["internet_namespace"], g["internet_port"]) for g in seen["internet_gateways"]]
    links += [(seen["vpcs"][0]["namespace"], i["router_port"]) for i in seen["instances"]]
    for connection in seen["vpn_connections"]:
        for tunnel in connection["tunnels"]:
            namespaces.append(tunnel["endpoint_namespace"])
            links.append((tunnel["endpoint_namespace"], tunnel["outside_link"]))
            links.append((tunnel["internet_namespace"], tunnel["internet_port"]))
            links.append((tunnel["device_namespace"], tunnel["device"]))
    for site in seen["lab_sites"]:
        namespaces += [site["namespace"], site["host_namespace"]]
        links += [(site["namespace"], site["wan_link"]), (site["namespace"], site["lan_link"])]
        links.append((seen["internet_namespace"], site["internet_port"]))
    for host in seen["lab_hosts"]:
        links += [(host["namespace"], host["link"]), (seen["internet_namespace"], host["internet_port"])]
    assert len(namespaces) >= 10
    assert {namespace_key(name) for name in namespaces} <= wanted.keys()
    assert {link_key(*link) for link in links} <= wanted.keys()


def test_no_secret_is_in_it(world: World) -> None:
    world.cloud.run(CreateAccessKey())
    text = json.dumps(document(world))
    secrets = [t.psk.reveal() for c in world.cloud.snapshot.all(VpnConnection) for t in c.tunnels]
    secrets += [key.secret.reveal() for key in world.cloud.snapshot.all(AccessKey)]
    assert len(secrets) == 5
    assert not any(secret in text for secret in secrets)
    assert not any(key.id in text for key in world.cloud.snapshot.all(AccessKey))


def test_a_tunnel_as_observed_and_one_not_looked_at(world: World) -> None:
    first, second = document(world)["vpn_connections"][0]["tunnels"]
    assert (first["status"], first["bgp"], first["bytes_in"], first["charon_pid"]) == ("UP", "Established", 1234, 4711)
    assert (second["status"], second["charon_pid"]) == ("DOWN", None)
    assert first["since"] == "2026-11-23T04:55:00.000Z"
    world.observation = Observation()
    unseen = document(world)["vpn_connections"][0]["tunnels"][0]
    assert (unseen["status"], unseen["why"]) == ("DOWN", "It has not been looked at yet.")


def test_a_propagated_route_is_in_the_table(world: World) -> None:
    routes = document(world)["vpcs"][0]["route_tables"][0]["routes"]
    assert [(r["destination"], r["origin"]) for r in routes] == [
        ("10.0.0.0/16", "CreateRouteTable"),
        ("192.168.60.0/24", "EnableVgwRoutePropagation"),
    ]
    gateway = document(world)["vpn_gateways"][0]
    assert [(r["destination"], r["tunnel"]) for r in gateway["learned_routes"]] == [("192.168.60.0/24", 1)]


def test_without_a_data_plane_there_are_no_names(world: World) -> None:
    world.data_plane = "none"
    seen = document(world)
    assert seen["internet_namespace"] is None
    assert seen["vpcs"][0]["namespace"] is None
    assert {t["endpoint_namespace"] for c in seen["vpn_connections"] for t in c["tunnels"]} == {None}


def test_what_is_deleted_is_left_out(world: World) -> None:
    spare = world.cloud.run(CreateCustomerGateway(address=IPv4Address("203.0.113.99"), asn=65009))
    assert len(document(world)["customer_gateways"]) == 3
    world.cloud.run(DeleteCustomerGateway(spare.id))
    assert len(document(world)["customer_gateways"]) == 2


def namespace(name: str, cloud: Cloud) -> str:
    return where.find(name, cloud.snapshot, OWN).namespace


def test_where_knows_everything_by_id_and_by_name(world: World) -> None:
    cloud = world.cloud
    (instance,) = cloud.snapshot.all(Instance)
    connection = next(cloud.snapshot.all(VpnConnection))
    assert namespace("web", cloud) == namespace(instance.id, cloud) == OWN.of(instance.id)
    assert namespace(OWN.of(instance.id), cloud) == OWN.of(instance.id)
    assert namespace(f"{connection.id}-2", cloud) == OWN.endpoint(connection.id, 2)
    assert namespace(connection.vpn_gateway_id, cloud) == OWN.of(connection.vpn_gateway_id)
    assert namespace("prod", cloud) == OWN.of(instance.vpc_id)
    assert namespace("office", cloud) == "office"
    assert namespace("office-host", cloud) == "office-host"
    assert namespace("crawler", cloud) == "crawler"
    assert namespace("internet", cloud) == OWN.internet


def test_a_tag_does_not_take_a_names_place(world: World) -> None:
    (instance,) = world.cloud.snapshot.all(Instance)
    world.cloud.run(CreateTags((instance.id,), (("Name", "office"),)))
    assert namespace("office", world.cloud) == "office"


def test_several_of_a_name_are_told_apart_by_id(world: World) -> None:
    (instance,) = world.cloud.snapshot.all(Instance)
    world.cloud.run(CreateTags((instance.id,), (("Name", "prod"),)))
    with pytest.raises(Conflict, match=instance.id):
        namespace("prod", world.cloud)


@pytest.mark.parametrize("name", ["", "nobody", "vpn-1-3", "host", "../etc"])
def test_an_unknown_name(world: World, name: str) -> None:
    with pytest.raises(NotFound):
        namespace(name, world.cloud)


def test_what_is_not_there_yet_or_no_longer(world: World) -> None:
    (instance,) = world.cloud.snapshot.all(Instance)
    world.cloud.run(TerminateInstances((instance.id,)))
    with pytest.raises(WrongState, match="shutting-down"):
        namespace(instance.id, world.cloud)
    world.cloud.run(AddHost("fresh", IPv4Address("198.51.100.201")))
    with pytest.raises(WrongState, match="pending"):
        namespace("fresh", world.cloud)
    loose = world.cloud.run(CreateInternetGateway())
    with pytest.raises(NotFound):
        namespace(loose.id, world.cloud)
