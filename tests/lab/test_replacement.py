"""A tunnel's endpoint is made anew: traffic has left it before, and it connects by itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from daemons import associations
from faults import nft
from lines import Line, two_lines
from packets import Probe
from shell import eventually
from world import World

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def lines(world: World) -> dict[str, Line]:
    return two_lines(world)


@pytest.mark.parametrize("routing", ["bgp", "static"])
def test_nothing_is_lost_while_the_used_endpoint_is_replaced(lines: dict[str, Line], routing: str) -> None:
    line = lines[routing].settled()
    used, began = line.used(), datetime.now(UTC)
    before, theirs = used.status, line.site.customer_gateway(line.connection)["tunnels"][used.number - 1]
    with Probe(line.site.host, line.instance) as probe:
        probe.passes()
        assert line.world.ec2.replace_vpn_tunnel(**line.outside(used), ApplyPendingMaintenance=True)["Return"]
        eventually(lambda: line.used() != used and line.back_by() != used.number, "traffic has left the tunnel")
        assert used.status["charon_pid"] == before["charon_pid"], "and its endpoint is still there"
        line.is_through()
        line.settled()
        eventually(lambda: line.used() == used, "it has returned")
        probe.passes()
        assert probe.lost() == []
    after = used.status
    assert after["charon_pid"] != before["charon_pid"]
    assert after["outside_address"] == before["outside_address"]
    assert line.site.customer_gateway(line.connection)["tunnels"][used.number - 1]["endpoint"] == theirs["endpoint"]
    status = line.world.ec2.get_vpn_tunnel_replacement_status(**line.outside(used))
    assert status["VpnGatewayId"] == line.gateway.id
    assert status["MaintenanceDetails"]["PendingMaintenance"] == "None"
    assert status["MaintenanceDetails"]["LastMaintenanceApplied"] >= began.replace(microsecond=0)
    other = line.connection.tunnel(3 - used.number)
    never = line.world.ec2.get_vpn_tunnel_replacement_status(**line.outside(other))["MaintenanceDetails"]
    assert "LastMaintenanceApplied" not in never


def test_a_replaced_endpoint_calls_a_device_that_only_answers(lines: dict[str, Line]) -> None:
    line = lines["static"].settled()
    tunnel = line.connection.tunnel(1)
    before = tunnel.status["charon_pid"]
    # IKE_SA_INIT (34) as the initiator sends it (flags 0x08).
    never_first = "type filter hook forward priority -300; oifname wan udp dport 500 @th,208,16 0x2208 drop"
    with nft(line.site.name, f"chain forward {{ {never_first} ; }}\n"):
        line.world.ec2.replace_vpn_tunnel(**line.outside(tunnel))
        line.is_through()
        assert tunnel.status["charon_pid"] not in (None, before)
        tunnel.becomes("UP")
        [(association, _)] = associations(line.world.instance, tunnel.status["endpoint_namespace"])
        assert association["initiator"] == b"yes"
