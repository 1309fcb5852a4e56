"""aws_instance, aws_network_interface, aws_eip and routes to them, with the real Terraform and real packets."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from packets import Host
from recorder import Recorder
from shell import within
from terraform import Terraform, pointed, provider, required
from world import World

pytestmark = [pytest.mark.lab, pytest.mark.nightly, pytest.mark.timeout(900)]

CONFIGURATION = (
    provider("us-east-1")
    + """
resource "aws_vpc" "main" {
  cidr_block = "10.0.0.0/16"
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "front" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.1.0/24"
}

resource "aws_subnet" "back" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.0.2.0/24"
}

resource "aws_route" "internet" {
  route_table_id         = aws_vpc.main.main_route_table_id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.main.id
}

resource "aws_security_group" "probes" {
  vpc_id = aws_vpc.main.id
  ingress {
    protocol    = "icmp"
    from_port   = 8
    to_port     = -1
    cidr_blocks = ["0.0.0.0/0"]
  }
  ingress {
    protocol    = "udp"
    from_port   = 9
    to_port     = 9
    cidr_blocks = ["0.0.0.0/0"]
  }
  egress {
    protocol    = "-1"
    from_port   = 0
    to_port     = 0
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_instance" "web" {
  ami                    = "ami-12345678"
  instance_type          = "t3.micro"
  subnet_id              = aws_subnet.front.id
  availability_zone      = aws_subnet.front.availability_zone
  vpc_security_group_ids = [aws_vpc.main.default_security_group_id, aws_security_group.probes.id]
  source_dest_check      = false
  tags                   = { Name = "web" }
}

resource "aws_network_interface" "second" {
  subnet_id       = aws_subnet.back.id
  private_ips     = SECONDARY
  security_groups = [aws_security_group.probes.id]
  description     = "DESCRIPTION"
  tags            = { Name = "second" }
}

resource "aws_network_interface_attachment" "second" {
  instance_id          = aws_instance.web.id
  network_interface_id = aws_network_interface.second.id
  device_index         = 1
}

resource "aws_network_interface" "primary" {
  subnet_id       = aws_subnet.front.id
  security_groups = [aws_security_group.probes.id]
}

resource "aws_instance" "router" {
  ami           = "ami-12345678"
  instance_type = "c5.large"
  network_interface {
    network_interface_id = aws_network_interface.primary.id
    device_index         = 0
  }
}

resource "aws_eip" "router" {
  domain            = "vpc"
  network_interface = aws_network_interface.primary.id
  depends_on        = [aws_internet_gateway.main]
}

resource "aws_eip" "second" {
  domain = "vpc"
}

resource "aws_eip_association" "second" {
  allocation_id        = aws_eip.second.id
  network_interface_id = aws_network_interface.second.id
  private_ip_address   = "10.0.2.51"
  depends_on           = [aws_internet_gateway.main]
}

resource "aws_route_table" "back" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
  route {
    cidr_block           = "172.16.0.0/16"
    network_interface_id = aws_network_interface.primary.id
  }
}

resource "aws_route_table_association" "back" {
  subnet_id      = aws_subnet.back.id
  route_table_id = aws_route_table.back.id
}

output "web" { value = aws_instance.web.id }
output "router_public" { value = aws_eip.router.public_ip }
output "second_public" { value = aws_eip.second.public_ip }
"""
)


def test_apply_an_empty_plan_a_change_in_place_import_and_destroy() -> None:
    required()
    with World() as world, Recorder("instances", CONFIGURATION, world.url) as recorder:
        text = pointed(CONFIGURATION, recorder.url, world.state)

        def configured(secondary: str, description: str) -> str:
            return text.replace("SECONDARY", secondary).replace("DESCRIPTION", description)

        terraform = Terraform(world.folder / "terraform", configured('["10.0.2.50", "10.0.2.51"]', "second"), recorder)
        outside = world.internet_host("outside", "198.51.100.200")

        terraform.apply()
        made = terraform.outputs()
        web = Host("web", world.admin.where(made["web"]), IPv4Address("10.0.1.4"))
        outside.comes_to_reach(IPv4Address(made["router_public"]))
        outside.comes_to_reach(IPv4Address(made["second_public"]))
        assert outside.gets_through_to(IPv4Address(made["second_public"]), at=web)
        assert outside.cannot_reach(IPv4Address("10.0.2.51"))
        assert "10.0.2.52" not in within(web.namespace, "hostname", "-I").split()
        terraform.plan_is_empty()

        terraform.rewrite(configured('["10.0.2.50", "10.0.2.51", "10.0.2.52"]', "changed"))
        terraform.apply(phase="change")
        world.converged()
        assert "10.0.2.52" in within(web.namespace, "hostname", "-I").split()
        terraform.plan_is_empty()

        terraform.run("state", "rm", "aws_instance.web")
        terraform.run("import", "aws_instance.web", made["web"])
        terraform.plan_is_empty()

        terraform.destroy()
        assert world.status()["vpcs"] == []
        assert world.ec2.describe_addresses()["Addresses"] == []
        assert world.ec2.describe_network_interfaces()["NetworkInterfaces"] == []
