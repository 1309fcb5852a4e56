"""Certificates that want to be trouble: that name URLs, or are larger than any that is needed."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from certified_vpn import cloud, device
from networks import KERNEL, until
from vpn import Side, Vpn

from landbridge.drivers.netlink.inside import inside
from landbridge.drivers.strongswan.settings import LARGEST_MESSAGE
from pki import Pair, Pki, speaking
from stock_swan import StockSwan

pytestmark = [pytest.mark.lab, pytest.mark.timeout(120)]

URL_PORT = 80
CERTIFIED = ("pem", "x509", "pubkey", "pkcs1", "revocation", "constraints")


@pytest.fixture
def pki() -> Pki:
    return Pki()


@pytest.fixture
def stranger(vpn: Vpn) -> Side:
    """Somebody else on the same Internet."""
    side = Side(f"{vpn.prefix}-c", f"{vpn.prefix}-cr", IPv4Address("203.0.113.3"), IPv4Address("169.254.10.3"))
    vpn.outside(side)
    return side


@contextmanager
def listening(side: Side) -> Iterator[socket.socket]:
    """Somebody who would answer to the URLs, at that side's address."""
    with inside(side.endpoint):
        listener = socket.create_server(("0.0.0.0", URL_PORT))
    with listener:
        listener.setblocking(False)
        yield listener


def heard_nothing(listener: socket.socket) -> bool:
    """Whether nobody has connected: the kernel keeps who has for `accept`."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return True
    return False


def url(side: Side) -> str:
    return f"http://{side.outside}:{URL_PORT}/list"


def test_what_certificates_name_is_not_fetched(vpn: Vpn, pki: Pki) -> None:
    """Neither the list of revoked ones nor OCSP's nor the issuer's certificate: on both sides."""
    office, own = pki.device(), pki.endpoint(vpn.b.outside)
    office = Pair(speaking(pki.authority, office, url=url(vpn.a)), office.key)
    own = Pair(speaking(pki.authority, own, url=url(vpn.b)), own.key)
    with ExitStack() as stack:
        listeners = [stack.enter_context(listening(side)) for side in (vpn.a, vpn.b)]
        with inside(vpn.a.endpoint):  # they can be reached at all
            socket.create_connection((str(vpn.b.outside), URL_PORT), 5).close()
        assert [heard_nothing(listener) for listener in listeners] == [True, False]
        vpn.endpoint(vpn.b, cloud(vpn, pki, own, office))
        vpn.endpoint(vpn.a, device(vpn, pki, office))
        vpn.await_up()
        vpn.await_ping()
        assert all(map(heard_nothing, listeners))


def test_a_peer_is_not_invited_to_send_a_url_in_its_certificates_place(
    vpn: Vpn, pki: Pki, stranger: Side, tmp_path: Path
) -> None:
    """Hash and URL (RFC 7296, 3.6): a stock strongSwan that would, if it was asked to, sends the certificate itself."""
    office = pki.device()
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    with (
        listening(stranger) as listener,
        StockSwan(
            stranger.endpoint, tmp_path, kernel=KERNEL, plugins=CERTIFIED, settings=" hash_and_url = yes\n"
        ) as stock,
    ):
        load(stock, vpn, stranger, pki, office, uri=f"http://{stranger.outside}/")
        stock.initiate("office", "net")
        assert 'sending end entity cert "CN=office.example.net"' in stock.log()
        assert "hash-and-url" not in stock.log()
        assert heard_nothing(listener)
    assert vpn.drivers.endpoints.log_file(vpn.b.endpoint).read_text().count("established between") == 1


def load(stock: StockSwan, vpn: Vpn, stranger: Side, pki: Pki, own: Pair, uri: str = "") -> None:
    """The stranger's connection to side b."""
    stock.load_certified(
        "office",
        {
            "version": "2",
            "local_addrs": [str(stranger.outside)],
            "remote_addrs": [str(vpn.b.outside)],
            "proposals": ["aes128gcm16-prfsha256-ecp256"],
            "fragmentation": "yes",
            "send_cert": "always",
            **({"encap": "yes"} if not KERNEL else {}),
            "local": {"auth": "pubkey", "certs": [der(own.certificate)]},
            "remote": {"auth": "pubkey", "id": str(vpn.b.outside)},
            "children": {
                "net": {
                    "local_ts": ["0.0.0.0/0"],
                    "remote_ts": ["0.0.0.0/0"],
                    "esp_proposals": ["aes128gcm16-ecp256"],
                }
            },
        },
        certificate=der(own.certificate),
        key=own.key.reveal(),
        authority={"cacert": pki.authority.certificate, **({"cert_uri_base": uri} if uri else {})},
    )


@pytest.mark.parametrize("size", [12_000, 64_000])
def test_an_oversized_certificate_is_dropped_and_the_tunnel_does_not_notice(
    vpn: Vpn, pki: Pki, stranger: Side, tmp_path: Path, size: int
) -> None:
    """Of the right authority, in as many fragments as it takes. A payload of IKE has 64 KB at most."""
    office = pki.device()
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    vpn.await_ping()
    [before] = vpn.sas(vpn.b)
    pid, memory = vpn.pid(vpn.b), resident(vpn.pid(vpn.b))
    own = pki.device("huge.example.net")
    huge = Pair(speaking(pki.authority, own, padding=size), own.key)
    settings = f" max_packet = {4 * size}\n retransmit_tries = 1\n retransmit_timeout = 0.5\n"
    with StockSwan(stranger.endpoint, tmp_path, kernel=KERNEL, plugins=CERTIFIED, settings=settings) as stock:
        load(stock, vpn, stranger, pki, huge)
        for _ in range(3):
            stock.try_to_initiate("office", "net")
        until(lambda: stock.log().count("giving up after 1 retransmits") >= 1, "it gives up", 20)
        assert "sending end entity cert" in stock.log()
        assert "established between" not in stock.log()
    assert vpn.pid(vpn.b) == pid
    assert any(sa.spi_initiator == before.spi_initiator and sa.up for sa in vpn.sas(vpn.b))
    assert resident(pid) - memory < 4_000_000
    assert vpn.pings()
    assert size > LARGEST_MESSAGE
    log = vpn.drivers.endpoints.log_file(vpn.b.endpoint).read_text()
    assert "huge.example.net" not in log, "it was never looked at"


def der(certificate: str) -> bytes:
    """Without the form's third of more bytes: vici's values have 64 KB."""
    return ssl.PEM_cert_to_DER_cert(certificate)


def resident(pid: int) -> int:
    """Bytes of memory in use."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def test_a_certificate_of_the_largest_size_that_is_used_passes(vpn: Vpn, pki: Pki) -> None:
    """What `customer-gateway up` takes is taken by the endpoint."""
    office = pki.device()
    office = Pair(speaking(pki.authority, office, padding=5_000), office.key)
    vpn.endpoint(vpn.b, cloud(vpn, pki, pki.endpoint(vpn.b.outside), office))
    vpn.endpoint(vpn.a, device(vpn, pki, office))
    vpn.await_up()
