"""Security group rules on the wire: EC2 writes them in three forms (IpPermissions, flat parameters, single rules)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from landbridge.api.aws.ec2.door import Desk, Params, Shape
from landbridge.api.aws.ec2.params import checked_id, network, network6, only, required, tag_list
from landbridge.control.security_group_rules import Permission
from landbridge.control.security_groups import NOUN, named
from landbridge.control.traffic import ANY, group_traffic, icmp_traffic, ports_traffic, protocol_name, shown_range
from landbridge.model.errors import Combination, Invalid, Missing, RuleNotFound, Unsupported
from landbridge.model.firewall import Prefix, SecurityGroup, SecurityGroupRule, Traffic
from landbridge.model.regions import partition

FLAT: Final = (
    "CidrIp",
    "FromPort",
    "ToPort",
    "IpProtocol",
    "SourceSecurityGroupName",
    "SourceSecurityGroupOwnerId",
)
"""The parameters of a single rule without a list, as the oldest clients send it."""
MAX_PERMISSIONS: Final = 1000


def wanted(desk: Desk, group: SecurityGroup, params: Params, *, new: bool) -> tuple[Permission, ...]:
    """The rules that a request is about, whichever way it writes them. `new`: they are to be, not to be found.

    Raises:
        Combination: both ways at once.
        Unsupported: a new rule about a prefix list.
        RuleNotFound: an old one about one, which cannot be there.
    """
    flat = [name for name in FLAT if params.get(name) is not None]
    given = params.get("IpPermissions") or ()
    if flat and given:
        raise Combination(f"The parameter ipPermissions may not be used in combination with {flat[0]}.")
    if flat:
        return tuple(_flat(desk, params))
    permissions = tuple(each for one in given for each in _permissions(desk, group, one, new=new))
    if len(permissions) > MAX_PERMISSIONS:
        raise Invalid("IpPermissions", f"{len(permissions)} rules are more than any security group can have.")
    return permissions


def _flat(desk: Desk, params: Params) -> Iterator[Permission]:
    source = params.get("SourceSecurityGroupName")
    if source is None:
        if params.get("SourceSecurityGroupOwnerId") is not None:
            raise Missing("SourceSecurityGroupName")
        traffic = group_traffic(required(params, "IpProtocol"), params.get("FromPort"), params.get("ToPort"))
        yield Permission(traffic=traffic, cidr=network(required(params, "CidrIp"), "CidrIp"))
        return
    if others := [name for name in FLAT[:4] if params.get(name) is not None]:
        raise Combination(
            f"The parameter SourceSecurityGroupName may not be used in combination with {others[0]}: it allows all of "
            "ICMP, TCP and UDP. Use IpPermissions."
        )
    _check_owner(desk, params.get("SourceSecurityGroupOwnerId"))
    peer = named(desk.scope, source).id
    for traffic in (icmp_traffic(ANY, ANY), ports_traffic("tcp", 0, 65535), ports_traffic("udp", 0, 65535)):
        yield Permission(traffic=traffic, peer_group_id=peer)


def _permissions(desk: Desk, group: SecurityGroup, given: Mapping[str, Any], *, new: bool) -> Iterator[Permission]:
    traffic = group_traffic(required(given, "IpProtocol"), given.get("FromPort"), given.get("ToPort"))
    if given.get("PrefixListIds"):
        _refuse_lists(new=new)
    ranges, pairs = given.get("IpRanges") or (), given.get("UserIdGroupPairs") or ()
    ranges6 = given.get("Ipv6Ranges") or ()
    if not (ranges or ranges6 or pairs):
        raise Missing("IpPermissions.IpRanges")
    for each in ranges:
        yield Permission(
            traffic=traffic,
            cidr=network(required(each, "CidrIp"), "CidrIp"),
            description=each.get("Description") or "",
        )
    for each in ranges6:
        yield Permission(
            traffic=traffic,
            cidr=network6(required(each, "CidrIpv6"), "CidrIpv6"),
            description=each.get("Description") or "",
        )
    for each in pairs:
        yield Permission(
            traffic=traffic, peer_group_id=_peer(desk, group, each), description=each.get("Description") or ""
        )


def one_rule(given: Mapping[str, Any]) -> Permission:
    """A SecurityGroupRuleRequest.

    Raises:
        Combination: not exactly one of addresses and a group.
    """
    if given.get("PrefixListId"):
        _refuse_lists(new=True)
    cidr, cidr6, peer = (given.get(name) or None for name in ("CidrIpv4", "CidrIpv6", "ReferencedGroupId"))
    if len([each for each in (cidr, cidr6, peer) if each is not None]) != 1:
        raise Combination("Specify exactly one of CidrIpv4, CidrIpv6 and ReferencedGroupId for a security group rule.")
    prefix: Prefix | None = network6(cidr6, "CidrIpv6") if cidr6 else None
    return Permission(
        traffic=group_traffic(required(given, "IpProtocol"), given.get("FromPort"), given.get("ToPort")),
        cidr=network(cidr, "CidrIpv4") if cidr else prefix,
        peer_group_id=checked_id(peer, NOUN) if peer else None,
        description=given.get("Description") or "",
    )


def _refuse_lists(*, new: bool) -> None:
    if new:
        raise Unsupported(
            "landbridge has no prefix lists in security groups. Give ranges or security groups. Nothing was changed."
        )
    raise RuleNotFound("The specified rule does not exist in this security group: it has none about a list.")


def _peer(desk: Desk, group: SecurityGroup, given: Mapping[str, Any]) -> str:
    only(given, "GroupId", "GroupName", "UserId", "Description", inert={"VpcId": group.vpc_id})
    _check_owner(desk, given.get("UserId"))
    if given.get("GroupId"):
        peer = desk.scope.get(SecurityGroup, checked_id(given["GroupId"], NOUN), NOUN)
        if given.get("GroupName") not in (None, "", peer.group_name):
            raise Combination(
                f"The group '{peer.id}' is not called '{given['GroupName'][:100]}'. Give its GroupId or its GroupName."
            )
        return peer.id
    return named(desk.scope, required(given, "GroupName")).id


def _check_owner(desk: Desk, account: str | None) -> None:
    if account not in (None, "", desk.account):
        raise Unsupported("landbridge has no VPC peering: a rule can name groups of your own account only.")


def grouped(rules: Iterable[SecurityGroupRule | Permission], account: str) -> list[Shape]:
    """An account's rules as IpPermissions: one for each kind of traffic, with all addresses and groups of it."""
    by_traffic: dict[Traffic, Shape] = {}
    for rule in rules:
        if rule.traffic not in by_traffic:
            ports = shown_range(rule.traffic)
            by_traffic[rule.traffic] = {
                "IpProtocol": protocol_name(rule.traffic.protocol),
                "FromPort": ports[0] if ports else None,
                "ToPort": ports[1] if ports else None,
                "IpRanges": [],
                "Ipv6Ranges": [],
                "PrefixListIds": [],
                "UserIdGroupPairs": [],
            }
        shown, said = by_traffic[rule.traffic], rule.description or None
        if rule.cidr is not None and rule.cidr.version == 6:
            shown["Ipv6Ranges"].append({"CidrIpv6": str(rule.cidr), "Description": said})
        elif rule.cidr is not None:
            shown["IpRanges"].append({"CidrIp": str(rule.cidr), "Description": said})
        else:
            pair = {"GroupId": rule.peer_group_id, "UserId": account, "Description": said}
            shown["UserIdGroupPairs"].append(pair)
    return list(by_traffic.values())


def rule_shape(rule: SecurityGroupRule) -> Shape:
    """A SecurityGroupRule. Where a protocol has no ports EC2 shows -1 here, and nothing in IpPermissions."""
    peer = {"GroupId": rule.peer_group_id, "UserId": rule.account}
    where = f"arn:{partition(rule.region)}:ec2:{rule.region}:{rule.account}"
    return _common(rule) | {
        "GroupOwnerId": rule.account,
        "ReferencedGroupInfo": peer if rule.peer_group_id else None,
        "Tags": tag_list(rule.tags),
        "SecurityGroupRuleArn": f"{where}:security-group-rule/{rule.id}",
    }


def revoked_shape(rule: SecurityGroupRule) -> Shape:
    """A RevokedSecurityGroupRule."""
    return _common(rule) | {"ReferencedGroupId": rule.peer_group_id}


def _common(rule: SecurityGroupRule) -> Shape:
    first, last = shown_range(rule.traffic) or (ANY, ANY)
    return {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group_id,
        "IsEgress": rule.egress,
        "IpProtocol": protocol_name(rule.traffic.protocol),
        "FromPort": first,
        "ToPort": last,
        "CidrIpv4": str(rule.cidr) if rule.cidr is not None and rule.cidr.version == 4 else None,
        "CidrIpv6": str(rule.cidr) if rule.cidr is not None and rule.cidr.version == 6 else None,
        "Description": rule.description or None,
    }
