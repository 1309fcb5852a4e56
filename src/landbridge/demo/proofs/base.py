"""What a proof is: a function that says facts, with figures, and raises as soon as one does not hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from landbridge.demo.probes import Ping
from landbridge.demo.stage import Stage
from landbridge.model.errors import OperatorError


class Disproved(OperatorError):
    """A promise that was not kept. The message says which, and what was seen instead."""


@dataclass(slots=True)
class Show:
    """Where a proof takes place, and where it says what it showed."""

    stage: Stage
    step: Callable[[str], None]
    facts: list[str] = field(default_factory=list)

    def fact(self, text: str) -> None:
        """Something that was shown just now."""
        self.facts.append(text)


Proof = Callable[[Show], None]


def expect(true: object, otherwise: str) -> None:
    """Go on only if it is true.

    Raises:
        Disproved: it is not; the message is `otherwise`.
    """
    if not true:
        raise Disproved(otherwise)


def all_answered(ping: Ping, what: str) -> Ping:
    """Go on only if each ping was answered."""
    expect(ping.all, f"{what}: {ping} answered.")
    return ping


def none_answered(ping: Ping, what: str) -> Ping:
    """Go on only if no ping was answered."""
    expect(ping.received == 0, f"{what}: {ping} answered, and none should be.")
    return ping


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> str:
    """Go on only if EC2's API refuses the call with this code; answers the code.

    Raises:
        Disproved: it was accepted, or refused with another code.
    """
    from botocore.exceptions import ClientError

    try:
        call(**arguments)
    except ClientError as error:
        seen = error.response["Error"]["Code"]
        expect(seen == code, f"{error.operation_name} was refused with {seen} instead of {code}.")
        return code
    raise Disproved(f"{getattr(call, '__name__', 'A call')} was accepted; {code} was expected.")
