"""Everything that can be wrong with a request, in the domain's terms. The EC2 door turns these into EC2's codes."""

from __future__ import annotations


class LandbridgeError(Exception):
    """Base of all errors that are the caller's to mend. The message is a sentence that says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(LandbridgeError):
    """An id that names nothing. `kind` is the id's noun, for instance `vpc` or `vpn-connection`.

    `where` says where it was looked for, if that is not everywhere: `in default VPC 'vpc-1'`.
    """

    def __init__(self, kind: str, identity: str, where: str = "") -> None:
        self.where = f" {where}" if where else ""
        super().__init__(f"The {kind} '{identity}' does not exist{self.where}")
        self.kind = kind
        self.identity = identity


class MalformedId(LandbridgeError):
    """Text that cannot be an id of that kind. `prefix` is what such ids begin with, if they have one."""

    def __init__(self, kind: str, identity: str, prefix: str = "") -> None:
        super().__init__(f"Invalid id: '{identity}' is not a {kind} id")
        self.kind = kind
        self.identity = identity
        self.prefix = prefix


class Invalid(LandbridgeError):
    """A parameter whose value cannot be accepted."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class Missing(LandbridgeError):
    """A parameter that has to be there and is not."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"The request must contain the parameter {parameter}")
        self.parameter = parameter


class Combination(LandbridgeError):
    """Parameters that do not go together."""


class Unsupported(LandbridgeError):
    """Something that AWS has and landbridge does not have in force yet."""


class InvalidVpcRange(LandbridgeError):
    """A VPC's CIDR outside /16 to /28."""


class CidrConflict(LandbridgeError):
    """A secondary CIDR that overlaps another CIDR of the VPC, or covers the destination of one of its routes."""


class CidrInUse(LandbridgeError):
    """A CIDR of a VPC that cannot go while a subnet lies in it."""


class DefaultVpcExists(LandbridgeError):
    """A second default VPC in a region."""


class NoDefaultVpc(LandbridgeError):
    """Something that takes place in the default VPC, which the region does not have."""


class DefaultSubnetExists(LandbridgeError):
    """A second default subnet in a zone."""


class NoDefaultSubnet(LandbridgeError):
    """Something that takes place in a default subnet, which the zone (or the whole VPC) does not have."""


class InvalidSubnetRange(LandbridgeError):
    """A subnet's CIDR outside its VPC's."""


class SubnetConflict(LandbridgeError):
    """A subnet's CIDR that overlaps another subnet of the VPC."""


class InsufficientAddresses(LandbridgeError):
    """No free address left in a subnet."""


class PoolExhausted(InsufficientAddresses):
    """No free address left in a pool of the whole service (outside addresses, inside CIDRs)."""


class AddressInUse(LandbridgeError):
    """An address that somebody has already."""


class Dependency(LandbridgeError):
    """Something cannot be deleted while other things depend on it."""


class WrongState(LandbridgeError):
    """The resource is not in a state that allows this (EC2's IncorrectState)."""


class VpcHasGateway(LandbridgeError):
    """The VPC has a virtual private gateway already."""


class GatewayHasVpc(LandbridgeError):
    """The virtual private gateway is attached to another VPC already."""


class VpnGatewayUnavailable(LandbridgeError):
    """The virtual private gateway is being deleted or not there yet."""


class CustomerGatewayUnavailable(LandbridgeError):
    """The customer gateway is being deleted or not there yet."""


class NotAttached(LandbridgeError):
    """Detach of a virtual private gateway that is not attached to that VPC."""


class GatewayNotAttached(LandbridgeError):
    """A gateway used by a route table of a VPC that it is not attached to."""


class InterfaceInUse(LandbridgeError):
    """A network interface that an instance has, where one is asked for that is free."""


class NotPermitted(LandbridgeError):
    """Something that is never done, or not while an attribute forbids it (EC2's OperationNotPermitted)."""


class UnknownType(LandbridgeError):
    """What cannot be the name of an instance type."""


class AmbiguousInstance(LandbridgeError):
    """An instance was named where one interface is meant, and it has several."""


class AlreadyAssociated(LandbridgeError):
    """An internet gateway attached twice, a subnet associated twice."""


class ConnectionExists(LandbridgeError):
    """A different VPN connection between the two gateways exists."""


class InsideCidrInUse(LandbridgeError):
    """An inside CIDR that overlaps another tunnel of the same virtual private gateway."""


class ConnectionUnavailable(LandbridgeError):
    """The VPN connection is not in a state that allows this."""


class ConnectionIsDynamic(LandbridgeError):
    """Static routes were asked of a connection that learns its routes by BGP."""


class RouteExists(LandbridgeError):
    """The destination is in the route table already."""


class RouteNotFound(LandbridgeError):
    """The route table has no such route."""


class TokenMismatch(LandbridgeError):
    """A client token that was used before, for a different request."""


class ConnectionRouteNotFound(LandbridgeError):
    """The VPN connection has no such static route (EC2 has a code of its own for this)."""


class GroupExists(LandbridgeError):
    """The VPC has a security group of that name already."""


class GroupStays(LandbridgeError):
    """A VPC's default security group goes with the VPC, and not before."""


class RuleExists(LandbridgeError):
    """The security group has that rule already, perhaps with another description."""


class RuleNotFound(LandbridgeError):
    """The security group has no such rule."""


class OtherNetwork(LandbridgeError):
    """A security group of another VPC for an interface."""


class OtherVpc(LandbridgeError):
    """A rule of a security group names a group of another VPC."""


class VpcNotSpecified(LandbridgeError):
    """Something that takes place in a VPC, none was named, and the region has no default one."""


class AclEntryExists(LandbridgeError):
    """The network ACL has an entry of that number and direction already."""


class LimitExceeded(LandbridgeError):
    """One more than AWS's limit. `resource` names what there are too many of, e.g. `vpn-connection`."""

    def __init__(self, resource: str, message: str) -> None:
        super().__init__(message)
        self.resource = resource


class Conflict(LandbridgeError):
    """A name that is taken (lab sites, hosts, access keys)."""


class Unavailable(LandbridgeError):
    """landbridge itself cannot do it now: its state cannot be written. Nothing has changed."""


class OperatorError(Exception):
    """Something on this machine that its operator has to mend: a folder, a program, a driver's doing. Not a request's
    fault. The message is a sentence that says what to do."""
