"""A recorded client played to a service: its requests in their order, signed as it signs, and every answer compared."""

from __future__ import annotations

import configparser
import time
import uuid
from dataclasses import replace
from http.client import HTTPConnection
from itertools import islice
from urllib.parse import urlencode, urlsplit

import answers
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from matching import NOTHING, Bound, difference, fill, matches
from placeholders import PLACEHOLDER
from recording import Asked, Exchange, Recording, Told
from serving import Service

VERSIONS = {"ec2": "2016-11-15", "sts": "2011-06-15"}
WITHIN = 10.0
"""Seconds in which a state that was recorded has to come."""
MANY = 1000
"""Readings that are followed at the same time."""


class Caller:
    """Sends requests as the AWS SDK for Go does: names sorted, the body's length and the SDK's own headers signed."""

    def __init__(self, service: Service, region: str) -> None:
        keys = configparser.ConfigParser()
        keys.read(service.state / "credentials")
        self._credentials = Credentials(keys["default"]["aws_access_key_id"], keys["default"]["aws_secret_access_key"])
        self._region = region
        self._url = service.url
        self._connection = HTTPConnection(urlsplit(service.url).netloc, timeout=20)

    def ask(self, asked: Asked) -> Told:
        """What the service answers."""
        said = {"Action": asked.action, "Version": VERSIONS[asked.service], **dict(asked.parameters)}
        body = urlencode(sorted(said.items())).encode()
        request = AWSRequest("POST", f"{self._url}/", self._headers(body), body)
        SigV4Auth(self._credentials, asked.service, self._region).add_auth(request)
        self._connection.request("POST", "/", body, dict(request.headers.items()))
        response = self._connection.getresponse()
        return Told(response.status, *answers.read(response.read()))

    def _headers(self, body: bytes) -> dict[str, str]:
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "Content-Length": str(len(body)),
            "Amz-Sdk-Invocation-Id": str(uuid.uuid4()),
            "Amz-Sdk-Request": "attempt=1; max=3",
        }

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def replay(recording: Recording, service: Service, within: float = WITHIN) -> None:
    """Play it, and fail with the first answer that is not the recorded one."""
    caller = Caller(service, recording.about["region"])
    readings = [NOTHING]
    try:
        for phase in recording.phases:
            for number, exchange in enumerate(phase.exchanges, 1):
                readings = _play(exchange, caller, readings, f"{phase.name}, request {number}", within)
    finally:
        caller.close()


def _play(exchange: Exchange, caller: Caller, readings: list[Bound], where: str, within: float) -> list[Bound]:
    """Ask, again and again if that changes nothing, until the answer is the recorded one under one of the readings.

    Several things that came in one list can be told apart only by what is said of them later: until then it is open
    which placeholder is which.
    """
    deadline = time.monotonic() + within
    while True:
        for asked, those in _requests(exchange.asked, readings, where).items():
            told = caller.ask(asked)
            if after := compared(exchange.told, told, those):
                return after
            if not asked.reads:
                break
        if not asked.reads or time.monotonic() > deadline:
            raise AssertionError(f"{where}: {asked}\n{why(exchange.told, told, those[0])}")
        time.sleep(0.05)


def _requests(recorded: Asked, readings: list[Bound], where: str) -> dict[Asked, list[Bound]]:
    """The request with values for placeholders, and the readings that lead to it."""
    requests: dict[Asked, list[Bound]] = {}
    for bound in readings:
        parameters = tuple((name, fill(value, bound)) for name, value in recorded.parameters)
        unknown = [value for _, value in parameters if PLACEHOLDER.search(value)]
        assert not unknown, f"{where} asks for what no answer has named: {unknown}"
        requests.setdefault(replace(recorded, parameters=parameters), []).append(bound)
    return requests


def compared(recorded: Told, told: Told, readings: list[Bound]) -> list[Bound]:
    """What the placeholders can stand for after this answer; nothing if it is not the recorded one."""
    if (recorded.status, recorded.what) != (told.status, told.what):
        return []
    found = (after for bound in readings for after in islice(matches(recorded.tree, told.tree, bound), MANY))
    return list({frozenset(after.items()): after for after in islice(found, MANY)}.values())


def why(recorded: Told, told: Told, bound: Bound) -> str:
    """How the answer is not the recorded one."""
    heads = [f"{each.status} {each.what}" for each in (recorded, told)]
    head = "" if heads[0] == heads[1] else f"recorded: {heads[0]}, answered: {heads[1]}\n"
    return head + difference(recorded.tree, told.tree, bound)
