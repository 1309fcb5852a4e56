"""EC2's way to say no: codes, HTTP statuses, the error document, and the one table from the domain's errors to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from landbridge.api.aws.xmltext import escape
from landbridge.model import errors as domain


class Ec2Error(Exception):
    """A refusal as clients get it: `code` is what they branch on, `message` a sentence, `status` the HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def error_xml(code: str, message: str, request_id: str) -> bytes:
    """EC2's error document. Root `Response` and `RequestID`, unlike every other answer: SDKs look for exactly this."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></Errors>"
        f"<RequestID>{escape(request_id)}</RequestID></Response>"
    ).encode()


def query_error_xml(namespace: str, error: Ec2Error, request_id: str) -> bytes:
    """The error document of the services that speak the plain query protocol (STS)."""
    at_fault = "Sender" if error.status < 500 else "Receiver"
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<ErrorResponse xmlns="{escape(namespace)}"><Error><Type>{at_fault}</Type><Code>{escape(error.code)}</Code>'
        f"<Message>{escape(error.message)}</Message></Error><RequestId>{escape(request_id)}</RequestId></ErrorResponse>"
    ).encode()


def dry_run() -> Ec2Error:
    """Raised by a handler instead of taking effect, after everything that could be refused was checked."""
    return Ec2Error("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)


def invalid_action(action: str) -> Ec2Error:
    """No such action in the service at all."""
    return Ec2Error("InvalidAction", f"The action {action[:100]} is not valid for this web service.")


def not_built(action: str) -> Ec2Error:
    """An action that AWS has and landbridge has not."""
    return Ec2Error("UnsupportedOperation", f"landbridge does not have the action {action}. Nothing was changed.")


def outside_ec2(error: Ec2Error) -> Ec2Error:
    """The refusal in the words of the services other than EC2, which call a key that there is not something else."""
    if error.code != "AuthFailure":
        return error
    return Ec2Error("InvalidClientTokenId", "The security token included in the request is invalid.", 403)


def internal_error(request_id: str) -> Ec2Error:
    """What a client is told about a crash: where to look, and nothing else."""
    return Ec2Error("InternalError", f"An internal error has occurred. The service's log has it as {request_id}.", 500)


# --- The table: what the domain calls it -> what EC2 calls it ---------------------------------------------------------

Code: TypeAlias = str | Callable[[Any], str]  # a code, or what finds it in the error's attributes
Text: TypeAlias = Callable[[Any], str]  # EC2's own sentence, where it has one; else the error's
Row: TypeAlias = tuple[Code, int] | tuple[Code, int, Text]

_SHOWN: Final = 100  # characters of what was sent


def _camel(noun: str) -> str:
    return "".join(part.capitalize() for part in noun.split("-"))


_NOT_FOUND: Final[Mapping[str, str]] = {
    "association": "InvalidAssociationID.NotFound",
    "route-table-association": "InvalidAssociationID.NotFound",
    "security-group": "InvalidGroup.NotFound",
    "security-group-rule": "InvalidSecurityGroupRuleId.NotFound",
    "network-acl-entry": "InvalidNetworkAclEntry.NotFound",
    "dhcp-options": "InvalidDhcpOptionID.NotFound",
    "elastic-ip": "InvalidAllocationID.NotFound",
    "vpc-cidr-association": "InvalidVpcCidrBlockAssociationID.NotFound",
    "elastic-association": "InvalidAssociationID.NotFound",
    "address": "InvalidAddress.NotFound",
    "network-acl-association": "InvalidAssociationID.NotFound",
    "volume": "InvalidVolume.NotFound",
    "key-pair": "InvalidKeyPair.NotFound",
    "nat-gateway": "NatGatewayNotFound",
    "vpc-endpoint": "InvalidVpcEndpointId.NotFound",
    "resource": "InvalidID",
}
_MALFORMED: Final[Mapping[str, str]] = {
    # EC2's own spelling: ID here, Id there (its list of error codes).
    "vpc": "InvalidVpcID.Malformed",
    "subnet": "InvalidSubnetID.Malformed",
    "resource": "InvalidID",
    "instance": "InvalidInstanceID.Malformed",
    "security-group": "InvalidGroupId.Malformed",
    "security-group-rule": "InvalidSecurityGroupRuleId.Malformed",
    # EC2 has no ...Malformed for these: an impossible id is one that is not there.
    "vpn-gateway": "InvalidVpnGatewayID.NotFound",
    "vpn-connection": "InvalidVpnConnectionID.NotFound",
    "gateway": "InvalidGatewayID.NotFound",
    "association": "InvalidAssociationID.NotFound",
    "vpc-cidr-association": "InvalidVpcCidrBlockAssociationID.NotFound",
    "network-acl-association": "InvalidAssociationID.NotFound",
    "elastic-association": "InvalidAssociationID.NotFound",
    "elastic-ip": "InvalidAllocationID.NotFound",
    "image": "InvalidAMIID.Malformed",
    "volume": "InvalidVolumeID.Malformed",
    "nat-gateway": "NatGatewayMalformed",
    "key-pair": "InvalidKeyPair.NotFound",
    "attachment": "InvalidAttachmentID.NotFound",
}
_CALLED: Final[Mapping[str, str]] = {
    # What EC2's sentences call a kind; the others are called `routeTable ID` for `route-table`.
    "dhcp-options": "dhcpOption ID",
    "elastic-association": "association ID",
    "elastic-ip": "allocation ID",
    "key-pair": "key pair",
    "network-acl-association": "association ID",
    "route-table-association": "association ID",
    "security-group": "security group",
    "security-group-rule": "security group rule ID",
    "volume": "volume",
    "vpc-cidr-association": "vpc CIDR block association ID",
}


def _not_found(error: domain.NotFound) -> str:
    return _NOT_FOUND.get(error.kind) or f"Invalid{_camel(error.kind)}ID.NotFound"


def _does_not_exist(error: domain.NotFound | domain.MalformedId) -> str:
    identity = error.identity[:_SHOWN]
    match error.kind:
        case "resource":
            return f"The ID '{identity}' is not valid"
        case "address":
            return f"Address '{identity}' not found."
    camel = _camel(error.kind)
    where = error.where if isinstance(error, domain.NotFound) else ""
    return f"The {_CALLED.get(error.kind, f'{camel[0].lower()}{camel[1:]} ID')} '{identity}' does not exist{where}"


def _malformed(error: domain.MalformedId) -> str:
    return _MALFORMED.get(error.kind) or f"Invalid{_camel(error.kind)}Id.Malformed"


def _is_no_id(error: domain.MalformedId) -> str:
    if not _malformed(error).endswith(".Malformed"):
        return _does_not_exist(error)
    expected = f' (expecting "{error.prefix}-...")' if error.prefix else ""
    return f'Invalid id: "{error.identity[:_SHOWN]}"{expected}'


def _limit(error: domain.LimitExceeded) -> str:
    return f"{_camel(error.resource)}LimitExceeded"


DOMAIN_ERRORS: Final[Mapping[type[domain.LandbridgeError], Row]] = {
    domain.NotFound: (_not_found, 400, _does_not_exist),
    domain.MalformedId: (_malformed, 400, _is_no_id),
    domain.Invalid: ("InvalidParameterValue", 400),
    domain.Missing: ("MissingParameter", 400),
    domain.Combination: ("InvalidParameterCombination", 400),
    domain.Unsupported: ("UnsupportedOperation", 400),
    domain.InvalidVpcRange: ("InvalidVpc.Range", 400),
    domain.CidrConflict: ("CidrConflict", 400),
    domain.CidrInUse: ("InvalidCidrBlock.InUse", 400),
    domain.DefaultVpcExists: ("DefaultVpcAlreadyExists", 400),
    domain.NoDefaultVpc: ("DefaultVpcDoesNotExist", 400),
    domain.VpcNotSpecified: ("VPCIdNotSpecified", 400),
    domain.DefaultSubnetExists: ("DefaultSubnetAlreadyExistsInAvailabilityZone", 400),
    domain.NoDefaultSubnet: ("MissingInput", 400),
    domain.InvalidSubnetRange: ("InvalidSubnet.Range", 400),
    domain.SubnetConflict: ("InvalidSubnet.Conflict", 400),
    domain.InsufficientAddresses: ("InsufficientFreeAddressesInSubnet", 400),
    domain.PoolExhausted: ("InsufficientAddressCapacity", 400),
    domain.AddressInUse: ("InvalidIPAddress.InUse", 400),
    domain.Dependency: ("DependencyViolation", 400),
    domain.WrongState: ("IncorrectState", 400),
    domain.VpcHasGateway: ("InvalidVpcState", 400),
    domain.GatewayHasVpc: ("VpnGatewayAttachmentLimitExceeded", 400),
    domain.VpnGatewayUnavailable: ("InvalidVpnGatewayState", 400),
    domain.CustomerGatewayUnavailable: ("InvalidCustomerGatewayState", 400),
    domain.NotAttached: ("InvalidVpnGatewayAttachment.NotFound", 400),
    domain.GatewayNotAttached: ("Gateway.NotAttached", 400),
    domain.InterfaceInUse: ("InvalidNetworkInterface.InUse", 400),
    domain.NotPermitted: ("OperationNotPermitted", 400),
    domain.UnknownType: ("InvalidInstanceType", 400),
    domain.AmbiguousInstance: ("InvalidInstanceID", 400),
    domain.AlreadyAssociated: ("Resource.AlreadyAssociated", 400),
    domain.ConnectionExists: ("InvalidOption.Conflict", 400),
    domain.InsideCidrInUse: ("InvalidCidr.InUse", 400),
    domain.ConnectionUnavailable: ("InvalidVpnConnection.InvalidState", 400),
    domain.ConnectionIsDynamic: ("InvalidVpnConnection.InvalidType", 400),
    domain.RouteExists: ("RouteAlreadyExists", 400),
    domain.RouteNotFound: ("InvalidRoute.NotFound", 400),
    domain.ConnectionRouteNotFound: ("InvalidRoute.Malformed", 400),
    domain.GroupExists: ("InvalidGroup.Duplicate", 400),
    domain.GroupStays: ("CannotDelete", 400),
    domain.RuleExists: ("InvalidPermission.Duplicate", 400),
    domain.RuleNotFound: ("InvalidPermission.NotFound", 400),
    domain.OtherNetwork: ("InvalidParameter", 400),
    domain.OtherVpc: ("InvalidGroup.NotFound", 400),
    domain.AclEntryExists: ("NetworkAclEntryAlreadyExists", 400),
    domain.TokenMismatch: ("IdempotentParameterMismatch", 400),
    domain.LimitExceeded: (_limit, 400),
    domain.Unavailable: ("ServiceUnavailable", 503),
    domain.Conflict: ("InvalidParameterValue", 400),
}


def from_domain(error: domain.LandbridgeError) -> Ec2Error:
    """The domain's error in EC2's words. KeyError if neither its class nor a base of it is in the table."""
    for kind in type(error).__mro__:
        if kind in DOMAIN_ERRORS:
            code, status, *text = DOMAIN_ERRORS[kind]
            message = text[0](error) if text else error.message
            return Ec2Error(code if isinstance(code, str) else code(error), message, status)
    raise KeyError(type(error).__name__)
