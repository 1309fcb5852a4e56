"""Attributes and status of instances at the EC2 door."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from landbridge.api.aws.ec2 import interfaces
from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, absent, select
from landbridge.api.aws.ec2.instance_filters import life
from landbridge.api.aws.ec2.instances import CODES, state
from landbridge.api.aws.ec2.interface_actions import groups_in
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import flag, id_of, ids_of, only, required
from landbridge.control.instance_attributes import ModifyInstanceAttribute
from landbridge.control.instances import NOUN
from landbridge.model.attached import interfaces_of
from landbridge.model.errors import Combination, Invalid
from landbridge.model.instances import Instance, InstanceState

_OFF: Final = {"Value": False}
_ON: Final = {"Value": True}


def describe_instance_attribute(desk: Desk, params: Params) -> Shape:
    """DescribeInstanceAttribute: what is not there is shown as EC2 shows it when it is not set."""
    only(params, "InstanceId", "Attribute")
    scope = desk.scope
    instance = scope.get(Instance, id_of(params, "InstanceId", NOUN), NOUN)
    primary = next(iter(interfaces_of(scope.snapshot, instance.id)), None)
    values: Mapping[str, Shape] = {
        "blockDeviceMapping": {"BlockDeviceMappings": []},
        "disableApiStop": {"DisableApiStop": _OFF},
        "disableApiTermination": {"DisableApiTermination": {"Value": instance.disable_api_termination}},
        "ebsOptimized": {"EbsOptimized": _OFF},
        "enaSupport": {"EnaSupport": _ON},
        "enclaveOptions": {"EnclaveOptions": {"Enabled": False}},
        "groupSet": {"Groups": interfaces.groups_of(desk, primary) if primary else []},
        "instanceInitiatedShutdownBehavior": {"InstanceInitiatedShutdownBehavior": {"Value": "stop"}},
        "instanceType": {"InstanceType": {"Value": instance.instance_type}},
        "kernel": {"KernelId": {}},
        "productCodes": {"ProductCodes": []},
        "ramdisk": {"RamdiskId": {}},
        "rootDeviceName": {"RootDeviceName": {}},
        "sourceDestCheck": {"SourceDestCheck": {"Value": primary.source_dest_check} if primary else {}},
        "sriovNetSupport": {"SriovNetSupport": {}},
        "userData": {"UserData": {}},
    }
    wanted: str = required(params, "Attribute")
    if wanted not in values:
        raise Invalid("Attribute", f"Value ({wanted[:100]}) for parameter attribute is invalid: {', '.join(values)}.")
    desk.reads()
    return {"InstanceId": instance.id, **values[wanted]}


_BY_NAME: Final = {"disableApiTermination": "DisableApiTermination", "sourceDestCheck": "SourceDestCheck"}


def modify_instance_attribute(desk: Desk, params: Params) -> Shape:
    """ModifyInstanceAttribute: one attribute at a time, by a parameter of its name or by `Attribute` and `Value`."""
    attributes = ("DisableApiTermination", "SourceDestCheck", "Groups")
    inert = {
        "DisableApiStop": _OFF,
        "EbsOptimized": _OFF,
        "EnaSupport": _ON,
        "InstanceInitiatedShutdownBehavior": {"Value": "stop"},
    }
    only(params, "InstanceId", *attributes, "Attribute", "Value", inert=inert)
    given = {name: value for name, value in params.items() if name in (*attributes, *inert) and value is not None}
    if "Attribute" in params or "Value" in params:
        name, value = required(params, "Attribute"), required(params, "Value")
        if name not in _BY_NAME or value not in ("true", "false"):
            raise Invalid("Attribute", f"Use a parameter of its own to change {name[:100]}, such as {attributes[0]}.")
        given[_BY_NAME[name]] = {"Value": value == "true"}
    if len(given) != 1:
        raise Combination("Give exactly one attribute to change.")
    desk.run(
        ModifyInstanceAttribute(
            id_of(params, "InstanceId", NOUN),
            disable_api_termination=flag(given, "DisableApiTermination"),
            source_dest_check=flag(given, "SourceDestCheck"),
            groups=groups_in(params, "Groups") if "Groups" in given else None,
        )
    )
    return {}


def _summary(instance: Instance) -> Shape:
    ready = instance.state is InstanceState.RUNNING
    return {
        "Status": "ok" if ready else "initializing" if instance.state is InstanceState.PENDING else "not-applicable",
        "Details": [{"Name": "reachability", "Status": "passed"}] if ready else [],
    }


_ABSENT: Final[Mapping[str, Field[Instance]]] = absent(
    "application-status.status",
    "attached-ebs-status.status",
    "event.code",
    "event.description",
    "event.instance-event-id",
    "event.not-after",
    "event.not-before",
    "event.not-before-deadline",
    "operator.managed",
    "operator.principal",
)


def describe_instance_status(desk: Desk, params: Params) -> Shape:
    """DescribeInstanceStatus: running instances, unless all are asked for. An instance that is built is reachable."""
    only(
        params,
        "InstanceIds",
        "IncludeAllInstances",
        "Filters",
        "MaxResults",
        "NextToken",
        inert={"IncludeManagedResources": (True, False)},
    )
    fields: Mapping[str, Field[Instance]] = {
        **_ABSENT,
        "availability-zone": lambda i: (interfaces.zone_of(desk, i.subnet_id) or "",),
        "availability-zone-id": life(desk)["availability-zone-id"],
        "instance-state-code": lambda i: (str(CODES[i.state]),),
        "instance-state-name": lambda i: (i.state.value,),
        "instance-status.reachability": lambda i: (d["Status"] for d in _summary(i)["Details"]),
        "instance-status.status": lambda i: (_summary(i)["Status"],),
        "system-status.reachability": lambda i: (d["Status"] for d in _summary(i)["Details"]),
        "system-status.status": lambda i: (_summary(i)["Status"],),
    }
    scope, ids = desk.scope, ids_of(params, "InstanceIds", NOUN)
    named = [scope.get(Instance, each, NOUN) for each in ids] if ids else scope.all(Instance)
    seen = (i for i in named if params.get("IncludeAllInstances") or i.state is InstanceState.RUNNING)
    shown, token = page(select(seen, params.get("Filters"), fields), params, in_order_of_creation)
    desk.reads()
    return {
        "InstanceStatuses": [
            {
                "InstanceId": instance.id,
                "AvailabilityZone": interfaces.zone_of(desk, instance.subnet_id),
                "InstanceState": state(instance),
                "InstanceStatus": _summary(instance),
                "SystemStatus": _summary(instance),
                "Events": [],
            }
            for instance in shown
        ],
        "NextToken": token,
    }


ACTIONS: Final[Mapping[str, Action]] = {
    "DescribeInstanceAttribute": describe_instance_attribute,
    "ModifyInstanceAttribute": modify_instance_attribute,
    "DescribeInstanceStatus": describe_instance_status,
}
