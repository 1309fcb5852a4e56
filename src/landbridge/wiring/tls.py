"""TLS of the EC2 door: which certificate, checked before anything is built, and taken anew when it has been renewed.

Either somebody gives a certificate and its key, or the service keeps its own (`store/certificates.py`). Imported only
when it is needed: the libraries take a tenth of a second.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Protocol

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from landbridge.model.errors import OperatorError
from landbridge.store.certificates import OwnCertificates
from landbridge.store.folder import Folder

log = structlog.get_logger(__name__)

_ALWAYS: Final = ("localhost", "127.0.0.1", "::1")
_LONGEST_DNS_NAME: Final = 253
_TO_ANYWHERE: Final = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses of documentation: where packets to anybody out there would leave."""


class BadCertificate(OperatorError):
    """TLS cannot be had with these files. The message says what to do."""


class Source(Protocol):
    """Where the certificate comes from."""

    certificate: Path
    """PEM, the chain behind it included."""
    key: Path

    @property
    def bundle(self) -> Path | None:
        """What clients have to trust (AWS_CA_BUNDLE); None if they do already."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """DNS names and addresses that the certificate is for."""
        ...

    def keep(self) -> None:
        """See that the files are there and good.

        Raises:
            BadCertificate, CertificateError.
        """
        ...


class Given:
    """A certificate that somebody else looks after. Who renews it replaces the files."""

    def __init__(self, certificate: Path, key: Path, now: Callable[[], datetime]) -> None:
        self.certificate = certificate.absolute()
        self.key = key.absolute()
        self._now = now

    @property
    def bundle(self) -> Path | None:
        """A self-signed certificate vouches for itself; others are for the clients' own list of authorities."""
        shown = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        return self.certificate if shown.issuer == shown.subject else None

    @property
    def names(self) -> tuple[str, ...]:
        """Those that it says, without wildcards."""
        shown = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        try:
            said = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return ()
        dns = [name for name in said.get_values_for_type(x509.DNSName) if not name.startswith("*")]
        return (*dns, *map(str, said.get_values_for_type(x509.IPAddress)))

    def keep(self) -> None:
        """Check both files.

        Raises:
            BadCertificate.
        """
        text, secret = _read(self.certificate), _read(self.key)
        try:
            shown = x509.load_pem_x509_certificate(text)
        except ValueError:
            raise BadCertificate(
                f"{self.certificate} holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)."
            ) from None
        try:
            key = load_pem_private_key(secret, None)
        except TypeError:
            raise BadCertificate(
                f"The key in {self.key} is encrypted, and nobody is there to type its passphrase. Give it without."
            ) from None
        except ValueError:
            raise BadCertificate(
                f"{self.key} holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)."
            ) from None
        if key.public_key() != shown.public_key():
            raise BadCertificate(f"The key in {self.key} does not belong to the certificate in {self.certificate}.")
        if self._now() >= shown.not_valid_after_utc:
            raise BadCertificate(
                f"The certificate in {self.certificate} expired at {shown.not_valid_after_utc:%Y-%m-%d %H:%M} UTC. "
                "Renew it."
            )
        if self._now() < shown.not_valid_before_utc:
            raise BadCertificate(
                f"The certificate in {self.certificate} is not valid before {shown.not_valid_before_utc:%Y-%m-%d %H:%M}"
                " UTC. Set this machine's clock, or wait."
            )


class Own:
    """The service's own certificate in its state folder."""

    def __init__(self, folder: Folder, names: tuple[str, ...], now: Callable[[], datetime]) -> None:
        self._kept = OwnCertificates(folder.certificates)
        self.names = names
        self._now = now
        self.certificate = self.key = self._kept.server

    @property
    def bundle(self) -> Path | None:
        """The authority's certificate."""
        return self._kept.authority

    def keep(self) -> None:
        """Make what is missing, renew what is old.

        Raises:
            CertificateError.
        """
        if self._kept.keep(self.names, self._now()):
            log.info("certificate made", certificate=str(self.certificate), names=list(self.names))


class Tls:
    """The door's TLS context. It stays the same one when the certificate in it changes."""

    def __init__(self, source: Source) -> None:
        """Check and load the certificate.

        Raises:
            BadCertificate, CertificateError: it cannot be used.
        """
        self._source = source
        source.keep()
        self.context = _context()
        _load(self.context, source)
        self._seen = self._stamp()
        self._told = ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What uvicorn's configuration takes."""
        return {"ssl_context_factory": lambda _config, _default: self.context}

    def name_for(self, *preferred: str) -> str:
        """What a client may call the service by: the first of these that the certificate is for, or one that it has."""
        known = self._source.names
        return next((name for name in preferred if name in known), known[0] if known else preferred[-1])

    @property
    def bundle(self) -> Path | None:
        """What clients have to trust (AWS_CA_BUNDLE); None if they do already."""
        return self._source.bundle

    def look(self) -> bool:
        """Renew what gets old. Answers whether there is a newer certificate to `take`.

        What is bad is told of once; what was loaded before stays in use.
        """
        try:
            self._source.keep()
            newer = self._stamp() != self._seen
            if newer:
                _load(_context(), self._source)  # a context that fails to load is spoilt: try with another one
        except OperatorError as error:
            if str(error) != self._told:
                log.error("certificate not taken", why=str(error))
            self._told = str(error)
            return False
        self._told = ""
        return newer

    def take(self) -> None:
        """Load what there is now, for connections from now on.

        Call it in the thread that accepts connections: for a moment certificate and key do not belong together.
        """
        stamp = self._stamp()
        _load(self.context, self._source)
        self._seen = stamp
        log.info("certificate loaded", certificate=str(self._source.certificate))

    def _stamp(self) -> tuple[tuple[int, int], ...]:
        found = (self._source.certificate.stat(), self._source.key.stat())
        return tuple((file.st_ino, file.st_mtime_ns) for file in found)


def names_of(host: str, listener: socket.socket, more: tuple[str, ...]) -> tuple[str, ...]:
    """What clients may call the service by: loopback, where it listens, this machine's name, and what was asked for.

    On all addresses, it is the one that this machine goes out with.
    """
    address = listener.getsockname()[0]
    if ip_address(address).is_unspecified:
        address = _address_towards_anywhere(listener.family) or ""
    names = (*_ALWAYS, host, address, socket.gethostname(), *more)
    return tuple(dict.fromkeys(name for name in map(_without_scope, names) if _can_be_certified(name)))


def _without_scope(name: str) -> str:
    return name.partition("%")[0].lower()


def _can_be_certified(name: str) -> bool:
    try:
        return not ip_address(name).is_unspecified
    except ValueError:
        return name.isascii() and 0 < len(name) <= _LONGEST_DNS_NAME


def _address_towards_anywhere(family: int) -> str | None:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_TO_ANYWHERE[socket.AddressFamily(family)], 9))  # of a datagram socket: nothing is sent
        except OSError:
            return None
        return str(probe.getsockname()[0])


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


def _load(context: ssl.SSLContext, source: Source) -> None:
    try:
        context.load_cert_chain(source.certificate, source.key, password=lambda: "")
    except (ssl.SSLError, OSError) as error:
        reason = str(getattr(error, "reason", None) or error.strerror).lower().replace("_", " ")
        raise BadCertificate(f"TLS cannot be set up with {source.certificate} ({reason}).") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadCertificate(
            f"{path} cannot be read ({error.strerror}). Give a certificate and its key that this user may read."
        ) from None
