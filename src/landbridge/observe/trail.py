"""What has happened to one tunnel's IKE, and what that says of why it is down: charon's lines and events, folded. Pure.

A trail is bounded: the last happenings, and of the last attempt what its lines told. charon's lines hold what a peer
says of itself; it is kept short, printable, and never taken for anything but text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from landbridge.observe.ike import Cause, IkeEvent, IkeEventKind, cause_of

MOST: Final = 40
"""Happenings that are kept; one that repeats is one."""
LONGEST: Final = 300
"""Characters of one that are kept."""
LONGEST_OFFER: Final = 2_000
PATIENCE: Final = timedelta(seconds=5)
"""How long the second exchange may take after the first before it counts as missing."""
_IKE_PORT: Final = 500
_TRIES: Final = 3
"""Retransmissions of IKE_AUTH after which it is missing."""

_AWAY: Final = (Cause.PEER_CLOSED, Cause.DPD_TIMEOUT, Cause.PEER_SILENT)
"""Causes that leave open where the peer is now: a stranger who asks may be it."""

_PACKET: Final = re.compile(r"received packet: from ([0-9.]+)\[([0-9]+)\]")
_NO_CONFIG: Final = re.compile(r"no IKE config found for \S+?\.\.\.([0-9.]+), ")
_LOOKED_FOR: Final = re.compile(
    r"looking for .*peer configs? matching [0-9.]+(?:\[(?P<near>.*)\])?\.\.\.[0-9.]+\[(?P<far>.*)\]$"
)
_SELECTORS: Final = re.compile(r"traffic selectors (.+) unacceptable|no matching CHILD_SA config found for (.+)")
_GIVING_UP: Final = re.compile(r"giving up after ([0-9]+) retransmits")
_RETRANSMIT: Final = re.compile(r"retransmit ([0-9]+) of request with message ID 1\b")
_VALIDITY: Final = re.compile(r"certificate invalid \((valid from .+)\)$")
_DULL: Final = re.compile(
    r"(?:interface |fe80|flags changed|added vici|(?:un)?loaded |updated vici|removed |sending packet|received packet"
    r"|generating |parsed |scheduling |maximum |peer supports|selected |looking for|(?:received|configured) proposals: "
    r"|authentication of .* \(myself\)|sending keep|.* disappeared|.* appeared|vici |remote host is behind|local host "
    r"is behind|faking NAT|error writing to socket|received .* vendor ID|IKE_SA deleted|deleting IKE_SA"
    r"|(?:sending|received) cert request|  (?:using|reached|id not) )"
)


_COUNTED: Final = re.compile(r"\[[0-9]+\](?!\.)|\{[0-9]+\}|retransmit [0-9]+|\([0-9]+/[0-9]+\)|SPIs? [0-9a-f_io ]+")
"""What differs between two lines that say the same: numbers of attempts and of SAs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened, in words, and when: the last time, of what repeats."""

    at: datetime
    what: str
    times: int = 1
    since: datetime | None = None
    """The first of several times."""
    turn: bool = False
    """Something else begins here: what comes after it is no repetition of what was before."""


def noted(last: tuple[Happening, ...], what: str, at: datetime, *, turn: bool = False) -> tuple[Happening, ...]:
    """With one more; of too many the oldest goes. What repeats since the last turn is told once: how often, and when
    last. A peer that fails again and again does not push out what was before."""
    fresh = Happening(at=at, what=what[:LONGEST], turn=turn)
    if not turn:
        alike = _COUNTED.sub("", fresh.what)
        for place in range(len(last) - 1, -1, -1):
            old = last[place]
            if old.turn:
                break
            if _COUNTED.sub("", old.what) == alike:
                again = replace(fresh, times=old.times + 1, since=old.since or old.at)
                return (*last[:place], *last[place + 1 :], again)
    return (*last[1 - MOST :], fresh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Why the last attempt failed. `said`: what the peer said that is the cause, where it is that. `expected`: what was
    expected of it. Of proposals both are charon's lists."""

    cause: Cause
    said: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """One tunnel's. What is empty or None was not told."""

    last: tuple[Happening, ...] = ()
    found: Finding | None = None
    stranger: str = ""
    """The address of who asked last and is not the peer."""
    up: bool = False
    """Whether a CHILD SA was up when something was heard last."""
    answered: datetime | None = None
    """When the first exchange of an attempt was done here, while the second one has not come."""
    again: bool = False
    """The peer has asked the same again: it was not reached by the answer."""
    port: int = _IKE_PORT
    """That the peer's last packet came from."""
    was_answered: bool = False
    """Of an attempt of this side: the first exchange is done."""
    offered: str = ""
    taken: str = ""
    """The proposals of the peer and of this side that were compared last."""
    near_id: str = ""
    far_id: str = ""
    """The identities that a connection was looked for by last."""

    def finding(self, now: datetime) -> Finding | None:
        """Why it is down at this time: silence comes to mean something, too."""
        if self.answered is not None and now - self.answered > PATIENCE:
            if self.again:
                return Finding(cause=Cause.ANSWERS_LOST)
            if self.port != _IKE_PORT:
                return Finding(cause=Cause.NAT_WITHOUT_NAT_T, said=str(self.port))
            return Finding(cause=Cause.IKE_AUTH_MISSING)
        if self.stranger and (self.found is None or self.found.cause in _AWAY):
            return Finding(cause=Cause.UNKNOWN_PEER, said=self.stranger)
        return self.found

    def heard(self, event: IkeEvent, at: datetime) -> Trail:
        """With an event, or a line, of the endpoint's charon."""
        match event.kind:
            case IkeEventKind.SAID:
                return self._line(plain(event.text), at)
            case IkeEventKind.CHILD_UP:
                return replace(
                    self, found=None, stranger="", up=True, answered=None, again=False, was_answered=False
                )._turn("The CHILD SA is up.", at)
            case IkeEventKind.CHILD_DOWN | IkeEventKind.IKE_DOWN:
                words = "The CHILD SA is down." if event.kind is IkeEventKind.CHILD_DOWN else "The IKE SA is down."
                return replace(self, up=False, was_answered=False)._turn(words, at) if self.up else self
            case IkeEventKind.CHILD_REKEYED:
                return self._note("The CHILD SA was rekeyed.", at)
            case IkeEventKind.IKE_REKEYED:
                return self._note("The IKE SA was rekeyed.", at)
            case IkeEventKind.GONE:
                return replace(Trail(last=self.last), found=None)._turn("The IKE daemon ended.", at)
        return self

    def seen_up(self) -> Trail:
        """A look has found a CHILD SA up: its event may have been missed, or another SA have ended since."""
        return self if self.up else replace(self, up=True)

    def _note(self, what: str, at: datetime) -> Trail:
        return replace(self, last=noted(self.last, what, at))

    def _turn(self, what: str, at: datetime) -> Trail:
        return replace(self, last=noted(self.last, what, at, turn=True))

    def _line(self, line: str, at: datetime) -> Trail:
        told = self if dull(line) else self._note(line, at)
        if (packet := _PACKET.match(line)) is not None:
            return told if told.port == int(packet[2]) else replace(told, port=int(packet[2]))
        if line.startswith("received proposals: "):
            return replace(told, offered=line.partition(": ")[2][:LONGEST_OFFER])
        if line.startswith("configured proposals: "):
            return replace(told, taken=line.partition(": ")[2][:LONGEST_OFFER])
        if (looked := _LOOKED_FOR.match(line)) is not None:
            return replace(told, near_id=(looked["near"] or "")[:LONGEST], far_id=looked["far"][:LONGEST])
        if (stranger := _NO_CONFIG.match(line)) is not None:
            return replace(told, stranger=stranger[1])
        return told._exchanged(line, at)._concluded(line)

    def _exchanged(self, line: str, at: datetime) -> Trail:
        """How far the two sides have come: what is answered, and what does not come."""
        if line.endswith((" is initiating an IKE_SA", " is initiating a Main Mode IKE_SA")):
            return replace(self, again=False)
        if line.startswith(("generating IKE_SA_INIT response 0 [ SA KE", "generating ID_PROT response 0 [ KE")):
            return replace(self, answered=self.answered or at)
        if line.startswith(("parsed IKE_AUTH request", "parsed ID_PROT request 0 [ ID")):
            return replace(self, answered=None, again=False)
        if line.startswith(("parsed IKE_SA_INIT response 0 [ SA KE", "parsed ID_PROT response 0 [ KE")):
            return replace(self, was_answered=True)
        if line.startswith(("parsed IKE_AUTH response", "parsed ID_PROT response 0 [ ID")):
            return replace(self, was_answered=False)
        if line.startswith("received retransmit of request with ID 0") and self.answered is not None:
            return replace(self, again=True)
        missing = _RETRANSMIT.match(line)
        if missing is not None and self.was_answered and int(missing[1]) >= _TRIES:
            return replace(self, found=Finding(cause=Cause.IKE_AUTH_MISSING))
        return self

    def _concluded(self, line: str) -> Trail:
        """What a line says of the attempt as a whole."""
        cause = cause_of(line)
        if cause is None:
            return self
        found = self._found(cause, line)
        return self if found is None else replace(self, found=found, answered=None, again=False)

    def _found(self, cause: Cause, line: str) -> Finding | None:
        match cause:
            case Cause.NO_PROPOSAL_CHOSEN | Cause.NO_ESP_PROPOSAL:
                if line.startswith("received NO_PROPOSAL_CHOSEN"):  # the peer's word, which names nothing
                    return Finding(cause=cause)
                phase = Cause.NO_ESP_PROPOSAL if self.offered.startswith("ESP:") else Cause.NO_PROPOSAL_CHOSEN
                return Finding(cause=phase, said=self.offered, expected=self.taken)
            case Cause.WRONG_IDENTITY:
                return Finding(cause=cause, said=self.far_id, expected=self.near_id)
            case Cause.TRAFFIC_SELECTORS:
                named = _SELECTORS.search(line)
                return Finding(cause=cause, said=(named[1] or named[2])[:LONGEST] if named is not None else "")
            case Cause.CERTIFICATE_TIME:
                valid = _VALIDITY.search(line)
                return Finding(cause=cause, said=valid[1][:LONGEST] if valid is not None else "")
            case Cause.CERTIFICATE if self.found is not None and self.found.cause is Cause.CERTIFICATE_TIME:
                return None  # because of that
            case Cause.PEER_CLOSED:
                return Finding(cause=cause) if self.up else None  # else it tidies up after an attempt that failed
            case Cause.PEER_SILENT:
                return self._silent(line)
        return Finding(cause=cause)

    def _silent(self, line: str) -> Finding | None:
        before = self.found.cause if self.found is not None else None
        if self.up:
            tries = _GIVING_UP.search(line)
            return Finding(cause=Cause.DPD_TIMEOUT, said=tries[1] if tries is not None else "")
        if before is Cause.DPD_TIMEOUT or (before is Cause.IKE_AUTH_MISSING and self.was_answered):
            return None  # nothing new
        return Finding(cause=Cause.IKE_AUTH_MISSING if self.was_answered else Cause.PEER_SILENT)


NO_TRAIL: Final = Trail()
"""Of a tunnel of which nothing was heard."""


def dull(line: str) -> bool:
    """Whether nobody wants to read that line of charon's."""
    return _DULL.match(line) is not None


def plain(text: str) -> str:
    """One line that any terminal can show."""
    return "".join(c if c.isprintable() else "?" for c in text[: 2 * LONGEST_OFFER])
