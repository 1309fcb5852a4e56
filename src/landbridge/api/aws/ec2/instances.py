"""Instances at the EC2 door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from landbridge.api.aws.ec2 import interfaces
from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select
from landbridge.api.aws.ec2.groups import default_group
from landbridge.api.aws.ec2.instance_filters import MONITORING, USER_ENDED_IT, has_ended, life, transition_reason
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import address, checked_id, id_of, ids_of, only, required, tag_list, tags_of
from landbridge.control import instances
from landbridge.control.addresses import occupies
from landbridge.control.instances import NOUN
from landbridge.model.errors import Combination, Unsupported
from landbridge.model.resources import Instance, InstanceState

CODES: Final[Mapping[InstanceState, int]] = {
    InstanceState.PENDING: 0,
    InstanceState.RUNNING: 16,
    InstanceState.SHUTTING_DOWN: 32,
    InstanceState.TERMINATED: 48,
}
"""EC2's numbers of instance states."""

DEFAULT_TYPE: Final = "t3.micro"


def state(instance: Instance) -> Shape:
    """An InstanceState."""
    return {"Code": CODES[instance.state], "Name": instance.state.value}


def shape(desk: Desk, instance: Instance) -> Shape:
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
            "AvailabilityZone": interfaces.zone_of(desk, instance),
            "GroupName": "",
            "Tenancy": "default",
        },
        "Monitoring": {"State": MONITORING},
        "Architecture": "x86_64",
        "BlockDeviceMappings": [],
        "ClientToken": instance.client_token,
        "Tags": tag_list(instance.tags),
        "NetworkInterfaces": [],
        "SecurityGroups": [],
    }
    if not occupies(instance):
        return common
    return common | {
        "SubnetId": instance.subnet_id,
        "VpcId": instance.vpc_id,
        "PrivateIpAddress": str(instance.private_address),
        "PublicIpAddress": str(instance.public_address) if instance.public_address else None,
        "NetworkInterfaces": [interfaces.common(desk, instance)],
        "SecurityGroups": default_group(desk, instance.vpc_id),
    }


def _reservation(desk: Desk, launched: Iterable[Instance]) -> Shape:
    launched = list(launched)
    return {
        "ReservationId": launched[0].reservation_id,
        "OwnerId": launched[0].account,
        "Groups": [],
        "Instances": [shape(desk, instance) for instance in launched],
    }


def run_instances(desk: Desk, params: Params) -> Shape:
    """RunInstances, in the subnet's form or with one network interface."""
    only(
        params,
        "ImageId",
        "MinCount",
        "MaxCount",
        "SubnetId",
        "PrivateIpAddress",
        "SecurityGroupIds",
        "NetworkInterfaces",
        "InstanceType",
        "KeyName",
        "TagSpecifications",
        "ClientToken",
        inert={
            "Monitoring": {"Enabled": False},
            "EbsOptimized": False,
            "DisableApiTermination": False,
            "DisableApiStop": False,
            "InstanceInitiatedShutdownBehavior": "stop",
        },
    )
    interface = _interface(params)
    private = interface.get("PrivateIpAddress")
    launched = desk.run(
        instances.RunInstances(
            subnet_id=id_of(interface, "SubnetId", "subnet"),
            image_id=required(params, "ImageId"),
            least=params["MinCount"],
            most=params["MaxCount"],
            instance_type=params.get("InstanceType") or DEFAULT_TYPE,
            key_name=params.get("KeyName") or "",
            private_address=address(private, "PrivateIpAddress") if private else None,
            public_address=interface.get("AssociatePublicIpAddress"),
            groups=tuple(checked_id(group, "security-group") for group in interface.get("Groups") or ()),
            tags=tags_of(params, NOUN),
            client_token=params.get("ClientToken") or "",
        )
    )
    return _reservation(desk, launched)


def _interface(params: Params) -> Mapping[str, Any]:
    """The one network interface, whichever way it is given."""
    top = {
        "SubnetId": params.get("SubnetId"),
        "PrivateIpAddress": params.get("PrivateIpAddress"),
        "Groups": params.get("SecurityGroupIds"),
    }
    given = params.get("NetworkInterfaces")
    if not given:
        return top
    if any(value is not None for value in top.values()):
        raise Combination(
            "Network interfaces and an instance-level subnet, address or security groups may not be specified on the "
            "same request. Give them in NetworkInterface.1 only."
        )
    if len(given) > 1:
        raise Unsupported("landbridge gives an instance one network interface.")
    interface: Mapping[str, Any] = given[0]
    only(
        interface,
        "SubnetId",
        "PrivateIpAddress",
        "Groups",
        "AssociatePublicIpAddress",
        inert={
            "DeviceIndex": 0,
            "NetworkCardIndex": 0,
            "DeleteOnTermination": True,
            "InterfaceType": "interface",
            "Description": "",
        },
    )
    return interface


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


def _living(values: Field[Instance]) -> Field[Instance]:
    return lambda instance: values(instance) if occupies(instance) else ()


def filters(desk: Desk) -> Mapping[str, Field[Instance]]:
    """DescribeInstances' filters."""
    groups: Field[Instance] = lambda i: (g["GroupId"] for g in default_group(desk, i.vpc_id))  # noqa: E731
    names: Field[Instance] = lambda i: (g["GroupName"] for g in default_group(desk, i.vpc_id))  # noqa: E731
    return {
        **life(desk),
        "architecture": lambda i: ("x86_64",),
        "availability-zone": lambda i: (interfaces.zone_of(desk, i) or "",),
        "client-token": lambda i: (i.client_token,),
        "image-id": lambda i: (i.image_id,),
        "instance-id": lambda i: (i.id,),
        "instance-state-code": lambda i: (str(CODES[i.state]),),
        "instance-state-name": lambda i: (i.state.value,),
        "instance-type": lambda i: (i.instance_type,),
        "instance.group-id": _living(groups),
        "instance.group-name": _living(names),
        "ip-address": _living(lambda i: (str(i.public_address),) if i.public_address else ()),
        "key-name": lambda i: (i.key_name,),
        "launch-index": lambda i: (str(i.launch_index),),
        "network-interface.network-interface-id": _living(lambda i: (i.interface_id,)),
        "network-interface.subnet-id": _living(lambda i: (i.subnet_id,)),
        "network-interface.vpc-id": _living(lambda i: (i.vpc_id,)),
        "network-interface.addresses.private-ip-address": _living(lambda i: (str(i.private_address),)),
        "network-interface.addresses.association.public-ip": _living(
            lambda i: (str(i.public_address),) if i.public_address else ()
        ),
        "owner-id": lambda i: (i.account,),
        "private-ip-address": _living(lambda i: (str(i.private_address),)),
        "reservation-id": lambda i: (i.reservation_id,),
        "subnet-id": _living(lambda i: (i.subnet_id,)),
        "tenancy": lambda i: ("default",),
        "vpc-id": _living(lambda i: (i.vpc_id,)),
    }


def describe_instances(desk: Desk, params: Params) -> Shape:
    """DescribeInstances: by reservation, as everywhere in EC2."""
    only(params, "InstanceIds", "Filters", "MaxResults", "NextToken", inert={"IncludeManagedResources": (True, False)})
    scope, ids = desk.scope, ids_of(params, "InstanceIds", NOUN)
    named = [scope.get(Instance, each, NOUN) for each in ids] if ids else scope.all(Instance)
    found = select(named, params.get("Filters"), filters(desk), lambda i: i.tags)
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
