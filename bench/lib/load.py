"""A load of signed EC2 requests from several clients at once, each sending its next one when the last was answered.

One thread, raw sockets, requests signed beforehand: what is measured is the server. Connections are kept for as long
as the server keeps them; opening another one counts.
"""

from __future__ import annotations

import gc
import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REGION = "eu-central-1"
CHUNK = 1 << 20


class Refused(RuntimeError):
    """An answer that is no success."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to send, and with whose key."""

    port: int
    key: Credentials

    def request(self, action: str, parameters: Mapping[str, str]) -> bytes:
        """A signed POST as it goes over the wire."""
        body = urlencode({"Action": action, "Version": "2016-11-15", **parameters}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8", "Content-Length": str(len(body))}
        signed = AWSRequest("POST", f"http://127.0.0.1:{self.port}/", headers, body)
        SigV4Auth(self.key, "ec2", REGION).add_auth(signed)
        lines = [f"{name}: {value}" for name, value in signed.headers.items()]
        head = "\r\n".join(["POST / HTTP/1.1", f"Host: 127.0.0.1:{self.port}", *lines, "", ""])
        return head.encode() + body

    def ask(self, action: str, **parameters: str) -> str:
        """The answer to one request."""
        client = _Client(self.port)
        client.send(self.request(action, parameters))
        while not client.receive():
            pass
        client.close()
        return client.document.decode()


@dataclass(frozen=True, slots=True)
class Taken:
    """What a load took. `latencies`: milliseconds from sending to the last byte."""

    seconds: float
    latencies: list[float]

    @classmethod
    def together(cls, parts: Iterable[Taken]) -> Taken:
        """What several loads took."""
        taken = list(parts)
        return cls(sum(each.seconds for each in taken), [ms for each in taken for ms in each.latencies])

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds


@dataclass(slots=True)
class _Client:
    port: int
    connection: socket.socket | None = None
    received: bytearray = field(default_factory=bytearray)
    began: float = 0.0
    body_at: int = 0
    length: int = 0

    def send(self, request: bytes) -> socket.socket:
        self.began = time.perf_counter()
        self.received.clear()
        self.body_at = 0
        if self.connection is None:
            self.connection = socket.create_connection(("127.0.0.1", self.port), timeout=60)
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.sendall(request)
        return self.connection

    def receive(self) -> bool:
        """Take what is there. Whether the answer is complete."""
        assert self.connection is not None
        chunk = self.connection.recv(CHUNK)
        if not chunk:
            raise Refused(f"the server closed the connection after {bytes(self.received[:300])!r}")
        self.received += chunk
        if not self.body_at:
            end = self.received.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = bytes(self.received[:end]).lower()
            self.body_at = end + 4
            self.length = next(int(x[15:]) for x in head.split(b"\r\n") if x.startswith(b"content-length:"))
            if not head.startswith((b"http/1.1 200", b"http/1.0 200")):
                raise Refused(bytes(self.received).decode(errors="replace")[:600])
        if len(self.received) < self.body_at + self.length:
            return False
        if b"\r\nconnection: close" in bytes(self.received[: self.body_at]).lower():
            self.close()
        return True

    @property
    def document(self) -> bytes:
        return bytes(self.received[self.body_at :])

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def drive(server: Server, requests: Iterable[bytes], *, clients: int, seconds: float = 1e9) -> Taken:
    """Send the requests, by so many clients, until there are no more or the time is up; what was sent is awaited."""
    latencies: list[float] = []
    ahead: Iterator[bytes] = iter(requests)
    idle = [_Client(server.port) for _ in range(clients)]
    gc.disable()
    try:
        with selectors.DefaultSelector() as waiting:
            began = time.perf_counter()
            end = began + seconds
            while True:
                while idle and time.perf_counter() < end and (request := next(ahead, None)) is not None:
                    client = idle.pop()
                    waiting.register(client.send(request), selectors.EVENT_READ, client)
                if not waiting.get_map():
                    break
                ready = waiting.select(60)
                if not ready:
                    raise Refused("no answer within a minute")
                for key, _ in ready:
                    client = key.data
                    if client.receive():
                        latencies.append(1000 * (time.perf_counter() - client.began))
                        waiting.unregister(key.fileobj)
                        idle.append(client)
            taken = Taken(time.perf_counter() - began, latencies)
    finally:
        gc.enable()
        for client in idle:
            client.close()
    return taken
