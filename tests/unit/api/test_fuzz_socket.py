"""Raw bytes at the socket of a real service: whatever comes, what goes back is EC2's error document, if anybody hears.

`scripts/test --nightly` tries fifty times as many.
"""

from __future__ import annotations

import configparser
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import boto3
import h11
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_fuzz import NIGHTLY, damaged

from landbridge.api.aws.form import MAX_HEADER_BYTES

pytestmark = pytest.mark.timeout(3600 if NIGHTLY else 300)

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
REQUESTS = [
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n13\r\nAction=DescribeVpcs\r\n0\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nActio\r\n0\r\nTrailer: x\r\n\r\n",
    HEAD + b"Transfer-Encoding: chunked, gzip\r\nContent-Length: 5\r\n\r\nActio",
    HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nActio",
    HEAD + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nActio",
    HEAD + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET http://a:1/?Action=DescribeVpcs#x HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /?%zz%00\xff HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(range(160)),
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 100 + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\nAuthorization: AWS4-HMAC-SHA256 \r\n\r\n",
]


@dataclass(frozen=True)
class Service:
    """A running service without a data plane."""

    url: str
    credentials: Credentials
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def good(self) -> bytes:
        """A request that is answered."""
        body = b"Action=DescribeVpcs&Version=2016-11-15&Filter.1.Name=state&Filter.1.Value.1=available"
        request = AWSRequest("POST", self.url + "/", {"Content-Type": "application/x-www-form-urlencoded"}, body)
        SigV4Auth(self.credentials, "ec2", "eu-central-1").add_auth(request)
        headers = {"Host": self.url.removeprefix("http://"), "Content-Length": len(body), **dict(request.headers)}
        lines = [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(["POST / HTTP/1.1", *lines, "", ""]).encode() + body

    def answers(self, *pieces: bytes) -> bytes:
        """All that comes back until the service closes the connection; it has a minute for that."""
        received = b""
        with socket.create_connection(self.address, timeout=60) as connection:
            with suppress(OSError):  # it may have had enough
                for piece in pieces:
                    connection.sendall(piece)
                connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65_536):
                received += chunk
        return received


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="lb-") as folder:
        log = Path(folder, "log")
        command = [sys.executable, "-m", "landbridge", "serve", "--data-plane", "none", "--listen", "127.0.0.1:0"]
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [*command, "--state", f"{folder}/s"], stdout=subprocess.PIPE, stderr=errors, text=True
            )
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[1]
            keys = configparser.ConfigParser()
            keys.read(f"{folder}/s/credentials")
            key = keys["default"]
            yield Service(url, Credentials(key["aws_access_key_id"], key["aws_secret_access_key"]), log)
            assert process.poll() is None, "it still runs"
        finally:
            process.terminate()
            process.wait(30)


def must_be_answered(sent: bytes) -> bool:
    """Whether there is a whole request in it, or what can be none: by the rules of HTTP, as h11 knows them."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=2 * MAX_HEADER_BYTES)
    if not sent:  # which h11 takes for the end
        return False
    connection.receive_data(sent)
    try:
        while isinstance(event := connection.next_event(), h11.Request | h11.Data):
            pass
    except h11.RemoteProtocolError:
        return True
    return isinstance(event, h11.EndOfMessage)


def check(received: bytes) -> int:
    """Every answer in it is EC2's; how many there are."""
    count = 0
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if status == 100:
            continue
        assert 200 <= status < 500, head
        assert headers[b"content-type"] == b"text/xml;charset=utf-8"
        length = int(headers[b"content-length"])
        document, received = received[:length], received[length:]
        root = ElementTree.fromstring(document)
        if status != 200:
            assert root.tag in ("Response", "{https://sts.amazonaws.com/doc/2011-06-15/}ErrorResponse")
        assert b"Traceback" not in document
        count += 1
    return count


@settings(
    max_examples=10_000 if NIGHTLY else 200,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each case may wait for a minute: none is made simpler
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_comes_over_the_socket(service: Service, data: st.DataObject) -> None:
    base = data.draw(st.one_of(st.just(service.good()), st.sampled_from(REQUESTS)))
    sent = data.draw(st.one_of(damaged(base), damaged(base), st.just(base), st.binary(max_size=300)))
    cut = data.draw(st.integers(0, len(sent)))
    answered = check(service.answers(sent[:cut], sent[cut:]))
    assert answered or not must_be_answered(sent)


@pytest.mark.parametrize("sent", REQUESTS, ids=lambda sent: sent[:20].decode("latin-1") + str(len(sent)))
def test_requests_that_are_odd(service: Service, sent: bytes) -> None:
    assert check(service.answers(sent))


def test_what_comes_after_a_refusal_does_not_take_the_answer_away(service: Service) -> None:
    for _ in range(20):
        assert check(service.answers(b"no HTTP at all\r\n\r\n", *[b"x" * 50_000] * 20)) == 1


@pytest.mark.parametrize("path", [b"/", b"/elsewhere"])
def test_a_body_that_breaks_off(service: Service, path: bytes) -> None:
    """Elsewhere it is answered before the body has come."""
    head = HEAD.replace(b" / ", b" " + path + b" ") + b"Transfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(service.address, timeout=60) as connection:
        connection.sendall(head + b"5\r\nActio\r\n")
        first = connection.recv(65_536) if path != b"/" else b""
        connection.sendall(b"no length\r\n")
        rest = b""
        while chunk := connection.recv(65_536):
            rest += chunk
    assert check(first + rest) == 1


def test_a_good_one_is_answered_and_the_log_knows_of_no_crash(service: Service) -> None:
    received = service.answers(service.good())
    assert check(received) == 1
    assert b"<vpcSet/>" in received
    config = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    client = boto3.client(
        "ec2",
        endpoint_url=service.url,
        region_name="eu-central-1",
        aws_access_key_id=service.credentials.access_key,
        aws_secret_access_key=service.credentials.secret_key,
        config=config,
    )
    assert client.describe_vpcs()["Vpcs"] == []
    said = service.log.read_text()
    assert "Traceback" not in said
    assert "crashed" not in said
