"""What a customer gateway's agent makes of what `up` left it: who does ESP is decided once, and anew only if asked."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from support import Cloud

from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.desired.device_file import device_file, to_xml
from landbridge.desired.links import DataPlane
from landbridge.drivers.probe import CannotRun, Choice
from landbridge.model.options import CustomerGatewayOptions, DataPlaneChoice
from landbridge.model.secret import Secret
from landbridge.store.folder import Folder
from landbridge.wiring import customer_agent
from landbridge.wiring.customer_agent import recall, remember


@pytest.fixture
def file() -> Secret:
    cloud = Cloud()
    vgw = cloud.run(CreateVpnGateway())
    cgw = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.77"), 65010))
    return Secret(to_xml(device_file(cloud.run(CreateVpnConnection(vgw.id, cgw.id, static_only=False)), vgw, cgw)))


def test_a_trial_that_fails_while_the_agent_runs_moves_no_tunnel(
    tmp_path: Path, file: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Folder(tmp_path)

    def asked_for(choice: DataPlaneChoice) -> None:
        remember(folder, CustomerGatewayOptions(device_file=file, source="a file", data_plane=choice))

    def machine(can: DataPlane | None) -> None:
        def choose(wanted: str) -> Choice:
            if can is None:
                raise CannotRun(f"{wanted} cannot be had at the moment.")
            return Choice(can, "tried")

        monkeypatch.setattr(customer_agent, "choose", choose)

    machine(DataPlane.KERNEL)
    asked_for(DataPlaneChoice.AUTO)
    first = recall(folder)
    assert first.settings.data_plane is DataPlane.KERNEL

    for later in (DataPlane.LIBIPSEC, None):
        machine(later)
        asked_for(DataPlaneChoice.AUTO)
        again = recall(folder, first)
        assert again.settings.data_plane is DataPlane.KERNEL
        assert again.asked > first.asked

    asked_for(DataPlaneChoice.LIBIPSEC)
    with pytest.raises(CannotRun):
        recall(folder, first)
    machine(DataPlane.LIBIPSEC)
    assert recall(folder, first).settings.data_plane is DataPlane.LIBIPSEC
