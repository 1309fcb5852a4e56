"""The networks that people have in Terraform, without packets: every kind of resource and data source around a VPC and
its VPN side is applied, planned again, changed in place, imported and destroyed.
"""

from __future__ import annotations

import pytest
from recorder import Recorder
from terraform import Terraform, pointed, provider, required
from world import World

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]

CONFIGURATION = (
    provider("eu-central-1")
    + """
variable "step" {
  type    = number
  default = 1
}

data "aws_caller_identity" "me" {}
data "aws_region" "here" {}
data "aws_regions" "all" {}
data "aws_availability_zones" "here" { state = "available" }
data "aws_availability_zone" "second" { name = data.aws_availability_zones.here.names[1] }

resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = var.step == 2
  tags                 = { Name = "main", step = var.step }
}

resource "aws_vpc_ipv4_cidr_block_association" "later" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.2.0.0/16"
}

resource "aws_vpc_dhcp_options" "corp" {
  domain_name         = "corp.example"
  domain_name_servers = ["10.0.0.53", "10.0.0.54"]
  tags                = { step = var.step }
}

resource "aws_vpc_dhcp_options_association" "corp" {
  vpc_id          = aws_vpc.main.id
  dhcp_options_id = aws_vpc_dhcp_options.corp.id
}

resource "aws_subnet" "one" {
  vpc_id                  = aws_vpc.main.id
  cidr_block              = "10.0.1.0/24"
  availability_zone       = data.aws_availability_zone.second.name
  map_public_ip_on_launch = var.step == 2
}

resource "aws_subnet" "two" {
  vpc_id               = aws_vpc.main.id
  cidr_block           = "10.2.1.0/24"
  availability_zone_id = data.aws_availability_zones.here.zone_ids[2]
  depends_on           = [aws_vpc_ipv4_cidr_block_association.later]
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
  tags   = { step = var.step }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  tags   = { step = var.step }
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
}

resource "aws_route_table" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_main_route_table_association" "main" {
  vpc_id         = aws_vpc.main.id
  route_table_id = aws_route_table.main.id
}

resource "aws_route_table_association" "one" {
  subnet_id      = aws_subnet.one.id
  route_table_id = var.step == 2 ? aws_route_table.main.id : aws_route_table.public.id
}

resource "aws_route" "site" {
  route_table_id         = aws_route_table.main.id
  destination_cidr_block = "192.168.0.0/16"
  gateway_id             = var.step == 2 ? aws_internet_gateway.main.id : aws_vpn_gateway_attachment.main.vpn_gateway_id
}

resource "aws_vpn_gateway" "main" {
  amazon_side_asn = 64600
  tags            = { step = var.step }
}

resource "aws_vpn_gateway_attachment" "main" {
  vpc_id         = aws_vpc.main.id
  vpn_gateway_id = aws_vpn_gateway.main.id
}

resource "aws_vpn_gateway_route_propagation" "main" {
  vpn_gateway_id = aws_vpn_gateway_attachment.main.vpn_gateway_id
  route_table_id = aws_route_table.main.id
}

resource "aws_customer_gateway" "office" {
  type        = "ipsec.1"
  bgp_asn     = 65010
  ip_address  = "192.0.2.77"
  device_name = "office-1"
  tags        = { step = var.step }
}

resource "aws_customer_gateway" "large" {
  type             = "ipsec.1"
  bgp_asn_extended = 4200000100
  ip_address       = "192.0.2.78"
}

resource "aws_vpn_connection" "dynamic" {
  type                  = "ipsec.1"
  vpn_gateway_id        = aws_vpn_gateway.main.id
  customer_gateway_id   = aws_customer_gateway.large.id
  tunnel1_inside_cidr   = "169.254.8.0/30"
  tunnel2_inside_cidr   = "169.254.9.0/30"
  tunnel1_preshared_key = "First.key_1"
  tags                  = { step = var.step }
}

resource "aws_vpn_connection" "static" {
  type                = "ipsec.1"
  vpn_gateway_id      = aws_vpn_gateway.main.id
  customer_gateway_id = aws_customer_gateway.office.id
  static_routes_only  = true
}

resource "aws_vpn_connection_route" "lan" {
  vpn_connection_id      = aws_vpn_connection.static.id
  destination_cidr_block = "192.168.60.0/24"
}

resource "aws_default_vpc" "here" {
  tags = { step = var.step }
}

resource "aws_default_subnet" "second" {
  availability_zone = data.aws_availability_zone.second.name
  depends_on        = [aws_default_vpc.here]
}

resource "aws_default_route_table" "here" {
  default_route_table_id = aws_default_vpc.here.default_route_table_id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = data.aws_internet_gateway.default.id
  }
}

data "aws_internet_gateway" "default" {
  filter {
    name   = "attachment.vpc-id"
    values = [aws_default_vpc.here.id]
  }
}

data "aws_vpc" "main" {
  id         = aws_vpc.main.id
  depends_on = [aws_vpc_ipv4_cidr_block_association.later, aws_vpc_dhcp_options_association.corp]
}

data "aws_vpc" "default" {
  default    = true
  depends_on = [aws_default_vpc.here]
}

data "aws_subnets" "main" {
  filter {
    name   = "vpc-id"
    values = [aws_vpc.main.id]
  }
  depends_on = [aws_subnet.one, aws_subnet.two]
}

data "aws_route_table" "public" { route_table_id = aws_route_table.public.id }
data "aws_vpn_gateway" "main" { id = aws_vpn_gateway.main.id }
data "aws_customer_gateway" "office" { id = aws_customer_gateway.office.id }
data "aws_vpc_dhcp_options" "corp" { dhcp_options_id = aws_vpc_dhcp_options.corp.id }

output "seen" {
  value = {
    account      = data.aws_caller_identity.me.account_id
    region       = data.aws_region.here.name
    regions      = contains(data.aws_regions.all.names, "us-east-1")
    cidrs        = data.aws_vpc.main.cidr_block_associations[*].cidr_block
    options      = data.aws_vpc.main.dhcp_options_id == aws_vpc_dhcp_options.corp.id
    domain       = data.aws_vpc_dhcp_options.corp.domain_name
    subnets      = length(data.aws_subnets.main.ids)
    routes       = data.aws_route_table.public.routes[*].cidr_block
    asn          = data.aws_vpn_gateway.main.amazon_side_asn
    device       = data.aws_customer_gateway.office.device_name
    default_vpc  = data.aws_vpc.default.id == aws_default_vpc.here.id
    default_cidr = aws_default_subnet.second.cidr_block
  }
}
"""
)

SEEN = {
    "account": "000000000000",
    "region": "eu-central-1",
    "regions": True,
    "cidrs": ["10.0.0.0/16", "10.2.0.0/16"],
    "options": True,
    "domain": "corp.example",
    "subnets": 2,
    "routes": ["0.0.0.0/0"],
    "asn": "64600",
    "device": "office-1",
    "default_vpc": True,
    "default_cidr": "172.31.16.0/20",
}

BY_ID = (
    *("aws_vpc.main", "aws_vpc_ipv4_cidr_block_association.later", "aws_vpc_dhcp_options.corp"),
    *("aws_subnet.one", "aws_subnet.two", "aws_internet_gateway.main", "aws_route_table.public"),
    *("aws_route_table.main", "aws_vpn_gateway.main", "aws_customer_gateway.office", "aws_customer_gateway.large"),
    *("aws_vpn_connection.dynamic", "aws_vpn_connection.static", "aws_default_vpc.here"),
)
"""What is imported by its id; the provider cannot import at all what is not here and not in the test."""


def test_networks_are_applied_changed_imported_and_destroyed() -> None:
    required()
    with World("--data-plane", "none") as world, Recorder("network", CONFIGURATION, world.url) as recorder:
        configuration = pointed(CONFIGURATION, recorder.url, world.state)
        terraform = Terraform(world.folder / "terraform", configuration, recorder)

        terraform.apply()
        assert terraform.outputs()["seen"] == SEEN
        terraform.plan_is_empty()

        terraform.set(step=2)
        said = terraform.apply(phase="change")
        assert said.startswith("Apply complete! Resources: 0 added, "), said
        assert " 0 destroyed." in said, "all of it was changed in place"
        after = terraform.resources()
        assert after["aws_subnet.one"]["map_public_ip_on_launch"]
        assert after["aws_vpc.main"]["enable_dns_hostnames"]
        assert after["aws_route.site"]["gateway_id"] == after["aws_internet_gateway.main"]["id"]

        main, subnet = after["aws_route_table.main"]["id"], after["aws_subnet.one"]["id"]
        said = terraform.imports(
            {
                **{name: after[name]["id"] for name in BY_ID},
                "aws_vpc_dhcp_options_association.corp": after["aws_vpc.main"]["id"],
                "aws_route_table_association.one": f"{subnet}/{main}",
                "aws_route.site": f"{main}_192.168.0.0/16",
            }
        )
        assert said.startswith(f"Plan: {len(BY_ID) + 3} to import, "), said
        assert said.endswith(" 0 to change, 0 to destroy."), "what is there is what the changed configuration says"

        terraform.destroy()
        assert [vpc["cidr"] for vpc in world.status()["vpcs"]] == ["172.31.0.0/16"], (
            "Terraform never deletes a default VPC"
        )
        assert world.status()["vpn_connections"] == world.status()["vpn_gateways"] == []
