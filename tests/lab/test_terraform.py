"""End to end with the real Terraform: what people have, unmodified but for the provider's endpoints."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from cloud import Connection, Subnet, Vpc, VpnGateway
from terraform import Terraform, pointed, required
from world import World

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

CONFIGURATION = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
  }
}

provider "aws" {
  region                   = "us-east-1"
  shared_credentials_files = ["CREDENTIALS"]
  endpoints {
    ec2 = "URL"
    sts = "URL"
  }
}

resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
  tags       = { Name = "a \\"name\\"; with {everything}" }
}

resource "aws_subnet" "private" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}

resource "aws_subnet" "public" {
  vpc_id                  = aws_vpc.main.id
  cidr_block              = "10.0.2.0/24"
  map_public_ip_on_launch = true
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route_table" "public" {
  vpc_id           = aws_vpc.main.id
  propagating_vgws = [aws_vpn_gateway.main.id]
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
}

resource "aws_route_table_association" "public" {
  subnet_id      = aws_subnet.public.id
  route_table_id = aws_route_table.public.id
}

resource "aws_vpn_gateway" "main" {
  vpc_id          = aws_vpc.main.id
  amazon_side_asn = 64600
}

resource "aws_vpn_gateway_route_propagation" "main" {
  vpn_gateway_id = aws_vpn_gateway.main.id
  route_table_id = aws_vpc.main.main_route_table_id
}

resource "aws_customer_gateway" "paris" {
  type       = "ipsec.1"
  bgp_asn    = 65010
  ip_address = "203.0.113.77"
}

resource "aws_vpn_connection" "paris" {
  type                = "ipsec.1"
  vpn_gateway_id      = aws_vpn_gateway.main.id
  customer_gateway_id = aws_customer_gateway.paris.id
}

resource "aws_customer_gateway" "lima" {
  type       = "ipsec.1"
  bgp_asn    = 65020
  ip_address = "203.0.113.99"
}

resource "aws_vpn_connection" "lima" {
  type                = "ipsec.1"
  vpn_gateway_id      = aws_vpn_gateway.main.id
  customer_gateway_id = aws_customer_gateway.lima.id
  static_routes_only  = true
}

resource "aws_vpn_connection_route" "lima" {
  vpn_connection_id      = aws_vpn_connection.lima.id
  destination_cidr_block = "192.168.80.0/24"
}

output "vpc" { value = aws_vpc.main.id }
output "private" { value = aws_subnet.private.id }
output "public" { value = aws_subnet.public.id }
output "gateway" { value = aws_vpn_gateway.main.id }
output "paris" { value = aws_vpn_connection.paris.id }
output "lima" { value = aws_vpn_connection.lima.id }
output "lima_tunnel1" { value = aws_vpn_connection.lima.tunnel1_address }
output "lima_file" {
  value     = aws_vpn_connection.lima.customer_gateway_configuration
  sensitive = true
}
"""


def test_apply_an_empty_plan_pings_through_both_connections_and_destroy() -> None:
    required()
    with World() as world:
        configuration = pointed(CONFIGURATION, world.url, world.state)
        terraform = Terraform(world.folder / "terraform", configuration)

        terraform.apply()
        made = terraform.outputs()
        vpc = Vpc(world.cloud, made["vpc"], IPv4Network("10.0.0.0/16"))
        private = Subnet(vpc, made["private"], IPv4Network("10.0.1.0/24")).instance("private")
        public = Subnet(vpc, made["public"], IPv4Network("10.0.2.0/24")).instance("public")
        outside = world.internet_host("outside", "198.51.100.10")
        gateway = VpnGateway(world.cloud, made["gateway"])
        paris = world.site("paris", "203.0.113.77", "192.168.60.0/24")
        lima = world.site("lima", "203.0.113.99", "192.168.80.0/24")
        dynamic, static = Connection(gateway, made["paris"]), Connection(gateway, made["lima"])
        assert made["lima_file"] == static.device_file
        assert made["lima_tunnel1"] in static.telemetry()

        paris.customer_gateway_up(dynamic)
        lima.customer_gateway_up(static, "--route", "10.0.0.0/16")

        for site in (paris, lima):
            private.comes_to_reach(site.host)
            public.comes_to_reach(site.host)
        assert public.reaches(outside)
        assert private.cannot_reach(IPv4Address("198.51.100.10"))
        terraform.plan_is_empty()  # also with tunnels up and routes learned, which are nobody's configuration

        world.ec2.terminate_instances(InstanceIds=[private.id, public.id])
        paris.customer_gateway_down(dynamic)
        lima.customer_gateway_down(static)
        terraform.destroy()
        assert world.status()["vpcs"] == []
        assert world.status()["vpn_connections"] == []
