"""What a host should have for connections by certificates: who is pinned, and who is shut out."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from support import Cloud

from landbridge.control.base import LAB_POOLS
from landbridge.control.certificates import IssueDeviceCertificate, RevokeDeviceCertificate, authority_of
from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.vpn_connections import CreateVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.customer import device_file as reader
from landbridge.customer.plan import CustomerSettings, wanted
from landbridge.desired.device_file import device_file, to_xml
from landbridge.desired.health import Health
from landbridge.desired.host import Planner, Settings
from landbridge.desired.ike import Certified, Charon, IkeConnection
from landbridge.desired.links import DataPlane
from landbridge.desired.names import Names
from landbridge.model.crypto import IkeVersion
from landbridge.model.secret import Secret
from landbridge.model.vpn import VpnConnection
from landbridge.observe.fold import Endpoint, Heard, Place, tunnel_state, view_of
from landbridge.reconcile.diff import check
from pki import REQUEST

OWN = Names("a1b2c3")
ANY = IPv4Address("203.0.113.7")


class Town:
    """A connection by certificates, and one with keys."""

    def __init__(self, address: IPv4Address | None = None) -> None:
        self.cloud = Cloud()
        self.device = self.cloud.run(IssueDeviceCertificate(REQUEST, "office.example.net"))
        self.vgw = self.cloud.run(CreateVpnGateway())
        self.cgw = self.cloud.run(CreateCustomerGateway(address, 65010, certificate_arn=self.device.id))
        self.vpn: VpnConnection = self.cloud.run(CreateVpnConnection(self.vgw.id, self.cgw.id, static_only=True))
        with_keys = self.cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.9"), 65011))
        self.other: VpnConnection = self.cloud.run(CreateVpnConnection(self.vgw.id, with_keys.id))
        self.planner = Planner(Settings(OWN, LAB_POOLS, DataPlane.LIBIPSEC, None))

    def ike(self) -> list[IkeConnection]:
        state = self.planner.wanted(self.cloud.snapshot, Health()).state
        check(state, state.values())
        return [item for item in state.values() if isinstance(item, IkeConnection)]


@pytest.mark.parametrize("address", [None, ANY])
def test_the_endpoint_takes_the_very_certificate_from_wherever_it_may_come(address: IPv4Address | None) -> None:
    town = Town(address)
    authority = authority_of(town.cloud.snapshot)
    assert authority is not None
    mine = [item for item in town.ike() if item.certified is not None]
    assert len(mine) == 2
    for item, tunnel in zip(mine, town.vpn.tunnels, strict=True):
        assert tunnel.certificate is not None
        assert item.certified == Certified(
            certificate=tunnel.certificate.certificate,
            key=tunnel.certificate.key,
            authority=authority.certificate,
            pinned=town.device.certificate,
        )
        assert (item.remote, item.local_id, item.remote_id) == (address, tunnel.outside, None)
        assert (item.psk, item.versions) == (None, (IkeVersion.IKEV2,))


def test_who_is_revoked_has_no_connection_and_others_keep_theirs() -> None:
    town = Town()
    others = [item for item in town.ike() if item.psk is not None]
    town.cloud.run(RevokeDeviceCertificate(town.device.id))
    assert town.ike() == others
    assert len(others) == 2
    state = town.planner.wanted(town.cloud.snapshot, Health()).state
    assert sum(isinstance(item, Charon) for item in state.values()) == 4, "the endpoints stay"


def test_the_status_says_that_it_is_revoked() -> None:
    town = Town()

    def why() -> str:
        heard = Heard(endpoints={"e": Endpoint(pid=7)})
        view = view_of(town.vpn, town.vpn.tunnels[0], town.cloud.snapshot, heard, Place("e", "r", "l"))
        return tunnel_state(view, None, town.cloud.now, town.cloud.now).why

    assert "revoked" not in why()
    town.cloud.run(RevokeDeviceCertificate(town.device.id))
    assert "revoked" in why()


def test_the_customers_side_believes_the_authority_and_the_address() -> None:
    town = Town()
    authority = authority_of(town.cloud.snapshot)
    assert authority is not None
    file = reader.read(to_xml(device_file(town.vpn, town.vgw, town.cgw, authority=authority.certificate)))
    proof = Certified(certificate="ours", key=Secret("key"), authority=file.authority)
    settings = CustomerSettings(
        names=Names("fed321"),
        data_plane=DataPlane.LIBIPSEC,
        bfd=None,
        routes=(IPv4Network("10.0.0.0/16"),),
        certified=proof,
    )
    state = wanted(file, settings, Health())
    check(state, state.values())
    ike = [item for item in state.values() if isinstance(item, IkeConnection)]
    assert [item.remote_id for item in ike] == [tunnel.outside for tunnel in town.vpn.tunnels]
    assert {item.local_id for item in ike} == {None}
    assert {item.psk for item in ike} == {None}
    assert all(item.certified == proof for item in ike)
    assert file.authority == authority.certificate
