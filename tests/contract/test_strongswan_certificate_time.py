"""A certificate that is not valid now is told as such by a real charon that is shown it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from networks import KERNEL, until
from vpn import Vpn

from landbridge.drivers.strongswan import settings
from landbridge.observe.ike import Cause, IkeEventKind
from landbridge.observe.trail import NO_TRAIL
from landbridge.observe.why import Ends, Side, failed
from stock_swan import StockSwan

pytestmark = pytest.mark.lab

DAY = timedelta(days=1)


class Authority:
    """A certificate authority of a test's own."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        now = datetime.now(UTC)
        made = self._builder(self.name, self.key.public_key(), now - 30 * DAY, now + 30 * DAY)
        self.certificate = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
            self.key, hashes.SHA256()
        )

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime, end: datetime
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(end)
        )

    def issue(self, name: str, begin: datetime, end: datetime) -> tuple[bytes, bytes]:
        """A certificate for that name, and its key; DER."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(subject, key.public_key(), begin, end)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        encoding, plain = serialization.Encoding.DER, serialization.NoEncryption()
        return (
            made.sign(self.key, hashes.SHA256()).public_bytes(encoding),
            key.private_bytes(encoding, serialization.PrivateFormat.TraditionalOpenSSL, plain),
        )


@pytest.mark.parametrize("days", [(-20, -10), (10, 20)], ids=["expired", "not-yet"])
def test_a_certificate_that_is_not_valid_now(
    vpn: Vpn, tmp_path: Path, days: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    # vici hands a certificate on to charon's reader of PEM, also when it is DER.
    monkeypatch.setattr(settings, "PLUGINS", tuple(dict.fromkeys(("pem", *settings.PLUGINS))))
    authority, now = Authority(), datetime.now(UTC)
    root = authority.certificate.public_bytes(serialization.Encoding.DER)
    vpn.endpoint(vpn.a, vpn.a.connection(vpn.b))
    until(lambda: vpn.heard(IkeEventKind.SYNCED, vpn.a), "the watcher listens")
    ours = authority.issue("cloud.test", now - DAY, now + DAY)
    theirs = authority.issue("paris.test", now + days[0] * DAY, now + days[1] * DAY)
    with StockSwan(vpn.b.endpoint, tmp_path, kernel=KERNEL, plugins=("pem",)) as stock:
        with vpn.control(vpn.a) as session:
            session.load_cert({"type": "X509", "flag": "CA", "data": root})
            session.load_key({"type": "any", "data": ours[1]})
            session.load_conn(
                {"t1": words("cloud.test", ours[0], str(vpn.a.outside), "paris.test", str(vpn.b.outside))}
            )
        with stock.control() as session:
            session.load_cert({"type": "X509", "flag": "CA", "data": root})
            session.load_key({"type": "any", "data": theirs[1]})
            session.load_conn(
                {"x": words("paris.test", theirs[0], str(vpn.b.outside), "cloud.test", str(vpn.a.outside))}
            )
        stock.try_to_initiate("x", "c")
        until(lambda: vpn.heard(IkeEventKind.TROUBLE, vpn.a, Cause.CERTIFICATE_TIME), "the certificate's time is told")
        until(lambda: vpn.heard(IkeEventKind.IKE_DOWN, vpn.a), "the attempt is over")

    trail = NO_TRAIL
    for event in list(vpn.events):
        trail = trail.heard(event, now)
    found = trail.finding(now)
    assert found is not None
    ends = Ends(side=Side.CLOUD, far=vpn.b.outside, near=vpn.a.outside, far_inside=vpn.b.inside)
    assert "certificate is not valid at this time: valid from" in failed(ends, found).text
    assert not vpn.is_up(vpn.a)


def words(own: str, certificate: bytes, here: str, other: str, there: str) -> dict[str, object]:
    """A connection that authenticates by certificates, in the words of swanctl.conf(5)."""
    return {
        "version": "2",
        "local_addrs": [here],
        "remote_addrs": [there],
        "proposals": ["aes128gcm16-prfsha256-ecp256"],
        "local": {"auth": "pubkey", "id": own, "certs": [certificate]},
        "remote": {"auth": "pubkey", "id": other},
        "children": {
            "c": {"local_ts": ["0.0.0.0/1"], "remote_ts": ["0.0.0.0/1"], "esp_proposals": ["aes128gcm16-ecp256"]}
        },
    }
