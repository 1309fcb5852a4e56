"""What all tests share: the markers, the time limits, how hard hypothesis looks, and what a virtual machine runs."""

from __future__ import annotations

import os
import re
import signal

import pytest
from hypothesis import HealthCheck, settings

NIGHTLY = os.environ.get("LANDBRIDGE_NIGHTLY") == "1"
LAB_TIMEOUT = 180  # seconds; a lab test that says nothing else
SLOW = float(os.environ.get("LANDBRIDGE_TEST_SLOW", "1"))  # how many times longer everything may take than usual

# One lab test for each of the service's promises, and those that are about the kernel's ESP itself. `scripts/test --vm`
# runs them; a name ends before the brackets if all of a test's parameters are meant.
_SIZES = "lab/test_path_mtu.py::test_{}[uplink 1500-to the {}]"
IN_THE_VM = {
    "each subnet follows its own route table": "lab/test_vpc.py::test_each_subnet_follows_its_own_route_table",
    "instances": "lab/test_instances.py::test_a_command_runs_in_the_instances_network",
    "network interfaces": "lab/test_interfaces.py::test_a_second_interface_is_reached_from_everywhere",
    "source/destination check": "lab/test_interfaces.py::test_nothing_leaves_an_instance_in_another_ones_name",
    "elastic addresses": "lab/test_elastic_addresses.py::test_traffic_moves_with_the_address",
    "internet gateway": "lab/test_internet_gateway.py::test_the_internet_reaches_a_public_address",
    "virtual private gateway": "lab/test_vpn_gateway.py::test_a_gateway_moves_to_another_vpc_with_its_sites",
    "customer gateways": "lab/test_vpn_gateway.py::test_an_identical_customer_gateway_is_the_existing_one",
    "two tunnels with AES-GCM": "lab/test_static_connection.py::test_aes_gcm_is_what_was_negotiated",
    "static routing": "lab/test_static_connection.py::test_a_static_route_comes_and_goes",
    "dynamic routing": "lab/test_bgp.py::test_site_and_instance_reach_each_other",
    "propagation": "lab/test_bgp.py::test_without_propagation_or_route_a_subnet_does_not_reach_the_site",
    "failover": "lab/test_failover.py::test_traffic_goes_on_through_the_other_tunnel_and_returns[bgp-charon_killed]",
    "CloudHub": "lab/test_cloudhub.py::test_sites_reach_each_other_and_the_vpc_through_the_hub",
    "landbridge's customer gateway": "lab/test_customer_gateway.py::test_up_status_and_down",
    "nothing but ciphertext": "lab/test_canary.py::test_only_ike_and_esp_cross_the_internet[static]",
    "fragmentation needed": _SIZES.format("who_must_not_be_fragmented_is_told_how_much_fits", "site"),
    "DF cleared": _SIZES.format("with_df_cleared_what_forbids_fragments_passes_all_the_same", "VPC"),
    "64 kB pings": _SIZES.format("a_ping_of_64_kilobytes_passes_in_fragments_that_fit_the_uplink", "site"),
    "100 MB to the site": _SIZES.format("a_hundred_megabytes_of_tcp_arrive_whole", "site"),
    "100 MB to the VPC": _SIZES.format("a_hundred_megabytes_of_tcp_arrive_whole", "VPC"),
    "UDP on request": "lab/test_forced_udp.py::test_udp_is_forced_where_there_is_no_nat_and_nobody_else_notices",
    "why: ESP is blocked": "lab/test_why.py::test_esp_is_blocked",
    "taken from the kernel": "lab/test_kernel_esp.py::test_flushed_sas_and_deleted_interfaces_are_made_anew",
    "changes": "lab/test_changing_tunnels.py::test_both_tunnels_are_changed_in_turn_and_nothing_is_lost[bgp]",
    "certificates": "lab/test_certified_connections.py::test_an_endpoints_certificate_is_rotated_without_loss",
    "the machine's own strongSwan": "lab/test_own_strongswan.py::test_the_machines_own_strongswan_does_not_notice",
}

# With them, the contracts of what does ESP: what is in these files, and the cases with these objects. The others
# (links, routes, filters, BIRD) are the same on every kernel; `scripts/test --vm --nightly` runs them, too.
ESP_CONTRACTS = ("contract/test_strongswan_", "contract/test_kernel_modules.py", "contract/test_take_down.py")
ESP_CASES = ("[real-charon]", "[real-tunnel_device", "[real-ike_connection]")
# Of all the algorithms one of each kind that ESP has: the groups, and IKE's own, are charon's whatever the kernel.
OTHER_SUITES = re.compile(
    r"test_it_is_negotiated_carries_packets_and_is_rekeyed"
    r"\[(?!ikev[12]-(AES128-SHA1|AES256-SHA2-512|AES256-GCM-16-SHA2-384)-group19\])"
)

# No deadline: the machine is shared with real daemons, and a slow example is not a wrong one.
settings.register_profile("ci", max_examples=100, deadline=None, print_blob=True)
settings.register_profile(
    "nightly", max_examples=2_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("nightly" if NIGHTLY else "ci")


def pytest_configure() -> None:
    """Processes started here can be interrupted: a shell that runs this in the background has SIGINT ignored in all."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give lab tests their time limit; skip, and say why, what this run or this user cannot do."""
    for item in items:
        explicit = item.get_closest_marker("timeout")
        lab = item.get_closest_marker("lab")
        if (lab and not explicit) or SLOW != 1:
            usual = explicit.args[0] if explicit else LAB_TIMEOUT if lab else float(item.config.getini("timeout"))
            item.add_marker(pytest.mark.timeout(usual * SLOW), append=False)
        if lab and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="builds network namespaces: run as root"))
        if item.get_closest_marker("nightly") and not NIGHTLY:
            item.add_marker(pytest.mark.skip(reason="long: run scripts/test --nightly"))
        if is_for_the_vm(item.nodeid):
            item.add_marker("vm")


def is_for_the_vm(nodeid: str) -> bool:
    """Whether `scripts/test --vm` runs it: each promise's test, and the driver contracts that the data path touches."""
    name = nodeid.removeprefix("tests/")
    if name.startswith("contract/"):
        esp = name.startswith(ESP_CONTRACTS) or any(case in name for case in ESP_CASES)
        return esp and not OTHER_SUITES.search(name)
    return any(name == wanted or name.startswith(f"{wanted}[") for wanted in IN_THE_VM.values())
