"""What can be changed of an instance that is there: its own attributes, and those of its only interface."""

from __future__ import annotations

from dataclasses import dataclass, replace

from landbridge.control.base import Command, Context, Outcome, Scope, put
from landbridge.control.instances import NOUN
from landbridge.control.network_interfaces import ModifyNetworkInterface, modify
from landbridge.model.attached import interfaces_of
from landbridge.model.errors import AmbiguousInstance, WrongState
from landbridge.model.instances import Instance, InstanceState


@dataclass(frozen=True, slots=True)
class ModifyInstanceAttribute(Command):
    """Change what is not None. Reply: None."""

    instance_id: str
    disable_api_termination: bool | None = None
    source_dest_check: bool | None = None
    groups: tuple[str, ...] | None = None


def modify_instance(scope: Scope, command: ModifyInstanceAttribute, context: Context) -> Outcome[None]:
    """Refuses to change an interface's attributes when the instance has several of them."""
    instance = scope.get(Instance, command.instance_id, NOUN)
    if instance.state in (InstanceState.SHUTTING_DOWN, InstanceState.TERMINATED):
        raise WrongState(f"Instance '{instance.id}' is {instance.state}, and nothing of it can be changed.")
    if command.source_dest_check is None and command.groups is None:
        changed = replace(
            instance,
            disable_api_termination=instance.disable_api_termination
            if command.disable_api_termination is None
            else command.disable_api_termination,
        )
        return Outcome(None, put(changed) if changed != instance else ())
    interfaces = interfaces_of(scope.snapshot, instance.id)
    if len(interfaces) != 1:
        raise AmbiguousInstance(
            f"There are multiple interfaces attached to instance '{instance.id}'. "
            "Please specify an interface ID for the operation instead."
        )
    wanted = ModifyNetworkInterface(
        interfaces[0].id, source_dest_check=command.source_dest_check, groups=command.groups
    )
    return Outcome(None, modify(scope, wanted, context).changes)
