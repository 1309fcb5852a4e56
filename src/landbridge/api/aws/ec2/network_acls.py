"""Network ACLs at the EC2 door."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from typing import Any, Final

from landbridge.api.aws.ec2.door import Action, Desk, Params, Shape
from landbridge.api.aws.ec2.filters import Field, select, yes
from landbridge.api.aws.ec2.paging import in_order_of_creation, page
from landbridge.api.aws.ec2.params import id_of, ids_of, network6, network_of, only, required, tag_list, tags_of
from landbridge.control import network_acls
from landbridge.control.network_acls import LAST, NOUN
from landbridge.control.traffic import (
    HAVE_PORTS,
    HAVE_TYPES,
    icmp_traffic,
    ports_traffic,
    protocol_name,
    protocol_number,
    shown_range,
)
from landbridge.model.errors import Combination, Invalid
from landbridge.model.firewall import EVERYTHING, AclEntry, NetworkAcl, Traffic

_ANYWHERE: Final = IPv4Network("0.0.0.0/0")
_ACTIONS: Final = {"allow": True, "deny": False}
_ENTRY: Final = (
    "NetworkAclId",
    "RuleNumber",
    "Protocol",
    "RuleAction",
    "Egress",
    "CidrBlock",
    "Ipv6CidrBlock",
    "IcmpTypeCode",
)


def create_network_acl(desk: Desk, params: Params) -> Shape:
    """CreateNetworkAcl."""
    only(params, "VpcId", "TagSpecifications", "ClientToken")
    token = params.get("ClientToken") or ""
    acl = desk.run(network_acls.CreateNetworkAcl(id_of(params, "VpcId", "vpc"), tags_of(params, NOUN), token))
    return {"NetworkAcl": shape(acl), "ClientToken": token or None}


def delete_network_acl(desk: Desk, params: Params) -> Shape:
    """DeleteNetworkAcl."""
    only(params, "NetworkAclId")
    desk.run(network_acls.DeleteNetworkAcl(id_of(params, "NetworkAclId", NOUN)))
    return {}


def create_network_acl_entry(desk: Desk, params: Params) -> Shape:
    """CreateNetworkAclEntry."""
    acl_id, entry = _entry_of(params)
    desk.run(network_acls.CreateNetworkAclEntry(acl_id, entry))
    return {}


def replace_network_acl_entry(desk: Desk, params: Params) -> Shape:
    """ReplaceNetworkAclEntry."""
    acl_id, entry = _entry_of(params)
    desk.run(network_acls.ReplaceNetworkAclEntry(acl_id, entry))
    return {}


def delete_network_acl_entry(desk: Desk, params: Params) -> Shape:
    """DeleteNetworkAclEntry."""
    only(params, "NetworkAclId", "RuleNumber", "Egress")
    acl_id = id_of(params, "NetworkAclId", NOUN)
    desk.run(network_acls.DeleteNetworkAclEntry(acl_id, required(params, "RuleNumber"), required(params, "Egress")))
    return {}


def replace_network_acl_association(desk: Desk, params: Params) -> Shape:
    """ReplaceNetworkAclAssociation."""
    only(params, "AssociationId", "NetworkAclId")
    association = id_of(params, "AssociationId", "network-acl-association")
    moved = desk.run(network_acls.ReplaceNetworkAclAssociation(association, id_of(params, "NetworkAclId", NOUN)))
    return {"NewAssociationId": moved.id}


def _entry_of(params: Params) -> tuple[str, AclEntry]:
    only(params, *_ENTRY, "PortRange")
    if params.get("CidrBlock") and params.get("Ipv6CidrBlock"):
        raise Combination("Give CidrBlock or Ipv6CidrBlock, not both.")
    six = params.get("Ipv6CidrBlock")
    action = required(params, "RuleAction")
    if action not in _ACTIONS:
        raise Invalid("RuleAction", f"Value ({action[:40]}) for parameter ruleAction is invalid. Use allow or deny.")
    return id_of(params, "NetworkAclId", NOUN), AclEntry(
        number=required(params, "RuleNumber"),
        egress=required(params, "Egress"),
        allow=_ACTIONS[action],
        traffic=_traffic(params),
        cidr=network6(six, "Ipv6CidrBlock") if six else network_of(params, "CidrBlock"),
    )


def _traffic(params: Params) -> Traffic:
    """AWS: ports count with TCP and UDP only, a type and code with ICMP only; both are required there."""
    number = protocol_number(required(params, "Protocol"))
    if number in HAVE_TYPES:
        kind = required(params, "IcmpTypeCode")
        return icmp_traffic(_part(kind, "IcmpTypeCode", "Type"), _part(kind, "IcmpTypeCode", "Code"), number)
    if number in HAVE_PORTS:
        ports = required(params, "PortRange")
        return ports_traffic(protocol_name(number), _part(ports, "PortRange", "From"), _part(ports, "PortRange", "To"))
    return Traffic(number)


def _part(given: Mapping[str, Any], name: str, part: str) -> int:
    return int(required({f"{name}.{part}": given.get(part)}, f"{name}.{part}"))


def all_entries(acl: NetworkAcl) -> Iterable[AclEntry]:
    """An ACL's entries with those that end it, which everybody has and nobody wrote; out of the subnets first."""
    for egress in (True, False):
        yield from (entry for entry in acl.entries if entry.egress == egress)
        yield AclEntry(number=LAST, egress=egress, allow=False, traffic=EVERYTHING, cidr=_ANYWHERE)


def _entry(entry: AclEntry) -> Shape:
    shown: Shape = {
        "CidrBlock" if entry.cidr.version == 4 else "Ipv6CidrBlock": str(entry.cidr),
        "Egress": entry.egress,
        "Protocol": "-1" if entry.traffic.protocol is None else str(entry.traffic.protocol),
        "RuleAction": "allow" if entry.allow else "deny",
        "RuleNumber": entry.number,
    }
    if found := shown_range(entry.traffic):
        if entry.traffic.protocol in HAVE_TYPES:
            shown["IcmpTypeCode"] = {"Type": found[0], "Code": found[1]}
        else:
            shown["PortRange"] = {"From": found[0], "To": found[1]}
    return shown


def shape(acl: NetworkAcl) -> Shape:
    """A NetworkAcl."""
    return {
        "NetworkAclId": acl.id,
        "VpcId": acl.vpc_id,
        "IsDefault": acl.default,
        "OwnerId": acl.account,
        "Entries": [_entry(entry) for entry in all_entries(acl)],
        "Associations": [
            {"NetworkAclAssociationId": each.id, "NetworkAclId": acl.id, "SubnetId": each.subnet_id}
            for each in acl.associations
        ],
        "Tags": tag_list(acl.tags),
    }


def _range(entry: AclEntry, place: int, *, icmp: bool) -> Iterable[str]:
    found = shown_range(entry.traffic) if (entry.traffic.protocol in HAVE_TYPES) == icmp else None
    return (str(found[place]),) if found else ()


def _entries(field: Field[AclEntry]) -> Field[NetworkAcl]:
    return lambda acl: (value for entry in all_entries(acl) for value in field(entry))


FILTERS: Final[Mapping[str, Field[NetworkAcl]]] = {
    "association.association-id": lambda a: (each.id for each in a.associations),
    "association.network-acl-id": lambda a: (a.id for _ in a.associations),
    "association.subnet-id": lambda a: (each.subnet_id for each in a.associations),
    "default": lambda a: yes(a.default),
    "entry.cidr": _entries(lambda e: (str(e.cidr),) if e.cidr.version == 4 else ()),
    "entry.egress": _entries(lambda e: yes(e.egress)),
    "entry.icmp.code": _entries(lambda e: _range(e, 1, icmp=True)),
    "entry.icmp.type": _entries(lambda e: _range(e, 0, icmp=True)),
    "entry.ipv6-cidr": _entries(lambda e: (str(e.cidr),) if e.cidr.version == 6 else ()),
    "entry.port-range.from": _entries(lambda e: _range(e, 0, icmp=False)),
    "entry.port-range.to": _entries(lambda e: _range(e, 1, icmp=False)),
    "entry.protocol": _entries(lambda e: {protocol_name(e.traffic.protocol), str(_entry(e)["Protocol"])}),
    "entry.rule-action": _entries(lambda e: ("allow" if e.allow else "deny",)),
    "entry.rule-number": _entries(lambda e: (str(e.number),)),
    "network-acl-id": lambda a: (a.id,),
    "owner-id": lambda a: (a.account,),
    "vpc-id": lambda a: (a.vpc_id,),
}
"""DescribeNetworkAcls' filters."""


def describe_network_acls(desk: Desk, params: Params) -> Shape:
    """DescribeNetworkAcls."""
    only(params, "NetworkAclIds", "Filters", "MaxResults", "NextToken")
    scope, ids = desk.scope, ids_of(params, "NetworkAclIds", NOUN)
    named = [scope.get(NetworkAcl, each, NOUN) for each in ids] if ids else scope.all(NetworkAcl)
    found = select(named, params.get("Filters"), FILTERS, lambda a: a.tags)
    shown, token = page(found, params, in_order_of_creation)
    desk.reads()
    return {"NetworkAcls": [shape(acl) for acl in shown], "NextToken": token}


ACTIONS: Final[Mapping[str, Action]] = {
    "CreateNetworkAcl": create_network_acl,
    "DeleteNetworkAcl": delete_network_acl,
    "DescribeNetworkAcls": describe_network_acls,
    "CreateNetworkAclEntry": create_network_acl_entry,
    "ReplaceNetworkAclEntry": replace_network_acl_entry,
    "DeleteNetworkAclEntry": delete_network_acl_entry,
    "ReplaceNetworkAclAssociation": replace_network_acl_association,
}
