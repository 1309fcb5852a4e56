"""Instances at the EC2 door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from landbridge.api.aws.ec2 import interfaces
from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.instance_filters import (
    METADATA,
    MONITORING,
    USER_ENDED_IT,
    has_ended,
    life,
    transition_reason,
)
from landbridge.api.aws.ec2.interface_actions import addresses_of, groups_in
from landbridge.api.aws.ec2.machine_types import OF_ANY_IMAGE
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import checked_id, id_of, ids_of, only, required, tag_list, tags_of
from landbridge.control import instances, security_groups
from landbridge.control.instances import NOUN, Plugged
from landbridge.control.tags import checked
from landbridge.model.attached import by_instance
from landbridge.model.errors import Combination, Missing, NotFound
from landbridge.model.instances import Instance, InstanceState, NetworkInterface

CODES: Final[Mapping[InstanceState, int]] = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
}
"""EC2's numbers of instance states."""

DEFAULT_TYPE: Final = "t3.micro"

_SO_OF_EVERY_ONE: Final[Shape] = {
    **OF_ANY_IMAGE,
    "EbsOptimized": False,
    "EnclaveOptions": {"Enabled": False},
    "MetadataOptions": {**METADATA, "State": "applied"},
}


def state(instance: Instance) -> Shape:
    """An InstanceState."""
    return {"Code": CODES[instance.state], "Name": instance.state.value}


Attached = Mapping[str, tuple[NetworkInterface, ...]]
"""The interfaces of each instance that has any, the primary one first."""


def attached(desk: Desk) -> Attached:
    """What is plugged in where."""
    return by_instance(desk.scope.all(NetworkInterface))


def shape(desk: Desk, instance: Instance, of: Attached) -> Shape:
    """An Instance. A terminated one has neither addresses nor interfaces any more."""
    common: Shape = {
        "InstanceId": instance.id,
        "ImageId": instance.image_id,
        "State": state(instance),
        "StateTransitionReason": transition_reason(instance),
        "StateReason": USER_ENDED_IT if has_ended(instance) else None,
        "PrivateDnsName": "",
        "PublicDnsName": "",
        "KeyName": instance.key_name or None,
        "AmiLaunchIndex": instance.launch_index,
        "ProductCodes": [],
        "InstanceType": instance.instance_type,
        "LaunchTime": instance.created,
        "Placement": {
            "AvailabilityZone": interfaces.zone_of(desk, instance.subnet_id),
            "GroupName": "",
            "Tenancy": "default",
        },
        "Monitoring": {"State": MONITORING},
        **_SO_OF_EVERY_ONE,
        "BlockDeviceMappings": [],
        "ClientToken": instance.client_token,
        "Tags": tag_list(instance.tags),
        "NetworkInterfaces": [],
        "SecurityGroups": [],
    }
    mine = of.get(instance.id)
    if not mine:
        return common
    primary = mine[0]
    return common | {
        "SubnetId": primary.subnet_id,
        "VpcId": primary.vpc_id,
        "PrivateIpAddress": str(primary.private),
        "PrivateDnsName": interfaces.private_name(primary, primary.addresses[0]),
        "PublicIpAddress": str(primary.public) if primary.public else None,
        "SourceDestCheck": primary.source_dest_check,
        "NetworkInterfaces": [interfaces.common(desk, interface) for interface in mine],
        "SecurityGroups": interfaces.groups_of(desk, primary),
    }


def _reservation(desk: Desk, launched: Iterable[Instance]) -> Shape:
    launched, of = list(launched), attached(desk)
    return {
        "ReservationId": launched[0].reservation_id,
        "OwnerId": launched[0].account,
        "Groups": [],
        "Instances": [shape(desk, instance, of) for instance in launched],
    }


def run_instances(desk: Desk, params: Params) -> Shape:
    """RunInstances, in the subnet's form or with network interfaces."""
    only(
        params,
        "ImageId",
        "MinCount",
        "MaxCount",
        "SubnetId",
        "PrivateIpAddress",
        "SecurityGroupIds",
        "SecurityGroups",
        "NetworkInterfaces",
        "InstanceType",
        "KeyName",
        "TagSpecifications",
        "ClientToken",
        "DisableApiTermination",
        "Placement",
        "MetadataOptions",
        inert={
            "EnclaveOptions": {"Enabled": False},
            "Monitoring": {"Enabled": False},
            "CreditSpecification": {"CpuCredits": "unlimited"},
            "HibernationOptions": {"Configured": False},
            "EbsOptimized": False,
            "DisableApiStop": False,
            "InstanceInitiatedShutdownBehavior": "stop",
        },
    )
    if params.get("KeyName"):
        raise NotFound("key-pair", params["KeyName"])
    plugged, placement = _plugged(desk, params), params.get("Placement") or {}
    # No endpoint, whether one says so or not: then tokens, hops and the rest change nothing.
    metadata = params.get("MetadataOptions") or {}
    only(
        metadata,
        "HttpPutResponseHopLimit",
        inert={**METADATA, "HttpProtocolIpv6": "disabled", "InstanceMetadataTags": "disabled"},
    )
    only(placement, "AvailabilityZone", inert={"Tenancy": "default", "GroupName": ""})
    checked(tags_of(params, "volume", NOUN, "network-interface"))  # there are no volumes: none is without its tags
    launched = desk.run(
        instances.RunInstances(
            subnet_id=plugged[0].subnet_id,
            image_id=required(params, "ImageId"),
            least=params["MinCount"],
            most=params["MaxCount"],
            instance_type=params.get("InstanceType") or DEFAULT_TYPE,
            tags=tags_of(params, NOUN, "network-interface", "volume"),
            client_token=params.get("ClientToken") or "",
            interfaces=plugged,
            interface_tags=tags_of(params, "network-interface", NOUN, "volume"),
            zone=placement.get("AvailabilityZone") or "",
            disable_api_termination=params.get("DisableApiTermination") or False,
        )
    )
    return _reservation(desk, launched)


def _plugged(desk: Desk, params: Params) -> tuple[Plugged, ...]:
    """The network interfaces, whichever way they are given."""
    top = {
        "SubnetId": params.get("SubnetId"),
        "PrivateIpAddress": params.get("PrivateIpAddress"),
        "Groups": params.get("SecurityGroupIds"),
    }
    names, given = params.get("SecurityGroups"), params.get("NetworkInterfaces")
    if not given:
        plugged = _interface(top | {"DeviceIndex": 0})
        if not names:
            return (plugged,)
        if top["SubnetId"] is not None:
            raise Combination("The parameter groupName cannot be used with the parameter subnet. Use group ids.")
        by_name = (security_groups.named(desk.scope, name).id for name in dict.fromkeys(names))
        return (replace(plugged, groups=(*plugged.groups, *by_name)),)
    if names or any(value is not None for value in top.values()):
        raise Combination(
            "Network interfaces and an instance-level subnet, address or security groups may not be specified on the "
            "same request. Give them in NetworkInterface.1 only."
        )
    return tuple(_interface(each) for each in given)


_OF_NEW: Final = (
    "SubnetId",
    "PrivateIpAddress",
    "PrivateIpAddresses",
    "SecondaryPrivateIpAddressCount",
    "Groups",
    "Description",
    "AssociatePublicIpAddress",
)
"""What says how an interface is to be made; one that is there is as it is."""


def _interface(given: Params) -> Plugged:
    only(
        given,
        *_OF_NEW,
        "NetworkInterfaceId",
        "DeviceIndex",
        "DeleteOnTermination",
        inert={"NetworkCardIndex": 0, "InterfaceType": "interface"},
    )
    if given.get("DeviceIndex") is None:
        raise Missing("NetworkInterface.DeviceIndex")
    there = given.get("NetworkInterfaceId")
    if there and (named := [name for name in _OF_NEW if given.get(name) is not None]):
        raise Combination(
            f"You may not specify a network interface ID and {', '.join(named)} for the same network interface."
        )
    return Plugged(
        device_index=given["DeviceIndex"],
        interface_id=checked_id(there, "network-interface") if there else "",
        subnet_id=id_of(given, "SubnetId", "subnet") if given.get("SubnetId") is not None else "",
        addresses=addresses_of(given),
        public=given.get("AssociatePublicIpAddress"),
        groups=groups_in(given, "Groups"),
        description=given.get("Description") or "",
        delete_on_termination=given.get("DeleteOnTermination"),
    )


def terminate_instances(desk: Desk, params: Params) -> Shape:
    """TerminateInstances."""
    only(params, "InstanceIds", inert={"Force": (True, False), "SkipOsShutdown": (True, False)})
    pairs = desk.run(instances.TerminateInstances(ids_of(params, "InstanceIds", NOUN)))
    return {
        "TerminatingInstances": [
            {"InstanceId": after.id, "CurrentState": state(after), "PreviousState": state(before)}
            for before, after in pairs
        ]
    }


def filters(desk: Desk, of: Attached) -> Mapping[str, Field[Instance]]:
    """DescribeInstances' filters: the instance's own, and those of its interfaces."""

    def primary(values: Field[NetworkInterface]) -> Field[Instance]:
        return lambda i: (value for interface in of.get(i.id, ())[:1] for value in values(interface))

    def each(values: Field[NetworkInterface]) -> Field[Instance]:
        return lambda i: (value for interface in of.get(i.id, ()) for value in values(interface))

    def public(interface: NetworkInterface) -> tuple[str, ...]:
        return (str(interface.public),) if interface.public else ()

    by_interface = interfaces.filters(desk)
    return {
        **life(desk),
        "availability-zone": lambda i: (interfaces.zone_of(desk, i.subnet_id) or "",),
        "client-token": lambda i: (i.client_token,),
        "image-id": lambda i: (i.image_id,),
        "instance-id": lambda i: (i.id,),
        "instance-state-code": lambda i: (str(CODES[i.state]),),
        "instance-state-name": lambda i: (i.state.value,),
        "instance-type": lambda i: (i.instance_type,),
        "instance.group-id": primary(by_interface["group-id"]),
        "instance.group-name": primary(by_interface["group-name"]),
        "ip-address": primary(public),
        "key-name": lambda i: (i.key_name,),
        "launch-index": lambda i: (str(i.launch_index),),
        **{f"network-interface.{name}": each(values) for name, values in by_interface.items()},
        "network-interface.addresses.association.allocation-id": each(by_interface["association.allocation-id"]),
        "network-interface.addresses.association.association-id": each(by_interface["association.association-id"]),
        "network-interface.addresses.association.ip-owner-id": each(by_interface["association.ip-owner-id"]),
        "network-interface.attachment.network-card-index": each(lambda interface: ("0",)),
        "network-interface.tag-key": each(lambda interface: (key for key, _ in interface.tags)),
        "network-interface.tag-value": each(lambda interface: (value for _, value in interface.tags)),
        "network-interface.addresses.private-dns-name": each(
            lambda interface: (interfaces.private_name(interface, private) for private in interface.addresses)
        ),
        "owner-id": lambda i: (i.account,),
        "private-dns-name": primary(by_interface["private-dns-name"]),
        "private-ip-address": primary(by_interface["private-ip-address"]),
        "reservation-id": lambda i: (i.reservation_id,),
        "source-dest-check": primary(by_interface["source-dest-check"]),
        "subnet-id": primary(by_interface["subnet-id"]),
        "tenancy": lambda i: ("default",),
        "vpc-id": primary(by_interface["vpc-id"]),
    }


def describe_instances(desk: Desk, params: Params) -> Shape:
    """DescribeInstances: by reservation, as everywhere in EC2."""
    only(params, "InstanceIds", "Filters", "MaxResults", "NextToken", inert={"IncludeManagedResources": (True, False)})
    scope, ids = desk.scope, ids_of(params, "InstanceIds", NOUN)
    named = [scope.get(Instance, each, NOUN) for each in ids] if ids else scope.all(Instance)
    found = select(named, params.get("Filters"), filters(desk, attached(desk)), lambda i: i.tags)
    shown, token = page(found, params, in_order_of_creation)
    reservations: dict[str, list[Instance]] = {}
    for instance in shown:
        reservations.setdefault(instance.reservation_id, []).append(instance)
    desk.reads()
    return {"Reservations": [_reservation(desk, each) for each in reservations.values()], "NextToken": token}


ACTIONS: Final[Mapping[str, Action]] = {
    "RunInstances": run_instances,
    "TerminateInstances": terminate_instances,
    "DescribeInstances": describe_instances,
}
