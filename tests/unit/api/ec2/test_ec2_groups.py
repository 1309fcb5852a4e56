"""Security groups and their rules as a client of EC2 meets them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from ec2_client import Ec2, vpc_of
from hypothesis import given
from hypothesis import strategies as st
from support import ACCOUNT, REGION, Cloud

from landbridge.api.aws.errors import Ec2Error
from landbridge.control import limits
from landbridge.control.security_group_rules import MAX_RULES

UNKNOWN = "0123456789abcdef0"
ANYWHERE = "0.0.0.0/0"


@pytest.fixture
def ec2() -> Ec2:
    return Ec2(Cloud())


@pytest.fixture
def vpc(ec2: Ec2) -> str:
    return vpc_of(ec2)


@pytest.fixture
def group(ec2: Ec2, vpc: str) -> str:
    return group_of(ec2, vpc)


def group_of(ec2: Ec2, vpc: str, name: str = "web") -> str:
    return str(ec2("CreateSecurityGroup", GroupName=name, Description="for the tests", VpcId=vpc)["GroupId"])


def default_of(ec2: Ec2, vpc: str) -> dict[str, Any]:
    named = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    (found,) = ec2("DescribeSecurityGroups", Filters=named)["SecurityGroups"]
    return dict(found)


def shown(ec2: Ec2, group: str) -> dict[str, Any]:
    (found,) = ec2("DescribeSecurityGroups", GroupIds=[group])["SecurityGroups"]
    return dict(found)


def rules_of(ec2: Ec2, group: str) -> list[dict[str, Any]]:
    found = ec2("DescribeSecurityGroupRules", Filters=[{"Name": "group-id", "Values": [group]}])
    return list(found["SecurityGroupRules"])


def tcp(first: int, last: int | None = None, *cidrs: str) -> dict[str, Any]:
    ranges = [{"CidrIp": cidr} for cidr in cidrs or ("10.0.0.0/8",)]
    return {"IpProtocol": "tcp", "FromPort": first, "ToPort": last or first, "IpRanges": ranges}


def test_the_default_group_is_the_one_that_aws_makes(ec2: Ec2, vpc: str) -> None:
    found = default_of(ec2, vpc)
    group = found["GroupId"]
    empty = {"IpProtocol": "-1", "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": []}
    assert found == {
        "GroupId": group,
        "GroupName": "default",
        "Description": "default VPC security group",
        "VpcId": vpc,
        "OwnerId": ACCOUNT,
        "SecurityGroupArn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{group}",
        "IpPermissions": [empty | {"UserIdGroupPairs": [{"GroupId": group, "UserId": ACCOUNT}]}],
        "IpPermissionsEgress": [empty | {"IpRanges": [{"CidrIp": ANYWHERE}]}],
        "Tags": [],
    }
    inward, outward = sorted(rules_of(ec2, group), key=lambda rule: rule["IsEgress"])
    assert inward["ReferencedGroupInfo"] == {"GroupId": group, "UserId": ACCOUNT}
    assert outward["CidrIpv4"] == ANYWHERE
    assert {(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in (inward, outward)} == {("-1", -1, -1)}


def test_a_new_group_lets_everything_out_and_nothing_in(ec2: Ec2, vpc: str) -> None:
    tags = [{"Key": "Name", "Value": "web"}]
    made = ec2(
        "CreateSecurityGroup",
        GroupName="web ",
        Description="the web servers",
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )
    group = made["GroupId"]
    assert made["Tags"] == tags
    assert made["SecurityGroupArn"].endswith(f":security-group/{group}")
    found = shown(ec2, group)
    assert (found["GroupName"], found["IpPermissions"]) == ("web", [])
    assert [each["IpRanges"] for each in found["IpPermissionsEgress"]] == [[{"CidrIp": ANYWHERE}]]
    assert ec2("DeleteSecurityGroup", GroupId=group) == {"Return": True, "GroupId": group}
    assert ec2.code("DescribeSecurityGroups", GroupIds=[group]) == "InvalidGroup.NotFound"
    assert rules_of(ec2, group) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"GroupName": "default"}, "InvalidParameterValue"),
        ({"GroupName": "sg-12345678"}, "InvalidParameterValue"),
        ({"GroupName": "naïve"}, "InvalidParameterValue"),
        ({"GroupName": "x" * 256}, "InvalidParameterValue"),
        ({"GroupName": " "}, "MissingParameter"),
        ({"Description": "it's"}, "InvalidParameterValue"),
        ({"VpcId": "vpc-" + UNKNOWN}, "InvalidVpcID.NotFound"),
        ({"TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "a"}]}]}, "InvalidParameterValue"),
    ],
)
def test_groups_that_cannot_be(ec2: Ec2, vpc: str, change: dict[str, Any], code: str) -> None:
    assert ec2.code("CreateSecurityGroup", **{"GroupName": "web", "Description": "d", "VpcId": vpc} | change) == code


def test_a_name_is_taken_once_in_a_vpc(ec2: Ec2, vpc: str, group: str) -> None:
    again = {"GroupName": "web", "Description": "d"}
    assert ec2.code("CreateSecurityGroup", **again, VpcId=vpc) == "InvalidGroup.Duplicate"
    assert ec2.code("CreateSecurityGroup", **again) == "VPCIdNotSpecified"
    assert group_of(ec2, vpc_of(ec2, "10.1.0.0/16")) != group


def test_what_keeps_a_group(ec2: Ec2, vpc: str, group: str) -> None:
    assert ec2.code("DeleteSecurityGroup", GroupId=default_of(ec2, vpc)["GroupId"]) == "CannotDelete"
    other = group_of(ec2, vpc, "other")
    for one in (group, other):
        permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
        ec2("AuthorizeSecurityGroupIngress", GroupId=one, IpPermissions=[permission])
    assert ec2.code("DeleteSecurityGroup", GroupId=group) == "DependencyViolation"
    assert ec2.code("DeleteVpc", VpcId=vpc) == "DependencyViolation"
    ec2("DeleteSecurityGroup", GroupId=other)
    ec2("DeleteSecurityGroup", GroupId=group)  # that it names itself is no reason
    ec2("DeleteVpc", VpcId=vpc)
    assert ec2("DescribeSecurityGroupRules")["SecurityGroupRules"] == []


def test_authorize_answers_with_the_rules_and_describe_groups_them(ec2: Ec2, group: str) -> None:
    tags = [{"Key": "why", "Value": "tests"}]
    answer = ec2(
        "AuthorizeSecurityGroupIngress",
        GroupId=group,
        IpPermissions=[
            tcp(443, 443, "10.1.2.3/8", "192.168.0.0/16"),
            {"IpProtocol": "6", "FromPort": 443, "ToPort": 443, "UserIdGroupPairs": [{"GroupId": group}]},
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": ANYWHERE, "Description": "e"}]},
            {"IpProtocol": "50", "FromPort": 7, "ToPort": 7, "IpRanges": [{"CidrIp": ANYWHERE}]},
        ],
        TagSpecifications=[{"ResourceType": "security-group-rule", "Tags": tags}],
    )
    assert answer["Return"] is True
    rules = answer["SecurityGroupRules"]
    assert [(r["IpProtocol"], r["FromPort"], r["ToPort"], r.get("CidrIpv4")) for r in rules] == [
        ("tcp", 443, 443, "10.0.0.0/8"),
        ("tcp", 443, 443, "192.168.0.0/16"),
        ("tcp", 443, 443, None),
        ("icmp", 8, -1, ANYWHERE),
        ("50", -1, -1, ANYWHERE),
    ]
    assert all(r["GroupId"] == group and not r["IsEgress"] and r["Tags"] == tags for r in rules)
    assert rules[3]["Description"] == "e"
    ids = {r["SecurityGroupRuleId"] for r in rules}
    assert all(each.startswith("sgr-") for each in ids)
    assert len(ids) == 5

    permissions = {p["IpProtocol"]: p for p in shown(ec2, group)["IpPermissions"]}
    assert [r["CidrIp"] for r in permissions["tcp"]["IpRanges"]] == ["10.0.0.0/8", "192.168.0.0/16"]
    assert [p["GroupId"].startswith("sg-") for p in permissions["tcp"]["UserIdGroupPairs"]] == [True]
    assert permissions["icmp"]["IpRanges"] == [{"CidrIp": ANYWHERE, "Description": "e"}]
    assert "FromPort" not in permissions["50"]
    (one,) = ec2("DescribeSecurityGroupRules", SecurityGroupRuleIds=[rules[3]["SecurityGroupRuleId"]])[
        "SecurityGroupRules"
    ]
    assert one == rules[3]


def test_rules_have_tags(ec2: Ec2, group: str) -> None:
    (rule,) = rules_of(ec2, group)
    ec2("CreateTags", Resources=[rule["SecurityGroupRuleId"]], Tags=[{"Key": "a", "Value": "b"}])
    by_tag = [{"Name": "tag:a", "Values": ["b"]}]
    (found,) = ec2("DescribeSecurityGroupRules", Filters=by_tag)["SecurityGroupRules"]
    assert found["SecurityGroupRuleId"] == rule["SecurityGroupRuleId"]
    (tag,) = ec2("DescribeTags", Filters=[{"Name": "resource-type", "Values": ["security-group-rule"]}])["Tags"]
    assert (tag["ResourceId"], tag["Key"], tag["Value"]) == (rule["SecurityGroupRuleId"], "a", "b")


def test_the_flat_form(ec2: Ec2, group: str) -> None:
    flat = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}
    (rule,) = ec2("AuthorizeSecurityGroupIngress", GroupId=group, **flat)["SecurityGroupRules"]
    assert (rule["CidrIpv4"], rule["FromPort"]) == ("10.0.0.0/8", 22)
    gone = ec2("RevokeSecurityGroupIngress", GroupId=group, **flat)["RevokedSecurityGroupRules"]
    assert [r["SecurityGroupRuleId"] for r in gone] == [rule["SecurityGroupRuleId"]]


GOOD = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"IpProtocol": "tcpp"}, "InvalidParameterValue"),
        ({"IpProtocol": "256"}, "InvalidParameterValue"),
        ({"IpProtocol": "-2"}, "InvalidParameterValue"),
        ({"IpProtocol": "icmpv6", "FromPort": -1, "ToPort": -1}, "InvalidParameterValue"),
        ({"FromPort": 23}, "InvalidParameterValue"),
        ({"FromPort": -1, "ToPort": -1}, "InvalidParameterValue"),
        ({"ToPort": 65536}, "InvalidParameterValue"),
        ({"IpProtocol": "icmp", "FromPort": 256, "ToPort": -1}, "InvalidParameterValue"),
        ({"IpProtocol": "icmp", "FromPort": -1, "ToPort": 0}, "InvalidParameterValue"),
        ({"IpRanges": [{"CidrIp": "10.0.0.0"}]}, "InvalidParameterValue"),
        ({"IpRanges": [{"CidrIp": "10.0.0.0/33"}]}, "InvalidParameterValue"),
        ({"IpRanges": [{}]}, "MissingParameter"),
        ({"IpRanges": []}, "MissingParameter"),
        ({"IpRanges": [{"CidrIp": "10.0.0.0/8"}, {"CidrIp": "10.1.0.0/8"}]}, "InvalidParameterValue"),
        ({"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "<a>"}]}, "InvalidParameterValue"),
        ({"Ipv6Ranges": [{"CidrIpv6": "::/129"}]}, "InvalidParameterValue"),
        ({"Ipv6Ranges": [{"CidrIpv6": "10.0.0.0/8"}]}, "InvalidParameterValue"),
        ({"IpRanges": [], "Ipv6Ranges": [{"Description": "x"}]}, "MissingParameter"),
        ({"PrefixListIds": [{"PrefixListId": "pl-12345678"}]}, "UnsupportedOperation"),
        ({"UserIdGroupPairs": [{"GroupId": "sg-" + UNKNOWN}]}, "InvalidGroup.NotFound"),
        ({"UserIdGroupPairs": [{"GroupId": "x"}]}, "InvalidGroupId.Malformed"),
        ({"UserIdGroupPairs": [{"GroupName": "web"}]}, "VPCIdNotSpecified"),
        ({"UserIdGroupPairs": [{"GroupName": "default", "UserId": "999999999999"}]}, "UnsupportedOperation"),
        ({"UserIdGroupPairs": [{"GroupName": "default", "VpcPeeringConnectionId": "pcx-1"}]}, "UnsupportedOperation"),
    ],
)
def test_rules_that_cannot_be(ec2: Ec2, group: str, change: dict[str, Any], code: str) -> None:
    for action in ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"):
        assert ec2.code(action, GroupId=group, IpPermissions=[GOOD | change]) == code


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "MissingParameter"),
        ({"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2}, "MissingParameter"),
        ({"IpProtocol": "tcp", "CidrIp": ANYWHERE}, "InvalidParameterValue"),
        ({"CidrIp": ANYWHERE, "IpPermissions": [GOOD]}, "InvalidParameterCombination"),
        ({"CidrIp": ANYWHERE, "SourceSecurityGroupName": "default"}, "InvalidParameterCombination"),
        ({"SourceSecurityGroupName": "web"}, "VPCIdNotSpecified"),
        ({"SourceSecurityGroupOwnerId": ACCOUNT}, "MissingParameter"),
    ],
)
def test_requests_that_are_none(ec2: Ec2, group: str, given: dict[str, Any], code: str) -> None:
    assert ec2.code("AuthorizeSecurityGroupIngress", GroupId=group, **given) == code


def test_a_group_is_named_once(ec2: Ec2, group: str) -> None:
    assert ec2.code("AuthorizeSecurityGroupIngress", IpPermissions=[GOOD]) == "MissingParameter"
    assert ec2.code("DeleteSecurityGroup", GroupId=group, GroupName="web") == "InvalidParameterCombination"
    assert ec2.code("DeleteSecurityGroup") == "MissingParameter"


def test_a_rule_is_there_once(ec2: Ec2, group: str) -> None:
    ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[GOOD])
    again = GOOD | {"IpRanges": [{"CidrIp": "10.9.9.9/8", "Description": "the same"}]}
    authorize = "AuthorizeSecurityGroupIngress"
    assert ec2.code(authorize, GroupId=group, IpPermissions=[tcp(80), again]) == "InvalidPermission.Duplicate"
    ec2("AuthorizeSecurityGroupEgress", GroupId=group, IpPermissions=[GOOD])  # the other direction is another rule


def test_another_vpcs_group_is_none_of_ours(ec2: Ec2, group: str) -> None:
    other = group_of(ec2, vpc_of(ec2, "10.1.0.0/16"))
    permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other}]}
    assert ec2.code("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[permission]) == (
        "InvalidGroup.NotFound"
    )


def test_an_unknown_protocol_is_refused_in_ec2s_words(ec2: Ec2, group: str) -> None:
    refused = {"GroupId": group, "IpPermissions": [GOOD | {"IpProtocol": "foo"}]}
    expected = ("InvalidParameterValue", "Invalid value 'foo' for IP protocol. Unknown protocol.")
    assert ec2.said("AuthorizeSecurityGroupIngress", refused) == expected


def test_a_peers_id_and_name_have_to_be_of_one_group(ec2: Ec2, vpc: str, group: str) -> None:
    other = group_of(ec2, vpc, "other")

    def rule(**pair: str) -> dict[str, Any]:
        return {"GroupId": group, "IpPermissions": [{"IpProtocol": "-1", "UserIdGroupPairs": [pair]}]}

    for action in ("AuthorizeSecurityGroupIngress", "RevokeSecurityGroupIngress"):
        assert ec2.code(action, **rule(GroupId=other, GroupName="default")) == "InvalidParameterCombination"
        ec2(action, **rule(GroupId=other, GroupName="other"))


def test_sixty_rules_in_each_direction(ec2: Ec2, group: str) -> None:
    ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[tcp(n) for n in range(1, MAX_RULES + 1)])
    more = {"GroupId": group, "IpPermissions": [tcp(1000)]}
    assert ec2.code("AuthorizeSecurityGroupIngress", **more) == "RulesPerSecurityGroupLimitExceeded"
    many = [tcp(n) for n in range(1, MAX_RULES)]
    ec2("AuthorizeSecurityGroupEgress", GroupId=group, IpPermissions=many)  # with the one that it was made with: 60
    assert ec2.code("AuthorizeSecurityGroupEgress", **more) == "RulesPerSecurityGroupLimitExceeded"


def test_in_the_default_vpc_revoking_what_is_not_there_is_no_error(ec2: Ec2) -> None:
    """EC2 does what it can there and says what it could not."""
    vpc = ec2("CreateDefaultVpc")["Vpc"]["VpcId"]
    group = group_of(ec2, vpc, "mine")
    ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[GOOD])
    other = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group}]}
    answer = ec2("RevokeSecurityGroupIngress", GroupId=group, IpPermissions=[GOOD, other])
    assert answer["Return"] is True
    assert [each["FromPort"] for each in answer["RevokedSecurityGroupRules"]] == [22]
    (unknown,) = answer["UnknownIpPermissions"]
    assert (unknown["IpProtocol"], unknown["FromPort"], unknown["ToPort"]) == ("tcp", 80, 80)
    assert unknown["UserIdGroupPairs"] == [{"GroupId": group, "UserId": ACCOUNT}]
    again = ec2("RevokeSecurityGroupEgress", GroupId=group, IpPermissions=[GOOD])
    assert (again["RevokedSecurityGroupRules"], len(again["UnknownIpPermissions"])) == ([], 1)


def test_revoking_what_is_not_there(ec2: Ec2, vpc: str, group: str) -> None:
    revoke = "RevokeSecurityGroupIngress"
    assert ec2.code(revoke, GroupId=group, IpPermissions=[GOOD]) == "InvalidPermission.NotFound"
    # Terraform revokes the rule of IPv6 that AWS gives to some new groups, and takes exactly this for an answer.
    six = {"IpProtocol": "-1", "FromPort": 0, "ToPort": 0, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    assert ec2.code("RevokeSecurityGroupEgress", GroupId=group, IpPermissions=[six]) == "InvalidPermission.NotFound"
    assert ec2.code(revoke, GroupId=group) == "MissingParameter"
    unknown = {"GroupId": group, "SecurityGroupRuleIds": ["sgr-" + UNKNOWN]}
    assert ec2.code(revoke, **unknown) == "InvalidSecurityGroupRuleId.NotFound"
    assert ec2.code(revoke, GroupId=group, SecurityGroupRuleIds=["x"]) == "InvalidSecurityGroupRuleId.Malformed"
    (outward,) = rules_of(ec2, group)
    named = [outward["SecurityGroupRuleId"]]
    assert ec2.code(revoke, GroupId=group, SecurityGroupRuleIds=named) == "InvalidSecurityGroupRuleId.NotFound"
    other = group_of(ec2, vpc, "other")
    assert ec2.code("RevokeSecurityGroupEgress", GroupId=other, SecurityGroupRuleIds=named) == (
        "InvalidSecurityGroupRuleId.NotFound"
    )
    (gone,) = ec2("RevokeSecurityGroupEgress", GroupId=group, SecurityGroupRuleIds=named)["RevokedSecurityGroupRules"]
    assert (gone["CidrIpv4"], gone["IpProtocol"], gone["IsEgress"]) == (ANYWHERE, "-1", True)
    assert rules_of(ec2, group) == []


def test_terraform_empties_a_group_with_what_describe_showed(ec2: Ec2, vpc: str) -> None:
    found = default_of(ec2, vpc)
    ec2("RevokeSecurityGroupIngress", GroupId=found["GroupId"], IpPermissions=found["IpPermissions"])
    ec2("RevokeSecurityGroupEgress", GroupId=found["GroupId"], IpPermissions=found["IpPermissionsEgress"])
    assert rules_of(ec2, found["GroupId"]) == []


def test_modify_changes_rules_in_place(ec2: Ec2, vpc: str, group: str) -> None:
    added = ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[GOOD, tcp(80)])["SecurityGroupRules"]
    first, second = (rule["SecurityGroupRuleId"] for rule in added)

    def change(rule: str, **to: Any) -> dict[str, Any]:
        wanted = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "CidrIpv4": "10.1.0.0/16"} | to
        wanted = {name: value for name, value in wanted.items() if value is not None}
        return {"GroupId": group, "SecurityGroupRules": [{"SecurityGroupRuleId": rule, "SecurityGroupRule": wanted}]}

    modify = "ModifySecurityGroupRules"
    assert ec2(modify, **change(first, Description="names"))["Return"] is True
    by_id = {rule["SecurityGroupRuleId"]: rule for rule in rules_of(ec2, group)}
    assert (by_id[first]["IpProtocol"], by_id[first]["CidrIpv4"], by_id[first]["Description"]) == (
        "udp",
        "10.1.0.0/16",
        "names",
    )
    assert ec2.code(modify, **change(second)) == "InvalidPermission.Duplicate"
    assert ec2.code(modify, **change(second, CidrIpv4=None)) == "InvalidParameterCombination"
    assert ec2.code(modify, **change(second, CidrIpv4=None, ReferencedGroupId=group)) == "InvalidParameterValue"
    assert ec2.code(modify, **change(second, CidrIpv4=None, CidrIpv6="::/0")) == "InvalidParameterValue"
    assert ec2.code(modify, **change("sgr-" + UNKNOWN)) == "InvalidSecurityGroupRuleId.NotFound"
    swap = change(first, IpProtocol="tcp", FromPort=80, ToPort=80, CidrIpv4="10.0.0.0/8")
    swap["SecurityGroupRules"] += change(second, FromPort=54, ToPort=54)["SecurityGroupRules"]
    ec2(modify, **swap)  # what one rule lets go another may take, in one request


def test_descriptions_change_alone(ec2: Ec2, group: str) -> None:
    (rule,) = ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[GOOD])["SecurityGroupRules"]
    update = "UpdateSecurityGroupRuleDescriptionsIngress"
    named = GOOD | {"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "ssh"}]}
    assert ec2(update, GroupId=group, IpPermissions=[named])["Return"] is True
    assert shown(ec2, group)["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "10.0.0.0/8", "Description": "ssh"}]
    by_id = [{"SecurityGroupRuleId": rule["SecurityGroupRuleId"]}]
    ec2(update, GroupId=group, SecurityGroupRuleDescriptions=by_id)
    assert shown(ec2, group)["IpPermissions"][0]["IpRanges"] == [{"CidrIp": "10.0.0.0/8"}]
    assert ec2.code(update, GroupId=group, IpPermissions=[tcp(80)]) == "InvalidPermission.NotFound"
    outward = "UpdateSecurityGroupRuleDescriptionsEgress"
    assert ec2.code(outward, GroupId=group, IpPermissions=[named]) == "InvalidPermission.NotFound"
    assert ec2.code(update, GroupId=group) == "MissingParameter"


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("group-name", "we*", ["web"]),
        ("description", "for*", ["web"]),
        ("ip-permission.cidr", "10.0.0.0/8", ["web"]),
        ("ip-permission.from-port", "22", ["web"]),
        ("ip-permission.to-port", "23", ["web"]),
        ("ip-permission.protocol", "tcp", ["web"]),
        ("ip-permission.protocol", "-1", ["default"]),
        ("ip-permission.group-name", "default", ["default"]),
        ("ip-permission.user-id", ACCOUNT, ["default"]),
        ("ip-permission.ipv6-cidr", "*", []),
        ("ip-permission.prefix-list-id", "*", []),
        ("egress.ip-permission.cidr", ANYWHERE, ["default", "web"]),
        ("egress.ip-permission.from-port", "*", []),
        ("egress.ip-permission.protocol", "-1", ["default", "web"]),
        ("egress.ip-permission.group-id", "*", []),
        ("owner-id", ACCOUNT, ["default", "web"]),
    ],
)
def test_filters(ec2: Ec2, group: str, name: str, value: str, found: list[str]) -> None:
    ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[tcp(22, 23)])
    groups = ec2("DescribeSecurityGroups", Filters=[{"Name": name, "Values": [value]}])["SecurityGroups"]
    assert sorted(each["GroupName"] for each in groups) == found


def test_pages_of_rules(ec2: Ec2, group: str) -> None:
    ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[tcp(n) for n in range(1, 9)])
    first = ec2("DescribeSecurityGroupRules", MaxResults=6)
    second = ec2("DescribeSecurityGroupRules", MaxResults=6, NextToken=first["NextToken"])
    ids = [rule["SecurityGroupRuleId"] for page in (first, second) for rule in page["SecurityGroupRules"]]
    assert len(ids) == len(set(ids)) == 11
    assert "NextToken" not in second


def test_nobody_elses_groups(ec2: Ec2, group: str) -> None:
    other = Ec2(ec2.cloud, account="999999999999")
    assert other("DescribeSecurityGroups")["SecurityGroups"] == []
    assert other("DescribeSecurityGroupRules")["SecurityGroupRules"] == []
    assert other.code("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[GOOD]) == "InvalidGroup.NotFound"
    theirs = group_of(other, vpc_of(other))
    permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}
    assert other.code("AuthorizeSecurityGroupIngress", GroupId=theirs, IpPermissions=[permission]) == (
        "InvalidGroup.NotFound"
    )


_PERMISSIONS = st.builds(
    lambda kind, cidr: {"IpRanges": [{"CidrIp": cidr}]} | kind,
    st.one_of(
        st.builds(
            lambda name, a, b: {"IpProtocol": name, "FromPort": min(a, b), "ToPort": max(a, b)},
            st.sampled_from(["tcp", "udp", "6", "TCP"]),
            st.integers(0, 65535),
            st.integers(0, 65535),
        ),
        st.builds(
            lambda kind, code: {"IpProtocol": "icmp", "FromPort": kind, "ToPort": code if kind >= 0 else -1},
            st.integers(-1, 255),
            st.integers(-1, 255),
        ),
        st.builds(lambda number: {"IpProtocol": str(number)}, st.sampled_from([-1, 0, 2, 47, 50, 132, 255])),
    ),
    st.builds(
        lambda a, n: f"{a >> 24}.{a >> 16 & 255}.{a >> 8 & 255}.{a & 255}/{n}",
        st.integers(0, 2**32 - 1),
        st.integers(0, 32),
    ),
)


@given(st.lists(_PERMISSIONS, min_size=1, max_size=8))
def test_what_describe_shows_can_be_revoked_and_authorized_again(permissions: list[dict[str, Any]]) -> None:
    ec2 = Ec2(Cloud())
    group = group_of(ec2, vpc_of(ec2))
    for permission in permissions:
        with suppress(Ec2Error):  # the same one twice
            ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[permission])
    before = shown(ec2, group)["IpPermissions"]
    assert before
    ec2("RevokeSecurityGroupIngress", GroupId=group, IpPermissions=before)
    assert shown(ec2, group)["IpPermissions"] == []
    ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=before)
    assert shown(ec2, group)["IpPermissions"] == before


def test_there_is_an_end_of_groups(ec2: Ec2, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = vpc_of(ec2)
    monkeypatch.setattr(limits, "SECURITY_GROUPS", replace(limits.SECURITY_GROUPS, most=2))
    ec2("CreateSecurityGroup", GroupName="second", Description="with the default one", VpcId=vpc)
    third = {"GroupName": "third", "Description": "one too many", "VpcId": vpc}
    assert ec2.code("CreateSecurityGroup", **third) == "SecurityGroupLimitExceeded"


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_arns_have_the_partition_of_the_region(region: str, partition: str) -> None:
    ec2 = Ec2(Cloud(), region=region)
    vpc_of(ec2)
    (group,) = ec2("DescribeSecurityGroups")["SecurityGroups"]
    rules = ec2("DescribeSecurityGroupRules")["SecurityGroupRules"]
    found = [group["SecurityGroupArn"], *(rule["SecurityGroupRuleArn"] for rule in rules)]
    assert len(found) == 3
    assert all(arn.startswith(f"arn:{partition}:ec2:{region}:") for arn in found)


def test_rules_about_ipv6_are_kept_and_shown(ec2: Ec2, group: str) -> None:
    """Terraform's modules write them whether a VPC has IPv6 or not."""
    both = tcp(443) | {"Ipv6Ranges": [{"CidrIpv6": "2001:db8::1/32", "Description": "us"}, {"CidrIpv6": "::/0"}]}
    added = ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[both])["SecurityGroupRules"]
    assert [each.get("CidrIpv6") for each in added] == [None, "2001:db8::/32", "::/0"]
    assert "CidrIpv4" not in added[1]
    (permission,) = shown(ec2, group)["IpPermissions"]
    assert permission["Ipv6Ranges"] == [{"CidrIpv6": "2001:db8::/32", "Description": "us"}, {"CidrIpv6": "::/0"}]
    assert (
        ec2.code("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[both]) == "InvalidPermission.Duplicate"
    )
    for name, value, found in (("ipv6-cidr", "2001:db8::/32", [group]), ("cidr", "2001:*", []), ("cidr", "::/0", [])):
        answer = ec2("DescribeSecurityGroups", Filters=[{"Name": f"ip-permission.{name}", "Values": [value]}])
        assert [each["GroupId"] for each in answer["SecurityGroups"]] == found
    changed = {"IpProtocol": "icmpv6", "FromPort": 128, "ToPort": -1, "CidrIpv6": "fd00::/8"}
    rule_id = added[2]["SecurityGroupRuleId"]
    change = [{"SecurityGroupRuleId": rule_id, "SecurityGroupRule": changed}]
    ec2("ModifySecurityGroupRules", GroupId=group, SecurityGroupRules=change)
    (rule,) = ec2("DescribeSecurityGroupRules", SecurityGroupRuleIds=[rule_id])["SecurityGroupRules"]
    assert {name: rule[name] for name in changed} == changed
    gone = ec2("RevokeSecurityGroupIngress", GroupId=group, SecurityGroupRuleIds=[rule_id])["RevokedSecurityGroupRules"]
    assert gone[0]["CidrIpv6"] == "fd00::/8"
    one = tcp(443) | {"IpRanges": [], "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/32"}]}
    ec2("RevokeSecurityGroupIngress", GroupId=group, IpPermissions=[one])
    assert [each.get("CidrIpv4") for each in rules_of(ec2, group) if not each["IsEgress"]] == ["10.0.0.0/8"]
    of_all = {"IpProtocol": "58", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    (rule,) = ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[of_all])["SecurityGroupRules"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("icmpv6", -1, -1)


def test_sixty_rules_of_each_version_of_ip(ec2: Ec2, group: str) -> None:
    def six(port: int) -> dict[str, Any]:
        return tcp(port) | {"IpRanges": [], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}

    both = [rule for n in range(1, MAX_RULES + 1) for rule in (tcp(n), six(n))]
    ec2("AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=both)
    named = tcp(1000) | {"IpRanges": [], "UserIdGroupPairs": [{"GroupId": group}]}
    for more in (tcp(1000), six(1000), named):
        refused = {"GroupId": group, "IpPermissions": [more]}
        assert ec2.code("AuthorizeSecurityGroupIngress", **refused) == "RulesPerSecurityGroupLimitExceeded"
