"""What the loop has built or taken down becomes API state here; what was deleted an hour ago is forgotten.

These commands come from the service itself, not from a user: they act on all accounts and regions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from ipaddress import IPv4Network
from typing import Final

from landbridge.control.attachments import left_behind, unplugged
from landbridge.control.base import Command, Context, Outcome, Scope, put, remove
from landbridge.model.instances import Instance, InstanceState, InterfaceAttachment, NetworkInterface
from landbridge.model.lab import LabHost, LabSite
from landbridge.model.network import InternetGateway, Subnet, Vpc
from landbridge.model.resources import Attachment, Resource, State
from landbridge.model.snapshot import Snapshot
from landbridge.model.vpn import CustomerGateway, StaticRoute, VpnConnection, VpnGateway

KEPT: Final = timedelta(hours=1)
"""How long deleted things stay visible: waiters want to see the state `deleted`."""
KEPT_DETACHED: Final = timedelta(minutes=1)
"""How long an interface shows an attachment that has ended: clients poll for `detached` every ten seconds."""


@dataclass(frozen=True, slots=True)
class MarkBuilt(Command):
    """The data plane has these: resource ids, `attachment_key`s, `route_key`s. Reply: None.

    What is not waiting for it any more is left as it is, so a late mark does no harm.
    """

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class MarkGone(Command):
    """Nothing of these is left in the data plane. Reply: None."""

    ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Expire(Command):
    """Forget what has been deleted for an hour. Reply: None."""

    now: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """What the API still says `pending` (or `deleting`) of: the keys to hand to MarkBuilt and MarkGone.

    Each key leads to the id of the resource whose host objects have to be there, or gone.
    """

    built: dict[str, str]
    gone: dict[str, str]


def attachment_key(joined: VpnGateway | InternetGateway | NetworkInterface) -> str:
    """What a present attachment is called in marks: not by the id alone, for that can be attached elsewhere later."""
    return f"{joined.id}@{joined.instance_id if isinstance(joined, NetworkInterface) else joined.vpc_id}"


def route_key(connection_id: str, destination: IPv4Network) -> str:
    """What a static route of a VPN connection is called in marks."""
    return f"{connection_id}@{destination}"


def waiting(snapshot: Snapshot) -> Waiting:
    """Everything that waits for the data plane."""
    found = Waiting({}, {})
    for resource in _followed(snapshot):
        match resource:
            case Instance(state=InstanceState.PENDING):
                found.built[resource.id] = resource.id
            case Instance(state=InstanceState.SHUTTING_DOWN):
                found.gone[resource.id] = resource.id
            case _:
                match getattr(resource, "state", None):
                    case State.PENDING:
                        found.built[resource.id] = resource.id
                    case State.DELETING:
                        found.gone[resource.id] = resource.id
        if isinstance(resource, VpnGateway | InternetGateway):
            match resource.attachment:
                case Attachment.ATTACHING:
                    found.built[attachment_key(resource)] = resource.id
                case Attachment.DETACHING:
                    found.gone[attachment_key(resource)] = resource.id
        if isinstance(resource, NetworkInterface) and resource.attachment is not None:
            match resource.attachment.state:
                case Attachment.ATTACHING:
                    found.built[attachment_key(resource)] = resource.id
                case Attachment.DETACHING:
                    found.gone[attachment_key(resource)] = resource.id
        if isinstance(resource, VpnConnection):
            for route in resource.routes:
                match route.state:
                    case State.PENDING:
                        found.built[route_key(resource.id, route.destination)] = resource.id
                    case State.DELETING:
                        found.gone[route_key(resource.id, route.destination)] = resource.id
    return found


def mark_built(scope: Scope, command: MarkBuilt, context: Context) -> Outcome[None]:
    """pending -> available (instances: running), attaching -> attached."""
    after = ((resource, _built(resource, command.ids)) for resource in _followed(scope.snapshot))
    return Outcome(None, put(*(new for old, new in after if new != old)))


def mark_gone(scope: Scope, command: MarkGone, context: Context) -> Outcome[None]:
    """deleting -> deleted (instances: terminated), detaching -> detached; lab sites and hosts are forgotten at once.

    So are the interfaces of a terminated instance that are to go with it.
    """
    pairs = [(resource, _gone(resource, command.ids, context.now)) for resource in _followed(scope.snapshot)]
    ended = {old.id for old, new in pairs if isinstance(old, Instance) and new != old}
    pairs = [
        (old, left_behind(old, context.now) if isinstance(old, NetworkInterface) and old.instance_id in ended else new)
        for old, new in pairs
    ]
    forgotten = (old for old, new in pairs if new is None)
    return Outcome(None, (*put(*(n for o, n in pairs if n is not None and n != o)), *remove(*forgotten)))


def expire(scope: Scope, command: Expire, context: Context) -> Outcome[None]:
    """Also forgets static routes of living connections that were deleted an hour ago, and attachments that ended."""
    limit = command.now - KEPT
    old: list[Resource] = []
    trimmed: list[Resource] = []
    for resource in _followed(scope.snapshot):
        since = resource.terminated if isinstance(resource, Instance) else getattr(resource, "deleted", None)
        if since is not None and since <= limit:
            old.append(resource)
        elif isinstance(resource, VpnConnection):
            routes = tuple(r for r in resource.routes if r.deleted is None or r.deleted > limit)
            if routes != resource.routes:
                trimmed.append(replace(resource, routes=routes))
        elif isinstance(resource, NetworkInterface):
            ended = resource.detached.ended if resource.detached else None
            if ended is not None and ended <= command.now - KEPT_DETACHED:
                trimmed.append(replace(resource, detached=None))
    return Outcome(None, (*put(*trimmed), *remove(*old)))


_KINDS: Final[tuple[type[Resource], ...]] = (
    Vpc,
    Subnet,
    InternetGateway,
    Instance,
    NetworkInterface,
    VpnGateway,
    CustomerGateway,
    VpnConnection,
    LabSite,
    LabHost,
)


def _followed(snapshot: Snapshot) -> Iterator[Resource]:
    for kind in _KINDS:
        yield from snapshot.all(kind)


def _built(resource: Resource, ids: frozenset[str]) -> Resource:
    named = resource.id in ids
    match resource:
        case Instance(state=InstanceState.PENDING) if named:
            return replace(resource, state=InstanceState.RUNNING)
        case Vpc() | Subnet() | CustomerGateway() | LabSite() | LabHost() if named:
            return replace(resource, state=_available(resource.state))
        case InternetGateway():
            return replace(resource, attachment=_attached(resource, ids))
        case NetworkInterface(attachment=InterfaceAttachment(state=Attachment.ATTACHING) as attachment):
            if attachment_key(resource) in ids:
                return replace(resource, attachment=replace(attachment, state=Attachment.ATTACHED))
        case VpnGateway():
            state = _available(resource.state) if named else resource.state
            return replace(resource, state=state, attachment=_attached(resource, ids))
        case VpnConnection():
            state = _available(resource.state) if named else resource.state
            return replace(resource, state=state, routes=tuple(_built_routes(resource, ids)))
    return resource


def _available(state: State) -> State:
    return State.AVAILABLE if state is State.PENDING else state


def _attached(gateway: VpnGateway | InternetGateway, ids: frozenset[str]) -> Attachment:
    attaching = gateway.attachment is Attachment.ATTACHING and attachment_key(gateway) in ids
    return Attachment.ATTACHED if attaching else gateway.attachment


def _built_routes(connection: VpnConnection, ids: frozenset[str]) -> Iterable[StaticRoute]:
    for route in connection.routes:
        named = route_key(connection.id, route.destination) in ids
        yield replace(route, state=_available(route.state)) if named else route


def _gone(resource: Resource, ids: frozenset[str], now: datetime) -> Resource | None:
    named = resource.id in ids
    match resource:
        case Instance(state=InstanceState.SHUTTING_DOWN) if named:
            return replace(resource, state=InstanceState.TERMINATED, terminated=now)
        case LabSite(state=State.DELETING) | LabHost(state=State.DELETING) if named:
            return None
        case CustomerGateway(state=State.DELETING) if named:
            return replace(resource, state=State.DELETED, deleted=now)
        case InternetGateway(attachment=Attachment.DETACHING) if attachment_key(resource) in ids:
            return replace(resource, attachment=Attachment.DETACHED, vpc_id=None)
        case NetworkInterface(attachment=InterfaceAttachment(state=Attachment.DETACHING)):
            return unplugged(resource, now) if attachment_key(resource) in ids else resource
        case VpnGateway():
            if resource.attachment is Attachment.DETACHING and attachment_key(resource) in ids:
                resource = replace(resource, attachment=Attachment.DETACHED, vpc_id=None, left=resource.vpc_id)
            if named and resource.state is State.DELETING:
                resource = replace(resource, state=State.DELETED, deleted=now)
            return resource
        case VpnConnection():
            resource = replace(resource, routes=tuple(_gone_routes(resource, ids, now)))
            if named and resource.state is State.DELETING:
                resource = replace(resource, state=State.DELETED, deleted=now)
            return resource
    return resource


def _gone_routes(connection: VpnConnection, ids: frozenset[str], now: datetime) -> Iterable[StaticRoute]:
    for route in connection.routes:
        named = route_key(connection.id, route.destination) in ids
        leaving = named and route.state is State.DELETING
        yield replace(route, state=State.DELETED, deleted=now) if leaving else route
