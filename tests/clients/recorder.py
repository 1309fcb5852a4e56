"""Between a client and the service, to write down what they say to each other: only where somebody asks for that.

with Recorder("network", configuration, world.url) as recorder:
    ...a client that speaks to recorder.url...
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qsl, urlsplit

import answers
from placeholders import Names
from recording import FOLDER, Asked, Exchange, Phase, Recording, Told

RECORD = os.environ.get("LANDBRIDGE_TERRAFORM_RECORD") == "1"
_SCOPE = re.compile(r"Credential=[^/]+/[0-9]{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")


class Recorder:
    """What a client asks for and is told, one request after the other. `url` is where the client has to ask.

    Where nothing is recorded that is the service itself, and the recording has to be there, and of this configuration.
    """

    def __init__(
        self, name: str, configuration: str, upstream: str, *, record: bool = RECORD, folder: Path = FOLDER
    ) -> None:
        self.records = record
        self.url = upstream
        self._upstream = urlsplit(upstream).netloc
        self._file = folder / f"{name}.txt"
        self._digest = hashlib.sha256(configuration.encode()).hexdigest()
        self._names = Names()
        self._recording = Recording({"client": "", "configuration": self._digest, "region": ""})
        self._one_at_a_time = threading.Lock()
        self._troubles: list[BaseException] = []

    def __enter__(self) -> Recorder:
        if not self.records:
            text = self._file.read_text() if self._file.exists() else ""
            assert f"configuration: {self._digest}\n" in text, (
                f"{self._file.name} was not recorded with this configuration: "
                "record it (anew), as CONTRIBUTING.md says, with LANDBRIDGE_TERRAFORM_RECORD=1"
            )
            return self
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.records:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        if error is None:
            assert not self._troubles, f"not everything was written down: {self._troubles}"
            self._file.write_text(self._recording.text())

    def phase(self, name: str, client: str) -> None:
        """What comes now is asked for by this command of this client."""
        self._recording.about["client"] = client
        self._recording.phases.append(Phase(name))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with recorder._one_at_a_time:
                    response, answer = recorder._hand_on(self.headers.items(), body)
                    try:
                        recorder._write_down(self.headers["Authorization"], body, response.status, answer)
                    except Exception as trouble:  # noqa: BLE001 - told at the end, in the test's own thread
                        recorder._troubles.append(trouble)
                self.send_response_only(response.status)
                for name, value in response.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *values: object) -> None:
                """Nothing: requests are written down in another way."""

        return Handler

    def _hand_on(self, headers: Iterable[tuple[str, str]], body: bytes) -> tuple[HTTPResponse, bytes]:
        """Ask the service exactly this, the signature included."""
        connection = HTTPConnection(self._upstream, timeout=60)
        connection.putrequest("POST", "/", skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body)
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        return response, answer

    def _write_down(self, authorization: str, body: bytes, status: int, answer: bytes) -> None:
        scope = _SCOPE.search(authorization)
        assert scope is not None, "the request is signed in the query or not at all"
        said = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        action = said.pop("Action")
        del said["Version"]
        parameters = self._names.of_request(said)
        what, tree = answers.read(answer)
        if scope["service"] == "ec2":
            self._recording.about["region"] = scope["region"]
        told = Told(status, what, self._names.of_answer(tree))
        exchange = Exchange(Asked(scope["service"], action, tuple(parameters.items())), told)
        self._recording.phases[-1].add(exchange)
