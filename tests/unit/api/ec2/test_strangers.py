"""Accounts and regions apart: whatever is asked, in whichever action, another's things are as if there were none.

Goes over every action in ACTIONS and every parameter that can name a thing. Three callers ask the same: by the id of a
thing of another account or region (a stranger's), by an id that nothing has, and by one of their own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from any_request import Handles, Path, ask, has_dry_run, places, request, requests, takes_a_token, with_value
from ec2_client import Ec2
from support import ACCOUNT, REGION, Cloud

from landbridge.api.aws.ec2.actions import ACTIONS

OTHER_ACCOUNT, OTHER_REGION = "999999999999", "us-west-2"
STRANGERS = [(OTHER_ACCOUNT, REGION), (ACCOUNT, OTHER_REGION)]
CANARY = "canary-of-the-owner"

_ID = re.compile(r"\b([a-z]+(?:-[a-z]+)*)-([0-9a-f]{17})\b")
_PUBLIC = re.compile(r"<publicIp>([0-9.]+)</publicIp>")

# What answers to everybody alike, and names nothing that somebody made.
OF_THE_SERVICE = {"DescribeAvailabilityZones", "DescribeRegions", "DescribeAccountAttributes"}

# An action that is not built refuses whoever asks before it looks at an id; so does a parameter that is not in force.
NOT_BUILT = {"UnsupportedOperation", "UnknownParameter"}


@dataclass
class Neighbours:
    """One service with three tenants, furnished alike: an owner and two strangers to it."""

    cloud: Cloud
    own: Mapping[tuple[str, str], Handles]
    """One of each, fitting together."""

    @cached_property
    def all_own(self) -> Mapping[tuple[str, str], Mapping[str, list[str]]]:
        """All that there is, by the prefix of its id."""
        return {who: everything_of(Ec2(self.cloud, *who)) for who in self.own}

    def ask(self, who: tuple[str, str], action: str, parameters: Mapping[str, Any]) -> tuple[str, str]:
        return ask(self.cloud, *who, action, parameters)


OWNER = (ACCOUNT, REGION)


@pytest.fixture(scope="module")
def street() -> Neighbours:
    cloud = Cloud()
    made = {who: furnish(Ec2(cloud, *who)) for who in (OWNER, *STRANGERS)}
    mark(Ec2(cloud, *OWNER))
    return Neighbours(cloud, made)


def furnish(ec2: Ec2) -> Handles:
    """One of each that there can be, fitting together; the caller's handles of them."""
    vpc = ec2("CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2("CreateSubnet", VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    table = ec2("DescribeRouteTables")["RouteTables"][0]["RouteTableId"]
    internet = ec2("CreateInternetGateway")["InternetGateway"]["InternetGatewayId"]
    ec2("AttachInternetGateway", InternetGatewayId=internet, VpcId=vpc)
    ec2("CreateRoute", RouteTableId=table, DestinationCidrBlock="10.250.0.0/16", GatewayId=internet)
    ec2("AssociateRouteTable", RouteTableId=table, SubnetId=subnet)
    vpn = ec2("CreateVpnGateway", Type="ipsec.1")["VpnGateway"]["VpnGatewayId"]
    ec2("AttachVpnGateway", VpnGatewayId=vpn, VpcId=vpc)
    customer = ec2("CreateCustomerGateway", Type="ipsec.1", IpAddress="203.0.113.77", BgpAsn=65_000)
    connection = ec2(
        "CreateVpnConnection",
        Type="ipsec.1",
        CustomerGatewayId=customer["CustomerGateway"]["CustomerGatewayId"],
        VpnGatewayId=vpn,
        Options={"StaticRoutesOnly": True},
    )["VpnConnection"]["VpnConnectionId"]
    ec2("CreateVpnConnectionRoute", VpnConnectionId=connection, DestinationCidrBlock="192.168.70.0/24")
    launched = ec2("RunInstances", ImageId="ami-1", MinCount=1, MaxCount=1, SubnetId=subnet)
    made: dict[str, dict[str, Any]] = {}
    for action, parameters in {
        "CreateNetworkInterface": {"SubnetId": subnet},
        "AllocateAddress": {"Domain": "vpc"},
        "CreateDhcpOptions": {"DhcpConfigurations": [{"Key": "domain-name", "Values": ["example.net"]}]},
        "CreateSecurityGroup": {"GroupName": "web", "Description": "web", "VpcId": vpc},
        "CreateNetworkAcl": {"VpcId": vpc},
    }.items():
        if action in ACTIONS:
            made[action] = ec2(action, **parameters)
    if "AssociateAddress" in ACTIONS:
        interface = made["CreateNetworkInterface"]["NetworkInterface"]["NetworkInterfaceId"]
        ec2("AssociateAddress", AllocationId=made["AllocateAddress"]["AllocationId"], NetworkInterfaceId=interface)
    chosen = {"eni": launched["Instances"][0]["NetworkInterfaces"][0]["NetworkInterfaceId"]}
    if "CreateSecurityGroup" in made:
        chosen["sg"] = group = made["CreateSecurityGroup"]["GroupId"]
        itself = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group}]}
        ec2("AuthorizeSecurityGroupEgress", GroupId=group, IpPermissions=[itself])
        rules = ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[itself])["SecurityGroupRules"]
        chosen["sgr"] = rules[0]["SecurityGroupRuleId"]
    return {prefix: found[0] for prefix, found in everything_of(ec2).items()} | chosen


def everything_of(ec2: Ec2) -> Mapping[str, list[str]]:
    """What the caller can name its things by, as its answers show them."""
    shown = everything_shown_to(ec2)
    found: dict[str, list[str]] = defaultdict(list)
    for prefix, digits in dict.fromkeys(_ID.findall(shown)):
        found[prefix].append(f"{prefix}-{digits}")
    for address in dict.fromkeys(_PUBLIC.findall(shown)):
        found["ip"].append(address)
    return found


def everything_shown_to(ec2: Ec2) -> str:
    described = {name: ask(ec2.cloud, ec2.account, ec2.region, name, {}) for name in ACTIONS if is_a_list(name)}
    return "\n".join(document for code, document in described.values() if code == "ok")


def is_a_list(action: str) -> bool:
    """Whether the action shows what there is without being told which."""
    return action.startswith("Describe") and not request(action, {})


def mark(ec2: Ec2) -> None:
    """Tag all that can be tagged."""
    for prefix, digits in sorted(set(_ID.findall(everything_shown_to(ec2)))):
        parameters = {"Resources": [f"{prefix}-{digits}"], "Tags": [{"Key": "Name", "Value": CANARY}]}
        ask(ec2.cloud, ec2.account, ec2.region, "CreateTags", parameters)


def test_there_is_something_to_see(street: Neighbours) -> None:
    own = street.own[OWNER]
    assert {"vpc", "subnet", "rtb", "rtbassoc", "igw", "vgw", "cgw", "vpn", "i", "eni", "sg", "acl"} <= own.keys()
    assert everything_shown_to(Ec2(street.cloud, *OWNER)).count(CANARY) >= 10
    for stranger in STRANGERS:
        assert not set(own.values()) & set(street.own[stranger].values())


@pytest.mark.parametrize("stranger", STRANGERS, ids=["account", "region"])
@pytest.mark.parametrize("action", sorted(filter(is_a_list, ACTIONS)))
def test_nobody_is_shown_anothers_things(street: Neighbours, action: str, stranger: tuple[str, str]) -> None:
    code, shown = street.ask(stranger, action, {})
    assert code in {"ok", *NOT_BUILT}
    of_the_owner = {f"{prefix}-{digits}" for prefix, digits in _ID.findall(everything_shown_to_owner(street))}
    assert not {f"{prefix}-{digits}" for prefix, digits in _ID.findall(shown)} & of_the_owner
    assert CANARY not in shown
    account, region = stranger
    if account != ACCOUNT:
        assert ACCOUNT not in shown
    if region != REGION and action != "DescribeRegions":
        assert REGION not in shown


@pytest.mark.parametrize("who", [OWNER, *STRANGERS])
def test_owners_and_arns_are_the_callers_own(street: Neighbours, who: tuple[str, str]) -> None:
    account, region = who
    shown = everything_shown_to(Ec2(street.cloud, *who))
    assert set(re.findall(r"\b[0-9]{12}\b", shown)) == {account}
    arns = re.findall(r"arn:[^<]*", shown)
    assert arns
    assert all(arn.startswith(f"arn:aws:ec2:{region}:{account}:") for arn in arns)


@pytest.mark.parametrize("action", sorted(name for name in ACTIONS if takes_a_token(name)))
def test_a_client_token_is_its_callers_own(street: Neighbours, action: str) -> None:
    made: list[set[str]] = []
    before = street.cloud.snapshot
    for who in (OWNER, *STRANGERS):
        parameters = request(action, street.own[who]) | {"ClientToken": "the-same"}
        known = set(_ID.findall(everything_shown_to(Ec2(street.cloud, *who))))
        first, again = street.ask(who, action, parameters), street.ask(who, action, parameters)
        if first[0] in NOT_BUILT:
            continue
        assert first[0] == again[0] == "ok", first
        new = set(_ID.findall(first[1])) - known
        assert new == set(_ID.findall(again[1])) - known, "asking again makes nothing"
        made.append({f"{prefix}-{digits}" for prefix, digits in new})
    street.cloud.control._snapshot = before
    assert not made or (all(made) and not set.intersection(*made))


def everything_shown_to_owner(street: Neighbours) -> str:
    return everything_shown_to(Ec2(street.cloud, *OWNER))


@pytest.mark.parametrize("stranger", [("111111111111", REGION), (ACCOUNT, "sa-east-1")], ids=["account", "region"])
@pytest.mark.parametrize("action", sorted(set(filter(is_a_list, ACTIONS)) - OF_THE_SERVICE))
def test_who_has_nothing_is_shown_nothing(street: Neighbours, action: str, stranger: tuple[str, str]) -> None:
    code, shown = street.ask(stranger, action, {})
    assert code in {"ok", *NOT_BUILT}
    assert "<item>" not in shown


@dataclass(frozen=True)
class Answers:
    """How an action answers to one parameter being another's, nobody's and one's own."""

    anothers: tuple[str, str]
    nobodys: tuple[str, str]
    ones_own: list[tuple[str, str]]


def answers(
    street: Neighbours, who: tuple[str, str], action: str, parameters: Mapping[str, Any], place: Path, prefix: str
) -> Answers:
    """The id's digits are left out of messages: they are all that may differ."""
    own, anothers = street.all_own[who].get(prefix, []), street.own[OWNER][prefix]
    nobodys = "192.0.2.1" if prefix == "ip" else f"{prefix}-0123456789abcdef0"

    def given(handle: str, **more: Any) -> tuple[str, str]:
        code, said = street.ask(who, action, with_value(parameters, place, handle) | more)
        return code, said.replace(handle, "ID")

    before = street.cloud.snapshot
    of_others = given(anothers), given(nobodys)
    assert street.cloud.snapshot is before, "nothing has changed"
    ones_own = []
    for handle in own:
        ones_own.append(given(handle, **({"DryRun": True} if has_dry_run(action) else {})))
        street.cloud.control._snapshot = before
    return Answers(*of_others, ones_own)


# A customer gateway's address is nobody's here; EC2 itself wants addresses in VPCs released by their allocation; and
# these groups go by name (test_ec2_default_vpc.py).
FREE = {
    ("CreateCustomerGateway", ("PublicIp",)),
    ("ReleaseAddress", ("PublicIp",)),
    ("RunInstances", ("SecurityGroups", 0)),
}
EVERYWHERE = [(action, place) for action in sorted(ACTIONS) for place in places(action) if (action, place) not in FREE]


@pytest.mark.parametrize("stranger", STRANGERS, ids=["account", "region"])
@pytest.mark.parametrize(
    ("action", "place"), EVERYWHERE, ids=[f"{action}-{'.'.join(map(str, place))}" for action, place in EVERYWHERE]
)
def test_anothers_thing_is_no_thing(street: Neighbours, action: str, place: Path, stranger: tuple[str, str]) -> None:
    said: set[tuple[str, str]] = set()
    proved = False
    for parameters in requests(action, street.own[stranger]):
        seen = [answers(street, stranger, action, parameters, place, prefix) for prefix in street.own[OWNER]]
        for answer in seen:
            assert answer.anothers == answer.nobodys
            assert answer.anothers[0] not in {"ok", "DryRunOperation"}
        proved = proved or any(code != answer.nobodys[0] for answer in seen for code, _ in answer.ones_own)
        proved = proved or all(answer.anothers[0] in NOT_BUILT for answer in seen)
        said |= {own for answer in seen for own in answer.ones_own}
    assert proved, (
        "One's own thing gets the same answer, so nothing is proved here: say in NEEDS in tests/unit/any_request.py "
        f"what {action} takes besides. It said {said}"
    )


def test_most_actions_were_asked() -> None:
    assert len(EVERYWHERE) >= 60
