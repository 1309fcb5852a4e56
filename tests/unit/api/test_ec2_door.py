"""The door as clients meet it: uvicorn on the loopback, boto3 and bare sockets in front, a toy handler behind."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from unittest import mock
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree

import boto3
import pytest
import uvicorn
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.types import Message, Receive
from structlog.testing import capture_logs

from landbridge.api.aws.errors import Ec2Error, dry_run
from landbridge.api.aws.form import MAX_BODY, MAX_HEADERS
from landbridge.api.aws.http import Call, Reply, ec2_app
from landbridge.api.aws.server import ec2_server_config
from landbridge.model.errors import LandbridgeError, NotFound
from landbridge.model.secret import Secret

KEY, SECRET, REGION = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "eu-central-1"
FORM = "application/x-www-form-urlencoded"
ACTIONS = {"DescribeVpcs", "DeleteVpc", "CreateVpc", "CreateTags", "DescribeVpnConnections", "GetCallerIdentity"}


@dataclass(slots=True)
class Service:
    """A running door and what reached its handler."""

    port: int = 0
    calls: list[Call] = field(default_factory=list)

    async def handle(self, call: Call) -> Reply:
        self.calls.append(call)
        if call.dry_run:
            raise dry_run()
        match call.action:
            case "DescribeVpcs":
                return {"Vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "State": "available", "Tags": []}]}
            case "GetCallerIdentity":
                return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:root", "UserId": "123456789012"}
            case "DeleteVpc" if call.params["VpcId"] == "vpc-1":
                return {}
            case "DeleteVpc" if call.params["VpcId"] == "vpc-3":
                raise LandbridgeError("Of no kind at all.")
            case "DeleteVpc":
                raise NotFound("vpc", call.params["VpcId"])
            case "CreateTags":
                raise Ec2Error("RequestLimitExceeded", "Request limit exceeded.", 503)
            case "DescribeVpnConnections":
                return {"VpnConnections": [{"Colour": "red"}]}
            case _:
                raise RuntimeError("the pre-shared key is s3cret")

    def client(self, name: str = "ec2", **more: Any) -> Any:
        """A boto3 client of this door, which does not try again."""
        given = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET, "region_name": REGION} | more
        config = Config(retries={"total_max_attempts": 1, "mode": "standard"})
        return boto3.client(name, endpoint_url=f"http://127.0.0.1:{self.port}", config=config, **given)

    def send(
        self, method: str = "POST", target: str = "/", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, str, str]:
        """Send as is; the status, the code and the message of the refusal, which must be an error document."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return (response.status, *read_error(response.read(), response.headers["content-type"]))
        finally:
            connection.close()

    def send_signed(self, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Send a correctly signed body."""
        return self.send(body=body, headers=self.signed_headers(body, headers or {"Content-Type": FORM}))

    def signed_headers(self, body: bytes, headers: dict[str, str], service: str = "ec2") -> dict[str, str]:
        request = AWSRequest("POST", f"http://127.0.0.1:{self.port}/", headers, body)
        SigV4Auth(Credentials(KEY, SECRET), service, REGION).add_auth(request)
        return dict(request.headers)

    def send_bytes(self, sent: bytes) -> bytes:
        """Send anything at all; everything that comes back until the door closes the connection."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            while chunk := connection.recv(65_536):
                received += chunk
        return received


def read_error(document: bytes, content_type: str | None) -> tuple[str, str]:
    assert content_type == "text/xml;charset=UTF-8"
    root = ElementTree.fromstring(document)
    assert root.tag == "Response"
    assert root.findtext("RequestID")
    return root.findtext("Errors/Error/Code") or "", root.findtext("Errors/Error/Message") or ""


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    """The door, listening on a free port of the loopback."""
    service = Service()
    app = ec2_app(
        service.handle,
        lambda key: Secret(SECRET) if key == KEY else None,
        lambda: datetime.now(UTC),
        lambda: str(uuid4()),
        actions=ACTIONS,
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        service.port = listener.getsockname()[1]
        server = uvicorn.Server(ec2_server_config(app))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield service
        finally:
            server.should_exit = True
            thread.join(timeout=20)
        assert not thread.is_alive()


@pytest.fixture
def door(running: Service) -> Service:
    """The running door with nothing remembered."""
    running.calls.clear()
    return running


def refusal(call: Any, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    assert response["ResponseMetadata"]["RequestId"]
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


class TestBoto3:
    def test_a_describe(self, door: Service) -> None:
        filters = [{"Name": "tag:Name", "Values": ['a "b"\n<c> & d;', ""]}]
        answer = door.client().describe_vpcs(VpcIds=["vpc-1"], Filters=filters)
        expected = {"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16", "State": "available", "Tags": []}
        assert answer["Vpcs"] == [expected]
        (call,) = door.calls
        assert (call.service, call.action, call.region, call.access_key_id) == ("ec2", "DescribeVpcs", REGION, KEY)
        assert call.params == {"VpcIds": ["vpc-1"], "Filters": filters}
        assert call.request_id == answer["ResponseMetadata"]["RequestId"]
        assert not call.dry_run

    def test_an_action_without_output(self, door: Service) -> None:
        assert door.client().delete_vpc(VpcId="vpc-1", DryRun=False)["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert door.calls[0].params == {"VpcId": "vpc-1"}

    def test_sts_on_the_same_port(self, door: Service) -> None:
        assert door.client("sts").get_caller_identity()["Account"] == "123456789012"
        assert door.calls[0].service == "sts"

    def test_a_presigned_url(self, door: Service) -> None:
        url = door.client().generate_presigned_url("delete_vpc", {"VpcId": "vpc-1"}, HttpMethod="GET")
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
        connection.request("GET", url.partition(str(door.port))[2])
        assert b"<return>true</return>" in connection.getresponse().read()
        connection.close()
        assert door.calls[0].params == {"VpcId": "vpc-1"}

    def test_a_domain_error(self, door: Service) -> None:
        expected = (400, "InvalidVpcID.NotFound", "The vpc ID 'vpc-2' does not exist")
        assert refusal(door.client().delete_vpc, VpcId="vpc-2") == expected

    def test_a_dry_run(self, door: Service) -> None:
        expected = (412, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
        assert refusal(door.client().delete_vpc, VpcId="vpc-1", DryRun=True) == expected

    def test_a_status_of_the_handlers_choice(self, door: Service) -> None:
        tags = [{"Key": "a", "Value": "b"}]
        assert refusal(door.client().create_tags, Resources=["vpc-1"], Tags=tags)[:2] == (503, "RequestLimitExceeded")

    def test_an_action_that_is_not_built(self, door: Service) -> None:
        status, code, message = refusal(door.client().describe_images)
        assert (status, code) == (400, "UnsupportedOperation")
        assert message == "landbridge does not have the action DescribeImages. Nothing was changed."
        assert not door.calls

    @pytest.mark.parametrize(
        ("credentials", "expected"),
        [
            ({"aws_access_key_id": "AKIANOBODY"}, (401, "AuthFailure")),
            ({"aws_secret_access_key": "wrong"}, (403, "SignatureDoesNotMatch")),
            ({"aws_session_token": "token"}, (401, "AuthFailure")),
        ],
    )
    def test_credentials(self, door: Service, credentials: dict[str, str], expected: tuple[int, str]) -> None:
        assert refusal(door.client(**credentials).describe_vpcs)[:2] == expected
        assert not door.calls

    @pytest.mark.parametrize("region", ["eu-central-7", "local"])
    def test_a_region_that_aws_has_not(self, door: Service, region: str) -> None:
        expected = (403, "SignatureDoesNotMatch", f"Credential should be scoped to a valid region, not '{region}'.")
        assert refusal(door.client(region_name=region).describe_vpcs) == expected
        assert refusal(door.client("sts", region_name=region).get_caller_identity) == expected
        assert not door.calls

    def test_an_sts_refusal_in_its_own_form(self, door: Service) -> None:
        assert refusal(door.client("sts").get_session_token)[:2] == (400, "UnsupportedOperation")
        for unknown in ({"aws_access_key_id": "AKIANOBODY"}, {"aws_session_token": "token"}):
            for refused in (
                door.client("sts", **unknown).get_caller_identity,
                door.client("iam", **unknown).list_access_keys,
                door.client("cloudwatch", **unknown).list_metrics,
            ):
                message = "The security token included in the request is invalid."
                assert refusal(refused) == (403, "InvalidClientTokenId", message)
        wrong = door.client("sts", aws_secret_access_key="wrong")
        assert refusal(wrong.get_caller_identity)[:2] == (403, "SignatureDoesNotMatch")

    def test_a_domain_error_that_the_table_lacks_is_a_crash(self, door: Service) -> None:
        with capture_logs():
            assert refusal(door.client().delete_vpc, VpcId="vpc-3")[:2] == (500, "InternalError")

    def test_a_crash_is_told_without_what_it_says(self, door: Service) -> None:
        with capture_logs() as logs:
            status, code, message = refusal(door.client().create_vpc, CidrBlock="10.0.0.0/16")
        assert (status, code) == (500, "InternalError")
        (entry,) = logs
        assert entry["request_id"] in message
        assert entry["crash"][0] == "RuntimeError"
        assert any(line.endswith(" handle") for line in entry["crash"])
        assert "s3cret" not in str(entry) + message

    def test_a_reply_that_does_not_fit_is_a_crash(self, door: Service) -> None:
        with capture_logs():
            assert refusal(door.client().describe_vpn_connections)[:2] == (500, "InternalError")


class TestAwsCli:
    def test_a_describe_and_a_refusal(self, door: Service) -> None:
        assert json.loads(aws(door, "describe-vpcs", "--vpc-ids", "vpc-1").stdout)["Vpcs"][0]["VpcId"] == "vpc-1"
        refused = aws(door, "delete-vpc", "--vpc-id", "vpc-2")
        assert "(InvalidVpcID.NotFound) when calling the DeleteVpc operation: The vpc ID 'vpc-2'" in refused.stderr
        assert refused.returncode != 0


def aws(door: Service, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the aws command line against the door, with nothing of the user's own configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{door.port}",
    }
    command = [sys.executable, "-m", "awscli", "ec2", *words, "--output", "json"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)


class TestBodies:
    """What a client can do with a body that a test over a socket would have to wait for."""

    @staticmethod
    def answer(receive: Receive) -> list[Message]:
        app = ec2_app(Service().handle, lambda _: None, lambda: datetime.now(UTC), lambda: "r", actions=ACTIONS)
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}
        asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
        return sent

    def test_one_that_does_not_come(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("landbridge.api.aws.form.BODY_SECONDS", 0.05)

        async def never() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        start, body = self.answer(never)
        assert start["status"] == 408
        assert read_error(body["body"], "text/xml;charset=UTF-8")[0] == "RequestTimeout"

    def test_one_without_end(self) -> None:
        read = 0

        async def endless() -> Message:
            nonlocal read
            read += MAX_BODY
            return {"type": "http.request", "body": b"x" * MAX_BODY, "more_body": True}

        assert self.answer(endless)[0]["status"] == 413
        assert read < 20 * MAX_BODY

    def test_a_client_that_goes_away(self) -> None:
        async def gone() -> Message:
            return {"type": "http.disconnect"}

        assert self.answer(gone)[0]["status"] == 400


class TestBadRequests:
    @pytest.mark.parametrize(
        ("body", "expected"),
        [
            (b"", (400, "MissingAction")),
            (b"Action=", (400, "MissingAction")),
            (b"Version=2016-11-15", (400, "MissingAction")),
            (b"Action=MakeCoffee", (400, "InvalidAction")),
            (b"Action=describevpcs", (400, "InvalidAction")),
            (b"Action=%00", (400, "InvalidAction")),
            (b"Action=DescribeVpcs&Version=latest", (400, "NoSuchVersion")),
            (b"Action=DescribeVpcs&Colour=red", (400, "UnknownParameter")),
            (b"Action=DescribeVpcs&MaxResults=many", (400, "InvalidParameterValue")),
            (b"Action=DescribeVpcs&VpcId.1=a&VpcId.1=b", (400, "InvalidParameterValue")),
            (b"Action=DescribeVpcs&Action=DeleteVpc", (400, "InvalidParameterValue")),
            (b"Action=DeleteVpc", (400, "MissingParameter")),
            (b"Action=DescribeVpcs&VpcId.1=%ff", (400, "MalformedQueryString")),
            (b"Action=DescribeVpcs&VpcId.1=100%", (400, "MalformedQueryString")),
            (b"Action=DescribeVpcs&VpcId.1=%zz", (400, "MalformedQueryString")),
            (b"\xff\xfe", (400, "MalformedQueryString")),
            (b"a&" * 10_000, (400, "MalformedQueryString")),
            (b"Action=GetCallerIdentity", (403, "SignatureDoesNotMatch")),
            (b"x" * (MAX_BODY + 1), (413, "RequestEntityTooLarge")),
        ],
    )
    def test_signed_but_wrong(self, door: Service, body: bytes, expected: tuple[int, str]) -> None:
        assert door.send_signed(body)[:2] == expected
        assert not door.calls

    @pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/xml", "?"])
    def test_a_body_that_is_no_form(self, door: Service, kind: str) -> None:
        assert door.send_signed(b"{}", {"Content-Type": kind})[:2] == (415, "UnsupportedMediaType")

    @pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
    def test_other_methods(self, door: Service, method: str) -> None:
        assert door.send(method)[:2] == (405, "InvalidRequest")

    @pytest.mark.parametrize("target", ["/ec2", "//", "/..", "/%00", "%2F", "/?x/../y"])
    def test_other_paths(self, door: Service, target: str) -> None:
        status, code, _ = door.send("GET", target)
        assert (status, code) in {(404, "InvalidRequest"), (403, "MissingAuthenticationToken")}

    def test_a_clock_that_is_wrong_can_be_set_by_the_answer(self, door: Service) -> None:
        """SDKs correct themselves by the Date header once they are told RequestExpired."""
        headers = self.at(door, "20200101T000000Z")
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
        connection.request("POST", "/", b"Action=DescribeVpcs", headers)
        response = connection.getresponse()
        assert read_error(response.read(), response.headers["content-type"])[0] == "RequestExpired"
        apart = datetime.now(UTC) - parsedate_to_datetime(response.headers["date"])
        assert abs(apart.total_seconds()) < 60
        connection.close()

    @staticmethod
    def at(door: Service, when: str) -> dict[str, str]:
        moment = datetime.strptime(when, "%Y%m%dT%H%M%SZ")
        with mock.patch("botocore.auth.get_current_datetime", return_value=moment):
            return door.signed_headers(b"Action=DescribeVpcs", {"Content-Type": FORM})

    def test_unsigned(self, door: Service) -> None:
        assert door.send(body=b"Action=DescribeVpcs")[:2] == (403, "MissingAuthenticationToken")

    def test_too_many_headers(self, door: Service) -> None:
        headers = {f"X-{number}": "x" for number in range(MAX_HEADERS + 1)}
        assert door.send("GET", headers=headers)[:2] == (431, "RequestHeaderSectionTooLarge")

    @pytest.mark.parametrize(
        "sent",
        [
            b"hello\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
            b"GET /?" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n",
            b"GET http://[/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        ],
    )
    def test_bytes_that_are_hardly_http(self, door: Service, sent: bytes) -> None:
        head, _, document = door.send_bytes(sent).partition(b"\r\n\r\n")
        status = int(head.split()[1])
        assert 400 <= status < 500
        (kind,) = (line[14:] for line in head.split(b"\r\n") if line.lower().startswith(b"content-type: "))
        code, message = read_error(document, kind.decode())
        assert code
        assert message

    def test_the_door_stays_open_after_all_that(self, door: Service) -> None:
        assert door.client().describe_vpcs()["Vpcs"]

    @settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        parameters=st.dictionaries(
            st.sampled_from(
                ["Version", "VpcId.1", "Filter.1.Name", "Filter.1.Value", "Filter.x", "MaxResults", "A.1.B"]
            )
            | st.text(max_size=10),
            st.text(max_size=30),
            min_size=1,
            max_size=6,
        ),
        tail=st.binary(max_size=10),
    )
    def test_whatever_is_sent_is_answered_in_xml_and_never_with_5xx(
        self, door: Service, parameters: dict[str, str], tail: bytes
    ) -> None:
        body = urlencode({"Action": "DescribeVpcs"} | parameters).encode() + b"&Nonsense." + tail
        status, code, _ = door.send_signed(body)
        assert status < 500
        assert code
