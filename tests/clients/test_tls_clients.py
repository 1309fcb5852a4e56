"""boto3 over TLS, nothing over plain HTTP, and no listening beyond loopback without."""

from __future__ import annotations

import http.client
import shutil
import socket
import ssl
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import SSLError
from serving import Service, landbridge

from landbridge.store.certificates import OwnCertificates
from landbridge.wiring.world import now

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("tls") / "state", "--tls", "--tls-name", "gw.example.net") as running:
        yield running


def bundle(service: Service) -> str:
    return str(service.state / "tls" / "ca.pem")


def test_boto3_with_the_bundle(service: Service) -> None:
    assert service.url.startswith("https://127.0.0.1:")
    ec2 = service.client(verify=bundle(service))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["State"] == "available"
    assert service.client("sts", verify=bundle(service)).get_caller_identity()["Arn"].endswith(":root")


def test_boto3_with_the_bundle_in_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", bundle(service))
    service.client().describe_vpcs()
    service.client(endpoint_url=service.url.replace("127.0.0.1", "localhost")).describe_vpcs()


def test_boto3_without_it_does_not_trust_us(service: Service) -> None:
    with pytest.raises(SSLError):
        service.client().describe_vpcs()


def test_a_name_that_was_asked_for_and_one_that_was_not(service: Service) -> None:
    context = ssl.create_default_context(cafile=bundle(service))
    port = int(service.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), 5) as raw,
        context.wrap_socket(raw, server_hostname="gw.example.net") as secured,
    ):
        assert secured.version() in {"TLSv1.2", "TLSv1.3"}
    with socket.create_connection(("127.0.0.1", port), 5) as raw, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(raw, server_hostname="gw.example.com")


def test_plain_http_gets_nothing(service: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(service.url.rpartition(":")[2]), timeout=10)
    connection.request("GET", "/")
    with pytest.raises((http.client.BadStatusLine, ConnectionError)):
        connection.getresponse()
    connection.close()
    service.client(verify=bundle(service)).describe_vpcs()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_1_gets_nothing(service: Service) -> None:
    context = ssl.create_default_context(cafile=bundle(service))
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2])), 5) as raw,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(raw, server_hostname="localhost")


def test_keys_are_private(service: Service) -> None:
    folder = service.state / "tls"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_the_same_authority_after_another_start_elsewhere(tmp_path: Path) -> None:
    with Service(tmp_path / "s", "--tls") as service:
        trusted = shutil.copy(bundle(service), tmp_path / "ca.pem")
        service.client(verify=trusted).describe_vpcs()
    with Service(tmp_path / "s", "--tls", listen="127.0.0.9:0") as service:
        assert service.url.startswith("https://127.0.0.9:")
        service.client(verify=trusted).describe_vpcs()


def test_beyond_loopback_with_tls(tmp_path: Path) -> None:
    with Service(tmp_path / "s", "--tls", listen="0.0.0.0:0") as service:
        assert service.url.startswith("https://127.0.0.1:"), "a URL that can be used"
        service.client(verify=bundle(service)).describe_vpcs()


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]"])
def test_beyond_loopback_without_tls_there_is_no_service(tmp_path: Path, host: str) -> None:
    listen = ("serve", "--data-plane", "none", "--listen", f"{host}:0", "--state", str(tmp_path / "s"))
    done = landbridge(*listen)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"landbridge: Beyond loopback ({host.strip('[]')}) the EC2 API takes TLS, since answers carry pre-shared keys: "
        "add --tls to have a certificate made, or give one with --tls-cert FILE --tls-key FILE.\n"
    )
    assert not (tmp_path / "s" / "landbridge.db").exists()


def test_a_given_certificate(tmp_path: Path) -> None:
    own = OwnCertificates(tmp_path / "pki")
    own.keep(("gw.example.net", "127.0.0.1"), now())
    given = ("--tls-cert", str(own.server), "--tls-key", str(own.server))
    with Service(tmp_path / "s", *given) as service:
        assert service.url.startswith("https://127.0.0.1:")
        service.client(verify=str(own.authority)).describe_vpcs()
        assert not (tmp_path / "s" / "tls").exists()
    with Service(tmp_path / "s", *given, listen="127.0.0.9:0") as service:
        assert service.url.startswith("https://gw.example.net:"), "a name that the certificate has"


@pytest.mark.nightly
def test_a_given_certificate_that_is_renewed_is_taken_by_the_running_service(tmp_path: Path) -> None:
    own = OwnCertificates(tmp_path / "pki")
    own.keep(("127.0.0.1",), now())
    with Service(tmp_path / "s", "--tls-cert", str(own.server), "--tls-key", str(own.server)) as service:
        port = int(service.url.rpartition(":")[2])
        before = ssl.get_server_certificate(("127.0.0.1", port))
        own.keep(("127.0.0.1", "gw.example.net"), now())
        end = time.monotonic() + 150
        while ssl.get_server_certificate(("127.0.0.1", port)) == before:
            assert time.monotonic() < end, "the renewed certificate is shown"
            time.sleep(1)
        service.client(verify=str(own.authority)).describe_vpcs()


def test_a_bad_certificate_is_a_sentence_and_nothing_is_built(tmp_path: Path) -> None:
    (tmp_path / "gw.pem").write_text("nonsense")
    files = ("--tls-cert", str(tmp_path / "gw.pem"), "--tls-key", str(tmp_path / "gw.pem"))
    done = landbridge("serve", "--data-plane", "none", "--state", str(tmp_path / "s"), *files)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "gw.pem holds no certificate in PEM form" in done.stderr
    assert not (tmp_path / "s").exists()
