"""Every option of a tunnel that provider aws has, set on one tunnel by Terraform, and each of them changed in place.

But for the inside CIDR, for which the provider makes a connection anew.
"""

from __future__ import annotations

import pytest
from recorder import Recorder
from terraform import Terraform, pointed, provider, required
from world import World

pytestmark = [pytest.mark.lab, pytest.mark.timeout(1800)]

LOG_GROUP = "arn:aws:logs:eu-central-1:000000000000:log-group:/aws/vendedlogs/vpn"
CONFIGURATION = (
    provider("eu-central-1")
    + """
variable "step" {
  type    = number
  default = 1
}

locals { changed = var.step == 2 }

resource "aws_vpn_gateway" "main" {
  amazon_side_asn = 64600
}

resource "aws_customer_gateway" "office" {
  type       = "ipsec.1"
  bgp_asn    = 65010
  ip_address = "203.0.113.77"
}

resource "aws_vpn_gateway" "other" {
  amazon_side_asn = 64700
}

resource "aws_customer_gateway" "moved" {
  type       = "ipsec.1"
  bgp_asn    = 65011
  ip_address = "203.0.113.78"
}

resource "aws_vpn_connection" "office" {
  type                = "ipsec.1"
  vpn_gateway_id      = local.changed ? aws_vpn_gateway.other.id : aws_vpn_gateway.main.id
  customer_gateway_id = local.changed ? aws_customer_gateway.moved.id : aws_customer_gateway.office.id
  static_routes_only  = true

  local_ipv4_network_cidr  = local.changed ? "192.168.0.0/16" : "0.0.0.0/0"
  remote_ipv4_network_cidr = local.changed ? "10.0.0.0/8" : "0.0.0.0/0"

  tunnel1_inside_cidr                     = "169.254.77.0/30"
  tunnel1_preshared_key                   = local.changed ? "Second.key_2" : "First.key_1"
  tunnel1_dpd_timeout_action              = local.changed ? "none" : "restart"
  tunnel1_dpd_timeout_seconds             = local.changed ? 60 : 45
  tunnel1_enable_tunnel_lifecycle_control = !local.changed
  tunnel1_ike_versions                    = local.changed ? ["ikev1", "ikev2"] : ["ikev2"]
  tunnel1_startup_action                  = local.changed ? "add" : "start"
  tunnel1_replay_window_size              = local.changed ? 2048 : 512
  tunnel1_rekey_margin_time_seconds       = local.changed ? 120 : 240
  tunnel1_rekey_fuzz_percentage           = local.changed ? 25 : 50

  tunnel1_phase1_lifetime_seconds      = local.changed ? 7200 : 14400
  tunnel1_phase1_encryption_algorithms = local.changed ? ["AES256"] : ["AES256", "AES256-GCM-16"]
  tunnel1_phase1_integrity_algorithms  = local.changed ? ["SHA2-512"] : ["SHA2-256", "SHA2-384"]
  tunnel1_phase1_dh_group_numbers      = local.changed ? [20] : [14, 19]

  tunnel1_phase2_lifetime_seconds      = local.changed ? 1800 : 3000
  tunnel1_phase2_encryption_algorithms = local.changed ? ["AES128"] : ["AES128-GCM-16", "AES256-GCM-16"]
  tunnel1_phase2_integrity_algorithms  = local.changed ? ["SHA2-256"] : ["SHA2-384"]
  tunnel1_phase2_dh_group_numbers      = local.changed ? [21] : [15, 20]

  tunnel1_log_options {
    cloudwatch_log_options {
      log_enabled       = true
      log_group_arn     = "LOG-GROUP"
      log_output_format = local.changed ? "text" : "json"
    }
  }
}

output "connection" { value = aws_vpn_connection.office.id }
""".replace("LOG-GROUP", LOG_GROUP)
)


def logged(written: str) -> list[dict[str, object]]:
    """A tunnel's log options as the provider reads them."""
    log = {"log_enabled": True, "log_group_arn": LOG_GROUP, "log_output_format": written}
    return [{"cloudwatch_log_options": [log]}]


OPTIONS = {
    "tunnel1_inside_cidr": ("169.254.77.0/30", "169.254.77.0/30"),
    "tunnel1_preshared_key": ("First.key_1", "Second.key_2"),
    "tunnel1_dpd_timeout_action": ("restart", "none"),
    "tunnel1_dpd_timeout_seconds": (45, 60),
    "tunnel1_enable_tunnel_lifecycle_control": (True, False),
    "tunnel1_ike_versions": (["ikev2"], ["ikev1", "ikev2"]),
    "tunnel1_startup_action": ("start", "add"),
    "tunnel1_replay_window_size": (512, 2048),
    "tunnel1_rekey_margin_time_seconds": (240, 120),
    "tunnel1_rekey_fuzz_percentage": (50, 25),
    "tunnel1_phase1_lifetime_seconds": (14_400, 7_200),
    "tunnel1_phase1_encryption_algorithms": (["AES256", "AES256-GCM-16"], ["AES256"]),
    "tunnel1_phase1_integrity_algorithms": (["SHA2-256", "SHA2-384"], ["SHA2-512"]),
    "tunnel1_phase1_dh_group_numbers": ([14, 19], [20]),
    "tunnel1_phase2_lifetime_seconds": (3_000, 1_800),
    "tunnel1_phase2_encryption_algorithms": (["AES128-GCM-16", "AES256-GCM-16"], ["AES128"]),
    "tunnel1_phase2_integrity_algorithms": (["SHA2-384"], ["SHA2-256"]),
    "tunnel1_phase2_dh_group_numbers": ([15, 20], [21]),
    "tunnel1_log_options": (logged("json"), logged("text")),
    "local_ipv4_network_cidr": ("0.0.0.0/0", "192.168.0.0/16"),
    "remote_ipv4_network_cidr": ("0.0.0.0/0", "10.0.0.0/8"),
}
"""What the provider reads back, before and after the change."""


def test_every_option_of_a_tunnel_is_applied_changed_imported_and_destroyed() -> None:
    required()
    with World("--data-plane", "none") as world, Recorder("tunnels", CONFIGURATION, world.url) as recorder:
        configuration = pointed(CONFIGURATION, recorder.url, world.state)
        terraform = Terraform(world.folder / "terraform", configuration, recorder)

        terraform.apply()
        before = terraform.resources()["aws_vpn_connection.office"]
        assert {name: before[name] for name in OPTIONS} == {name: first for name, (first, _) in OPTIONS.items()}
        terraform.plan_is_empty()

        terraform.set(step=2)
        assert terraform.apply(phase="change") == "Apply complete! Resources: 0 added, 1 changed, 0 destroyed."
        after = terraform.resources()
        connection = after["aws_vpn_connection.office"]
        assert {name: connection[name] for name in OPTIONS} == {name: second for name, (_, second) in OPTIONS.items()}
        assert connection["id"] == before["id"]
        assert connection["vpn_gateway_id"] == after["aws_vpn_gateway.other"]["id"]
        assert connection["customer_gateway_id"] == after["aws_customer_gateway.moved"]["id"]
        terraform.plan_is_empty()

        said = terraform.imports({name: resource["id"] for name, resource in after.items()})
        assert said == "Plan: 5 to import, 0 to add, 0 to change, 0 to destroy."
        terraform.destroy()
        assert world.status()["vpn_connections"] == world.status()["vpn_gateways"] == []


@pytest.mark.nightly
def test_terraform_waits_while_real_endpoints_are_modifying() -> None:
    required()
    with World() as world:
        configuration = pointed(CONFIGURATION, world.url, world.state)
        terraform = Terraform(world.folder / "terraform", configuration)
        terraform.apply()
        before = terraform.resources()["aws_vpn_connection.office"]["id"]
        terraform.set(step=2)
        assert terraform.apply() == "Apply complete! Resources: 0 added, 1 changed, 0 destroyed."
        terraform.plan_is_empty()
        [connection] = world.status()["vpn_connections"]
        assert (connection["id"], connection["state"]) == (before, "available")
        terraform.destroy()
