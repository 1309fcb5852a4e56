"""The service's own certificates: one authority for good, a server's certificate that is renewed before it expires."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from landbridge.store.certificates import AUTHORITY_DAYS, SERVER_DAYS, CertificateError, OwnCertificates

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
NAMES = ("localhost", "127.0.0.1", "::1", "gw.example.net")


@pytest.fixture
def kept(tmp_path: Path) -> OwnCertificates:
    made = OwnCertificates(tmp_path / "tls")
    assert made.keep(NAMES, NOW)
    return made


def serial(path: Path) -> int:
    return x509.load_pem_x509_certificate(path.read_bytes()).serial_number


def test_they_are_private_and_for_those_names(kept: OwnCertificates) -> None:
    folder = kept.authority.parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {path.name for path in folder.iterdir()} == {"ca.pem", "ca.key", "server.pem"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert b"PRIVATE KEY" not in kept.authority.read_bytes()
    server = x509.load_pem_x509_certificate(kept.server.read_bytes())
    authority = x509.load_pem_x509_certificate(kept.authority.read_bytes())
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "gw.example.net"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_nothing_is_made_while_all_is_well(kept: OwnCertificates) -> None:
    before = serial(kept.server), serial(kept.authority)
    assert not kept.keep(NAMES, NOW + timedelta(days=SERVER_DAYS * 0.6))
    assert (serial(kept.server), serial(kept.authority)) == before


def test_the_servers_is_renewed_before_it_expires_and_the_authority_stays(kept: OwnCertificates) -> None:
    server, authority = serial(kept.server), serial(kept.authority)
    assert kept.keep(NAMES, NOW + timedelta(days=SERVER_DAYS * 0.7))
    assert serial(kept.server) != server
    assert serial(kept.authority) == authority


def test_other_names_take_another_certificate(kept: OwnCertificates) -> None:
    before = serial(kept.server)
    assert kept.keep((*NAMES, "192.0.2.1"), NOW)
    assert serial(kept.server) != before


def test_an_old_authority_is_renewed_under_its_key(kept: OwnCertificates) -> None:
    """Who trusts the old certificate trusts what is signed now."""
    old = x509.load_pem_x509_certificate(kept.authority.read_bytes())
    assert kept.keep(NAMES, NOW + timedelta(days=AUTHORITY_DAYS * 0.9))
    assert serial(kept.authority) != old.serial_number
    x509.load_pem_x509_certificate(kept.server.read_bytes()).verify_directly_issued_by(old)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_damaged_server_certificate_is_made_anew(kept: OwnCertificates, content: bytes) -> None:
    kept.server.write_bytes(content)
    assert kept.keep(NAMES, NOW)
    assert not kept.keep(NAMES, NOW)


@pytest.mark.parametrize("name", ["ca.pem", "ca.key"])
def test_a_damaged_authority_says_what_to_do(kept: OwnCertificates, name: str) -> None:
    (kept.authority.parent / name).write_bytes(b"nonsense")
    before = serial(kept.server)
    with pytest.raises(CertificateError, match=r"damaged.*remove .*tls"):
        kept.keep(NAMES, NOW)
    assert serial(kept.server) == before


def test_a_certificate_of_another_authority_is_not_kept(kept: OwnCertificates, tmp_path: Path) -> None:
    other = OwnCertificates(tmp_path / "other")
    other.keep(NAMES, NOW)
    kept.server.write_bytes(other.server.read_bytes())
    assert kept.keep(NAMES, NOW)
    x509.load_pem_x509_certificate(kept.server.read_bytes()).verify_directly_issued_by(
        x509.load_pem_x509_certificate(kept.authority.read_bytes())
    )


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "tls").touch()
    with pytest.raises(CertificateError, match="--tls-cert"):
        OwnCertificates(tmp_path / "tls").keep(NAMES, NOW)
