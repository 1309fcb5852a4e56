"""TLS of the EC2 door: what certificates are taken, under which names, and that renewed ones are taken at work."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest
import structlog
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from landbridge.store.certificates import SERVER_DAYS
from landbridge.store.folder import Folder
from landbridge.wiring.tls import BadCertificate, Given, Own, Tls, names_of

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@dataclass
class Files:
    """A self-signed certificate and its key in two files."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "gw.pem"

    @property
    def key(self) -> Path:
        return self.folder / "gw.key"

    def write(
        self,
        *names: str,
        since: datetime = NOW - DAY,
        until: datetime = NOW + DAY,
        key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
        encryption: KeySerializationEncryption | None = None,
    ) -> int:
        """Make and write both; the certificate's serial number."""
        made = key or ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw")])
        general = [_general(each) for each in names or ("localhost",)]
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(made.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(since)
            .not_valid_after(until)
            .add_extension(x509.SubjectAlternativeName(general), critical=False)
            .sign(made, hashes.SHA256())
        )
        self.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        self.key.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()))
        return certificate.serial_number

    def tls(self, now: Callable[[], datetime] = lambda: NOW) -> Tls:
        return Tls(Given(self.certificate, self.key, now))


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(tmp_path)
    made.write()
    return made


def handshake(server: ssl.SSLContext, bundle: Path, name: str = "localhost") -> ssl.SSLObject:
    """A client's side of a connection, verified, without a network."""
    client = ssl.create_default_context(cafile=str(bundle))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 and later are by default
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname=name)
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for end in (here, there, here, there):
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            continue
    assert here.version() in {"TLSv1.2", "TLSv1.3"}
    return here


def serial_shown(server: ssl.SSLContext, bundle: Path, name: str = "localhost") -> int:
    shown = handshake(server, bundle, name).getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


class TestOwn:
    def test_clients_that_trust_the_authority_trust_it_by_every_name(self, tmp_path: Path) -> None:
        tls = Tls(Own(Folder(tmp_path), ("localhost", "127.0.0.1", "gw.example.net"), lambda: NOW))
        assert tls.bundle == tmp_path / "tls" / "ca.pem"
        for name in ("localhost", "127.0.0.1", "gw.example.net"):
            handshake(tls.context, tls.bundle, name)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            handshake(tls.context, tls.bundle, "example.com")

    def test_nobody_else_trusts_it(self, tmp_path: Path, files: Files) -> None:
        tls = Tls(Own(Folder(tmp_path / "s"), ("localhost",), lambda: NOW))
        with pytest.raises(ssl.SSLCertVerificationError):
            handshake(tls.context, files.certificate)

    def test_nothing_older_than_tls_1_2(self, tmp_path: Path) -> None:
        tls = Tls(Own(Folder(tmp_path), ("localhost",), lambda: NOW))
        assert tls.context.minimum_version is ssl.TLSVersion.TLSv1_2

    def test_it_is_renewed_while_the_service_runs(self, tmp_path: Path) -> None:
        clock = [NOW - SERVER_DAYS * DAY * 0.9]  # made long ago
        tls = Tls(Own(Folder(tmp_path), ("localhost",), lambda: clock[0]))
        assert tls.bundle is not None
        first, trusted = serial_shown(tls.context, tls.bundle), tls.bundle.read_bytes()
        clock[0] = NOW
        assert tls.look()
        tls.take()
        assert serial_shown(tls.context, tls.bundle) != first
        assert tls.bundle.read_bytes() == trusted
        assert not tls.look()


class TestGiven:
    def test_a_self_signed_one_vouches_for_itself(self, files: Files) -> None:
        tls = files.tls()
        assert tls.bundle == files.certificate
        handshake(tls.context, files.certificate)

    def test_one_of_an_authority_is_for_the_clients_own_list(self, files: Files, tmp_path: Path) -> None:
        own = Own(Folder(tmp_path / "s"), ("localhost",), lambda: NOW)
        own.keep()
        assert Tls(Given(own.certificate, own.key, lambda: NOW)).bundle is None

    def test_a_renewed_one_is_taken_while_the_service_runs(self, files: Files) -> None:
        tls = files.tls()
        renewed = files.write()
        assert tls.look()
        tls.take()
        assert serial_shown(tls.context, files.certificate) == renewed

    def test_a_bad_one_is_not_taken_and_told_of_once(self, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
        # Whatever an earlier test had logs go to is remembered by the logger that it used.
        structlog.reset_defaults()
        monkeypatch.setattr("landbridge.wiring.tls.log", structlog.get_logger())
        good, tls = files.certificate.read_bytes(), files.tls()
        first = serial_shown(tls.context, files.certificate)
        files.certificate.write_bytes(b"half a cert")
        with mock.patch("landbridge.wiring.tls.log") as log:
            assert not tls.look()
            assert not tls.look()
        (((event,), told),) = log.error.call_args_list
        assert event == "certificate not taken"
        assert str(files.certificate) in told["why"]
        files.certificate.write_bytes(good)
        assert serial_shown(tls.context, files.certificate) == first

    def test_what_does_not_belong_together(self, files: Files, tmp_path: Path) -> None:
        (tmp_path / "b").mkdir()
        other = Files(tmp_path / "b")
        other.write()
        with pytest.raises(BadCertificate, match=r"gw\.key does not belong to the certificate in .*gw\.pem"):
            Tls(Given(files.certificate, other.key, lambda: NOW))

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("gw.pem", b"", "holds no certificate in PEM form"),
            ("gw.pem", b"\x00\xff nonsense", "holds no certificate in PEM form"),
            ("gw.key", b"nonsense", "holds no private key in PEM form"),
            ("gw.pem", None, "cannot be read (No such file or directory)"),
            ("gw.key", None, "cannot be read (No such file or directory)"),
        ],
    )
    def test_what_is_none(self, files: Files, name: str, content: bytes | None, said: str) -> None:
        path = files.folder / name
        if content is None:
            path.unlink()
        else:
            path.write_bytes(content)
        with pytest.raises(BadCertificate) as refused:
            files.tls()
        assert str(refused.value).startswith(str(path))
        assert said in str(refused.value)

    def test_a_key_with_a_passphrase(self, files: Files) -> None:
        files.write(encryption=BestAvailableEncryption(b"hush"))
        with pytest.raises(BadCertificate, match="encrypted"):
            files.tls()

    def test_one_out_of_its_time(self, files: Files) -> None:
        for now, said in ((NOW + 2 * DAY, "expired at"), (NOW - 2 * DAY, "not valid before")):
            with pytest.raises(BadCertificate, match=said):
                files.tls(lambda now=now: now)  # type: ignore[misc]

    def test_one_that_openssl_finds_too_weak(self, files: Files) -> None:
        files.write(key=rsa.generate_private_key(65537, 1024))
        with pytest.raises(BadCertificate, match="too small"):
            files.tls()


class TestNames:
    @pytest.mark.parametrize(
        ("preferred", "expected"),
        [
            (("127.0.0.1", "127.0.0.1"), "127.0.0.1"),
            (("gw.example.net", "192.0.2.1"), "gw.example.net"),
            (("0.0.0.0", "198.51.100.1"), "gw.example.net"),
        ],
    )
    def test_a_url_has_a_name_that_the_certificate_has(
        self, files: Files, preferred: tuple[str, str], expected: str
    ) -> None:
        files.write("*.example.net", "gw.example.net", "127.0.0.1")
        assert files.tls().name_for(*preferred) == expected

    def test_loopback_the_machine_where_it_listens_and_what_was_asked_for(self) -> None:
        with socket.create_server(("127.0.0.9", 0)) as listener:
            names = names_of("127.0.0.9", listener, ("GW.example.net", "192.0.2.1"))
        assert {"localhost", "127.0.0.1", "::1", "127.0.0.9", "gw.example.net", "192.0.2.1"} <= set(names)
        assert socket.gethostname().lower() in names
        assert len(set(names)) == len(names)

    def test_everywhere_is_no_name(self) -> None:
        with socket.create_server(("0.0.0.0", 0)) as listener:
            names = names_of("0.0.0.0", listener, ())
        assert "0.0.0.0" not in names
        assert "127.0.0.1" in names
