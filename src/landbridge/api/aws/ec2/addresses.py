"""Elastic addresses at the EC2 door."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.params import address, checked_id, id_of, ids_of, only, required, tag_list, tags_of
from landbridge.control import elastic_addresses
from landbridge.control.elastic_addresses import NOUN
from landbridge.model.errors import Combination, Invalid, Missing, NotFound
from landbridge.model.instances import ElasticAddress, NetworkInterface, PrivateAddress, PublicAddress

Held = Mapping[str, tuple[NetworkInterface, PrivateAddress, PublicAddress]]
"""Who has an elastic address, by its allocation's id."""


def _held(desk: Desk) -> Held:
    return {
        private.public.allocation_id: (interface, private, private.public)
        for interface in desk.scope.all(NetworkInterface)
        for private in interface.addresses
        if private.public is not None and private.public.elastic
    }


def _shape(elastic: ElasticAddress, held: Held) -> Shape:
    shown: Shape = {
        "AllocationId": elastic.id,
        "PublicIp": str(elastic.address),
        "PublicIpv4Pool": "amazon",
        "NetworkBorderGroup": elastic.region,
        "Domain": "vpc",
        "Tags": tag_list(elastic.tags),
    }
    if elastic.id not in held:
        return shown
    interface, private, public = held[elastic.id]
    return shown | {
        "AssociationId": public.association_id,
        "InstanceId": interface.instance_id,
        "NetworkInterfaceId": interface.id,
        "NetworkInterfaceOwnerId": interface.account,
        "PrivateIpAddress": str(private.address),
    }


def allocate_address(desk: Desk, params: Params) -> Shape:
    """AllocateAddress."""
    only(
        params,
        "Address",
        "TagSpecifications",
        inert={"Domain": "vpc", "PublicIpv4Pool": "amazon", "NetworkBorderGroup": desk.region},
    )
    wanted = params.get("Address")
    elastic = desk.run(
        elastic_addresses.AllocateAddress(
            address=address(wanted, "Address") if wanted else None, tags=tags_of(params, NOUN)
        )
    )
    shown = _shape(elastic, {})
    del shown["Tags"]
    return shown


def release_address(desk: Desk, params: Params) -> Shape:
    """ReleaseAddress: by the allocation's id, as everywhere in a VPC."""
    only(params, "AllocationId", "PublicIp", inert={"NetworkBorderGroup": desk.region})
    if params.get("PublicIp"):
        raise Invalid("PublicIp", "You must specify an allocation id when releasing a VPC elastic IP address")
    desk.run(elastic_addresses.ReleaseAddress(id_of(params, "AllocationId", NOUN)))
    return {}


def _one_of(params: Params, name: str, noun: str) -> str | IPv4Address:
    """An id, or instead of it the public address."""
    identity, public = params.get(name), params.get("PublicIp")
    if identity and public:
        raise Combination(f"You may specify a public address or {name}, but not both in the same call")
    if identity:
        return checked_id(identity, noun)
    if public:
        return address(public, "PublicIp")
    raise Missing(name)


def associate_address(desk: Desk, params: Params) -> Shape:
    """AssociateAddress."""
    only(
        params,
        "AllocationId",
        "PublicIp",
        "InstanceId",
        "NetworkInterfaceId",
        "PrivateIpAddress",
        "AllowReassociation",
    )
    elastic = _one_of(params, "AllocationId", NOUN)
    instance, interface = params.get("InstanceId"), params.get("NetworkInterfaceId")
    if not instance and not interface:
        raise Missing("InstanceId")
    private = params.get("PrivateIpAddress")
    association = desk.run(
        elastic_addresses.AssociateAddress(
            elastic,
            interface_id=checked_id(interface, "network-interface") if interface else "",
            instance_id=checked_id(instance, "instance") if instance else "",
            private_address=address(private, "PrivateIpAddress") if private else None,
            again=params.get("AllowReassociation") is not False,
        )
    )
    return {"AssociationId": association}


def disassociate_address(desk: Desk, params: Params) -> Shape:
    """DisassociateAddress."""
    only(params, "AssociationId", "PublicIp")
    desk.run(elastic_addresses.DisassociateAddress(_one_of(params, "AssociationId", "elastic-association")))
    return {}


def _filters(held: Held) -> Mapping[str, Field[ElasticAddress]]:
    def of(value: str) -> Field[ElasticAddress]:
        return lambda e: (str(shown),) if (shown := _shape(e, held).get(value)) else ()

    return {
        "allocation-id": of("AllocationId"),
        "association-id": of("AssociationId"),
        "domain": of("Domain"),
        "instance-id": of("InstanceId"),
        "network-border-group": of("NetworkBorderGroup"),
        "network-interface-id": of("NetworkInterfaceId"),
        "network-interface-owner-id": of("NetworkInterfaceOwnerId"),
        "private-ip-address": of("PrivateIpAddress"),
        "public-ip": of("PublicIp"),
    }


def describe_addresses(desk: Desk, params: Params) -> Shape:
    """DescribeAddresses, which has no pages."""
    only(params, "AllocationIds", "PublicIps", "Filters")
    scope, ids = desk.scope, ids_of(params, "AllocationIds", NOUN)
    everything = list(scope.all(ElasticAddress))
    named = [scope.get(ElasticAddress, each, NOUN) for each in ids] if ids else everything
    publics = [address(text, "PublicIp") for text in params.get("PublicIps") or ()]
    for public in publics:
        if all(each.address != public for each in everything):
            raise NotFound("address", str(public))
    if publics:
        named = [each for each in named if each.address in publics]
    held = _held(desk)
    found = select(named, params.get("Filters"), _filters(held), lambda e: e.tags)
    desk.reads()
    return {"Addresses": [_shape(each, held) for each in found]}


def describe_addresses_attribute(desk: Desk, params: Params) -> Shape:
    """DescribeAddressesAttribute: there is no reverse DNS, so no address has a domain name."""
    only(params, "AllocationIds", "Attribute", "MaxResults", "NextToken")
    for each in ids_of(params, "AllocationIds", NOUN):
        desk.scope.get(ElasticAddress, each, NOUN)
    required(params, "Attribute")
    desk.reads()
    return {"Addresses": []}


ACTIONS: Final[Mapping[str, Action]] = {
    "AllocateAddress": allocate_address,
    "ReleaseAddress": release_address,
    "AssociateAddress": associate_address,
    "DisassociateAddress": disassociate_address,
    "DescribeAddresses": describe_addresses,
    "DescribeAddressesAttribute": describe_addresses_attribute,
}
