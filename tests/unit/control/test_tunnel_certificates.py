"""The authority of tunnels' certificates: what it issues, to whom, and what becomes of connections by it."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from support import ACCOUNT, REGION, Cloud

from landbridge.control.certificate_rotation import RotateTunnelCertificate
from landbridge.control.certificates import (
    MAX_REQUEST,
    IssueDeviceCertificate,
    MakeAuthority,
    RevokeDeviceCertificate,
)
from landbridge.control.changes import ModifyTunnel, MoveVpnConnection
from landbridge.control.customer_gateways import CreateCustomerGateway
from landbridge.control.lifecycle import MarkBuilt
from landbridge.control.tunnels import TunnelWish
from landbridge.control.vpn_connections import CreateVpnConnection, DeleteVpnConnection
from landbridge.control.vpn_gateways import CreateVpnGateway
from landbridge.model.certificates import Authority, DeviceCertificate
from landbridge.model.crypto import IkeVersion
from landbridge.model.errors import (
    Combination,
    ConnectionUnavailable,
    Invalid,
    Missing,
    NotFound,
    Unsupported,
    WrongState,
)
from landbridge.model.resources import State
from landbridge.model.secret import Secret
from landbridge.model.vpn import CustomerGateway, StartupAction, TunnelOptions, VpnConnection
from pki import REQUEST, request

NOTHING = TunnelWish()


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def issued(cloud: Cloud, name: str | None = "office.example.net", **more: int) -> DeviceCertificate:
    made: DeviceCertificate = cloud.run(IssueDeviceCertificate(REQUEST, name, **more))
    return made


def connected(cloud: Cloud, *wishes: TunnelWish, address: IPv4Address | None = None) -> VpnConnection:
    gateway = cloud.run(CreateVpnGateway())
    customer = cloud.run(CreateCustomerGateway(address, 65010, certificate_arn=issued(cloud).id))
    one, two = wishes or (NOTHING, NOTHING)
    made: VpnConnection = cloud.run(CreateVpnConnection(gateway.id, customer.id, wishes=(one, two)))
    return made


def parsed(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())


def authority(cloud: Cloud) -> x509.Certificate:
    found = cloud.snapshot.get(Authority, "ca")
    assert found is not None
    return parsed(found.certificate)


def test_there_is_one_authority_made_when_it_is_needed(cloud: Cloud) -> None:
    assert not list(cloud.snapshot.all(Authority))
    made = cloud.run(MakeAuthority())
    revision = cloud.snapshot.revision
    assert cloud.run(MakeAuthority()) == cloud.run(MakeAuthority(), account="210987654321") == made
    assert cloud.snapshot.revision == revision
    assert made.key.reveal() not in repr(made)
    assert parsed(made.certificate).extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_a_devices_certificate_is_for_its_key_and_that_name(cloud: Cloud) -> None:
    made = issued(cloud)
    shown = parsed(made.certificate)
    shown.verify_directly_issued_by(authority(cloud))
    assert shown.public_key() == x509.load_pem_x509_csr(REQUEST.encode()).public_key()
    assert [a.value for a in shown.subject] == ["office.example.net"]
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("office.example.net")]
    assert not shown.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert made.ends == shown.not_valid_after_utc
    assert made.id.startswith(f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/")
    assert issued(cloud, None).name == "asked.example.net"
    assert issued(cloud, days=1).ends < made.ends


def test_nothing_that_a_request_asks_for_gets_in_but_its_key(cloud: Cloud) -> None:
    """It may ask to be an authority, or to be known by an endpoint's address."""
    key = ec.generate_private_key(ec.SECP384R1())
    asked = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "203.0.113.128")]))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("203.0.113.128"))]), critical=False)
    )
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding

    text = asked.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    shown = parsed(cloud.run(IssueDeviceCertificate(text, "thief.example.net")).certificate)
    assert not shown.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("thief.example.net")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no request",
        REQUEST[:200],
        REQUEST.replace("REQUEST", "CERTIFICATE"),
        request(rsa.generate_private_key(65537, 1024)),
        request(ec.generate_private_key(ec.SECP192R1())),
        "-----BEGIN CERTIFICATE REQUEST-----\n" + "QUFB" * 20 + "\n-----END CERTIFICATE REQUEST-----\n",
        REQUEST + " " * MAX_REQUEST,
        "\udc80",
    ],
    ids=["empty", "text", "cut", "other", "rsa-1024", "p-192", "noise", "huge", "surrogate"],
)
def test_what_is_no_good_request_is_refused_and_changes_nothing(cloud: Cloud, text: str) -> None:
    before = cloud.snapshot
    with pytest.raises(Invalid) as refused:
        cloud.run(IssueDeviceCertificate(text, "office.example.net"))
    assert refused.value.parameter == "csr"
    assert cloud.snapshot is before


def test_a_request_of_somebody_elses_key_is_refused(cloud: Cloud) -> None:
    damaged = list(REQUEST)
    at = len(REQUEST) - 60
    damaged[at] = "A" if damaged[at] != "A" else "B"
    with pytest.raises(Invalid, match="request"):
        cloud.run(IssueDeviceCertificate("".join(damaged), "office.example.net"))


@pytest.mark.parametrize(
    "name", ["", "-a", "a b", "a/b", "a\n", "ä", "x" * 65, "a..b", "a.", "203.0.113.7", "7", "a.0x7"]
)
def test_names_are_dns_names(cloud: Cloud, name: str) -> None:
    with pytest.raises(Invalid) as refused:
        issued(cloud, name)
    assert refused.value.parameter == "name"


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_days_are_bounded(cloud: Cloud, days: int) -> None:
    with pytest.raises(Invalid):
        issued(cloud, days=days)


def test_an_authority_that_has_expired_signs_nothing(cloud: Cloud) -> None:
    issued(cloud)
    cloud.later(timedelta(days=7_301))
    with pytest.raises(WrongState, match="expired"):
        issued(cloud)


def test_a_customer_gateway_takes_a_good_certificate_instead_of_an_address(cloud: Cloud) -> None:
    good = issued(cloud)
    made: CustomerGateway = cloud.run(CreateCustomerGateway(None, 65010, certificate_arn=good.id))
    assert (made.address, made.certificate_arn) == (None, good.id)
    assert cloud.run(CreateCustomerGateway(None, 65010, certificate_arn=good.id)) == made
    assert cloud.run(CreateCustomerGateway(None, 65010, certificate_arn=issued(cloud).id)).id != made.id
    with pytest.raises(Missing):
        cloud.run(CreateCustomerGateway(None, 65010))


def test_bad_certificates_are_refused(cloud: Cloud) -> None:
    def refused(arn: str, account: str = ACCOUNT) -> str:
        before = cloud.snapshot
        with pytest.raises(Invalid) as caught:
            cloud.run(CreateCustomerGateway(None, 65010, certificate_arn=arn), account=account)
        assert cloud.snapshot is before
        return caught.value.message

    short = issued(cloud, days=1)
    assert "does not exist" in refused("arn:aws:acm:eu-central-1:123456789012:certificate/none")
    assert refused(short.id, "210987654321").replace(short.id, "") == refused("x").replace(" x ", "  ")
    cloud.later(timedelta(days=2))
    assert "expired" in refused(short.id)
    other = issued(cloud)
    revoked = cloud.run(RevokeDeviceCertificate(other.id))
    assert cloud.run(RevokeDeviceCertificate(other.id)) == revoked
    assert "revoked" in refused(other.id)
    with pytest.raises(NotFound):
        cloud.run(RevokeDeviceCertificate("arn:of:nothing"))


def test_endpoints_have_certificates_of_their_own_and_no_keys_to_tell(cloud: Cloud) -> None:
    connection = connected(cloud)
    for tunnel in connection.tunnels:
        assert tunnel.psk is None
        assert tunnel.certificate is not None
        shown = parsed(tunnel.certificate.certificate)
        shown.verify_directly_issued_by(authority(cloud))
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert list(names) == [x509.IPAddress(tunnel.outside)]
        assert tunnel.certificate.key.reveal() not in repr(connection)
    one, two = connection.tunnels
    assert one.certificate is not None
    assert two.certificate is not None
    assert one.certificate.key != two.certificate.key
    assert one.certificate.arn != two.certificate.arn


@pytest.mark.parametrize(
    ("error", "wish"),
    [
        (Combination, TunnelWish(psk=Secret("A_key.of_the_user"))),
        (Unsupported, TunnelWish(others=TunnelOptions(ike_versions=(IkeVersion.IKEV1,)))),
        (Unsupported, TunnelWish(others=TunnelOptions(ike_versions=(IkeVersion.IKEV1, IkeVersion.IKEV2)))),
        (Combination, TunnelWish(others=TunnelOptions(startup_action=StartupAction.START))),
    ],
)
def test_what_does_not_go_with_certificates_is_refused(cloud: Cloud, error: type[Exception], wish: TunnelWish) -> None:
    with pytest.raises(error):
        connected(cloud, NOTHING, wish)
    assert not list(cloud.snapshot.all(VpnConnection))


def test_the_cloud_may_start_where_the_address_is_known(cloud: Cloud) -> None:
    start = TunnelWish(others=TunnelOptions(startup_action=StartupAction.START))
    assert connected(cloud, start, start, address=IPv4Address("203.0.113.7")).tunnels[0].certificate is not None


def test_a_connection_with_a_revoked_certificate_is_not_made(cloud: Cloud) -> None:
    gateway = cloud.run(CreateVpnGateway())
    certificate = issued(cloud)
    customer = cloud.run(CreateCustomerGateway(None, 65010, certificate_arn=certificate.id))
    cloud.run(RevokeDeviceCertificate(certificate.id))
    with pytest.raises(Invalid, match="revoked"):
        cloud.run(CreateVpnConnection(gateway.id, customer.id))


def test_rotation_changes_the_certificate_of_that_tunnel_alone(cloud: Cloud) -> None:
    before = connected(cloud)
    after = cloud.run(RotateTunnelCertificate(before.id, before.tunnels[1].outside))
    assert after.tunnels[0] == before.tunnels[0]
    one, two = before.tunnels[1].certificate, after.tunnels[1].certificate
    assert one is not None
    assert two is not None
    assert one.key != two.key
    assert one.arn != two.arn
    assert cloud.snapshot.get(VpnConnection, before.id) == after
    with pytest.raises(Invalid):
        cloud.run(RotateTunnelCertificate(before.id, IPv4Address("203.0.113.7")))
    cloud.run(DeleteVpnConnection(before.id))
    with pytest.raises((NotFound, ConnectionUnavailable)):
        cloud.run(RotateTunnelCertificate(before.id, before.tunnels[1].outside))


def test_tunnels_with_keys_have_nothing_to_rotate(cloud: Cloud) -> None:
    gateway = cloud.run(CreateVpnGateway())
    customer = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.7"), 65010))
    made = cloud.run(CreateVpnConnection(gateway.id, customer.id))
    with pytest.raises(Combination, match="pre-shared keys"):
        cloud.run(RotateTunnelCertificate(made.id, made.tunnels[0].outside))


def test_a_change_of_options_is_checked_as_a_new_connection_is(cloud: Cloud) -> None:
    connection = connected(cloud)
    for error, wish in (
        (Combination, TunnelWish(psk=Secret("A_key.of_the_user"))),
        (Unsupported, TunnelWish(others=TunnelOptions(ike_versions=(IkeVersion.IKEV1,)))),
        (Combination, TunnelWish(others=TunnelOptions(startup_action=StartupAction.START))),
    ):
        with pytest.raises(error):
            cloud.run(ModifyTunnel(connection.id, 1, wish))
    after = cloud.run(ModifyTunnel(connection.id, 1, TunnelWish(others=TunnelOptions(dpd_timeout_seconds=40))))
    assert after.tunnels[0].certificate == connection.tunnels[0].certificate
    assert after.tunnels[0].options.dpd_timeout == 40


def test_a_connection_moves_from_keys_to_certificates_and_back(cloud: Cloud) -> None:
    gateway = cloud.run(CreateVpnGateway())
    with_key = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.7"), 65010))
    certified = cloud.run(CreateCustomerGateway(None, 65010, certificate_arn=issued(cloud).id))
    another = cloud.run(CreateCustomerGateway(None, 65010, certificate_arn=issued(cloud).id))
    made = cloud.run(CreateVpnConnection(gateway.id, with_key.id))
    moved = cloud.run(MoveVpnConnection(made.id, customer_gateway_id=certified.id))
    assert [tunnel.psk for tunnel in moved.tunnels] == [None, None]
    assert all(tunnel.certificate is not None for tunnel in moved.tunnels)
    same = cloud.run(MoveVpnConnection(made.id, customer_gateway_id=another.id))
    assert same.tunnels == moved.tunnels
    back = cloud.run(MoveVpnConnection(made.id, customer_gateway_id=with_key.id))
    assert [tunnel.certificate for tunnel in back.tunnels] == [None, None]
    keys = {tunnel.psk for tunnel in back.tunnels}
    assert len(keys - {None}) == 2
    assert not keys & {tunnel.psk for tunnel in made.tunnels}
    cloud.run(RevokeDeviceCertificate(certified.certificate_arn))
    with pytest.raises(Invalid, match="revoked"):
        cloud.run(MoveVpnConnection(made.id, customer_gateway_id=certified.id))


def test_what_certificates_do_not_go_with_does_not_move_there(cloud: Cloud) -> None:
    gateway = cloud.run(CreateVpnGateway())
    with_key = cloud.run(CreateCustomerGateway(IPv4Address("203.0.113.7"), 65010))
    certified = cloud.run(CreateCustomerGateway(None, 65010, certificate_arn=issued(cloud).id))
    old = TunnelWish(others=TunnelOptions(ike_versions=(IkeVersion.IKEV1,)))
    made = cloud.run(CreateVpnConnection(gateway.id, with_key.id, wishes=(old, old)))
    with pytest.raises(Unsupported):
        cloud.run(MoveVpnConnection(made.id, customer_gateway_id=certified.id))


def test_a_rotation_is_rolled_out_as_other_changes_are() -> None:
    cloud = Cloud(builds=True)
    made = connected(cloud)
    cloud.run(MarkBuilt(frozenset({made.id})))
    changing = cloud.run(RotateTunnelCertificate(made.id, made.tunnels[0].outside))
    assert changing.state is State.MODIFYING
    with pytest.raises(ConnectionUnavailable):
        cloud.run(RotateTunnelCertificate(made.id, made.tunnels[1].outside))
