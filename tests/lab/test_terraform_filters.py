"""Security groups and network ACLs by the real Terraform: made, unchanged, changed in place, imported, taken away."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest
from cloud import Subnet, Vpc
from recorder import Recorder
from shell import eventually
from terraform import Terraform, pointed, provider, required
from world import World

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1200)]

CONFIGURATION = (
    provider("us-east-1")
    + """
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_subnet" "app" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}

resource "aws_subnet" "back" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.2.0/24"
}

resource "aws_default_security_group" "default" {
  vpc_id = aws_vpc.main.id
  ingress {
    protocol  = "-1"
    from_port = 0
    to_port   = 0
    self      = true
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "web" {
  name        = "web"
  description = "inline rules"
  vpc_id      = aws_vpc.main.id
  ingress {
    description = "http"
    protocol    = "tcp"
    from_port   = PORT
    to_port     = PORT
    cidr_blocks = ["10.0.0.0/8", "192.168.0.0/16"]
  }
  ingress {
    protocol        = "icmp"
    from_port       = 8
    to_port         = -1
    security_groups = [aws_default_security_group.default.id]
  }
  ingress {
    protocol    = "50"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["10.0.0.0/8"]
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
  tags = { Name = "web" }
}

resource "aws_security_group" "db" {
  name_prefix = "db-"
  vpc_id      = aws_vpc.main.id
}

resource "aws_security_group_rule" "db" {
  type                     = "ingress"
  security_group_id        = aws_security_group.db.id
  protocol                 = "tcp"
  from_port                = 5432
  to_port                  = 5432
  source_security_group_id = aws_security_group.web.id
}

resource "aws_vpc_security_group_ingress_rule" "db" {
  security_group_id            = aws_security_group.db.id
  referenced_security_group_id = aws_default_security_group.default.id
  ip_protocol                  = "icmp"
  from_port                    = 8
  to_port                      = 0
  description                  = "pings"
  tags                         = { Name = "pings" }
}

resource "aws_vpc_security_group_egress_rule" "db" {
  security_group_id = aws_security_group.db.id
  cidr_ipv4         = "10.0.0.0/16"
  ip_protocol       = "-1"
}

resource "aws_network_acl" "app" {
  vpc_id     = aws_vpc.main.id
  subnet_ids = [aws_subnet.app.id]
  ingress {
    rule_no    = 100
    action     = "allow"
    protocol   = "icmp"
    cidr_block = "10.0.0.0/8"
    icmp_type  = -1
    icmp_code  = -1
    from_port  = 0
    to_port    = 0
  }
  ingress {
    rule_no    = 110
    action     = "ACTION"
    protocol   = "tcp"
    cidr_block = "0.0.0.0/0"
    from_port  = 1024
    to_port    = 65535
  }
  egress {
    rule_no    = 100
    action     = "allow"
    protocol   = "-1"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
}

resource "aws_network_acl" "back" {
  vpc_id = aws_vpc.main.id
}

resource "aws_network_acl_association" "back" {
  network_acl_id = aws_network_acl.back.id
  subnet_id      = aws_subnet.back.id
}

resource "aws_network_acl_rule" "back" {
  for_each       = { in = false, out = true }
  network_acl_id = aws_network_acl.back.id
  rule_number    = 100
  egress         = each.value
  protocol       = "-1"
  rule_action    = "allow"
  cidr_block     = "10.0.0.0/8"
}

resource "aws_default_network_acl" "default" {
  default_network_acl_id = aws_vpc.main.default_network_acl_id
  lifecycle { ignore_changes = [subnet_ids] }
}

output "vpc" { value = aws_vpc.main.id }
output "app" { value = aws_subnet.app.id }
output "back" { value = aws_subnet.back.id }
output "web" { value = aws_security_group.web.id }
output "db" { value = aws_security_group.db.id }
output "rule" { value = aws_vpc_security_group_ingress_rule.db.id }
output "acl" { value = aws_network_acl.app.id }
"""
)


def test_groups_and_acls_come_stay_change_and_go() -> None:
    required()
    with World() as world, Recorder("filters", CONFIGURATION, world.url) as recorder:
        text = pointed(CONFIGURATION, recorder.url, world.state)

        def configured(port: int, action: str) -> str:
            return text.replace("PORT", str(port)).replace("ACTION", action)

        folder = world.folder / "terraform"
        terraform = Terraform(folder, configured(80, "allow"), recorder)
        terraform.apply()
        terraform.plan_is_empty()
        made = terraform.outputs()

        terraform.rewrite(configured(8080, "deny"))
        terraform.apply(phase="change")
        terraform.plan_is_empty()
        (group,) = world.ec2.describe_security_groups(GroupIds=[made["web"]])["SecurityGroups"]
        assert {p.get("FromPort") for p in group["IpPermissions"] if p["IpProtocol"] == "tcp"} == {8080}
        assert terraform.outputs()["web"] == made["web"], "in place"

        imported = {
            "aws_security_group.web": made["web"],
            "aws_vpc_security_group_ingress_rule.db": made["rule"],
            "aws_network_acl.app": made["acl"],
        }
        terraform.run("state", "rm", *imported)
        blocks = (f'import {{\n  to = {to}\n  id = "{found}"\n}}\n' for to, found in imported.items())
        (folder / "imports.tf").write_text("".join(blocks))
        done = terraform.run("apply", "-auto-approve", phase="import")
        assert "3 imported, 0 added, 0 changed, 0 destroyed" in done.stdout

        vpc = Vpc(world.cloud, made["vpc"], IPv4Network("10.0.0.0/16"))
        app = Subnet(vpc, made["app"], IPv4Network("10.0.1.0/24"))
        back = Subnet(vpc, made["back"], IPv4Network("10.0.2.0/24"))
        web = app.instance("web", SecurityGroupIds=[made["web"]])
        default, db = back.instance("default"), back.instance("db", SecurityGroupIds=[made["db"]])
        assert default.reaches(web)
        assert default.reaches(db)
        assert web.cannot_reach(db), "the group lets PostgreSQL in, and no pings"
        assert web.gets_through_to(default.address, at=web), "a packet leaves"
        assert web.cannot_reach(default)

        world.ec2.terminate_instances(InstanceIds=[web.id, default.id, db.id])
        eventually(
            lambda: not world.ec2.describe_network_interfaces()["NetworkInterfaces"], "their interfaces are gone"
        )
        terraform.destroy()
        assert world.status()["vpcs"] == []
        assert world.ec2.describe_security_group_rules()["SecurityGroupRules"] == []
