"""charon's control socket: each call opens it, says one thing with a time limit, and closes it.

A fresh connection costs less than a tenth of a millisecond and can never be a stale one. One command at a time per
daemon, and `initiate` and `terminate` never stream their log: strongSwan before 5.9.11 can deadlock otherwise.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import vici
from vici.exception import CommandException, DeserializationException, EventUnknownException, SessionException
from vici.protocol import Message, Packet, Transport

from landbridge.drivers.strongswan.status import ike_sa
from landbridge.model.secret import Secret
from landbridge.observe.ike import IkeSaStatus
from landbridge.reconcile.driver import DriverError

ANSWER_WITHIN: Final = 5.0
"""Seconds. charon answers in about a millisecond."""

EVENTS: Final = ("ike-updown", "child-updown", "ike-rekey", "child-rekey", "log")

_FAILURES: Final = (CommandException, SessionException, EventUnknownException, DeserializationException)


class CharonSilentError(DriverError):
    """charon cannot be reached, or does not answer in time."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A connection as charon lists it: what of it decides whether its SAs are still with the right peer."""

    name: str
    local: tuple[str, ...]
    remote: tuple[str, ...]
    local_id: str
    remote_id: str


def _open(path: Path, timeout: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    connection.settimeout(timeout)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _gone(error: CommandException) -> bool:
    """Whether what was to be ended has ended, before the question or while it was being looked at."""
    return "no matching" in str(error) or "terminating SA failed" in str(error)


class Vici:
    """The commands of one daemon. Safe to use from several threads."""

    def __init__(self, path: Path, namespace: str) -> None:
        self._path = path
        self._namespace = namespace
        self._lock = threading.Lock()

    @contextmanager
    def _session(self, timeout: float = ANSWER_WITHIN) -> Iterator[vici.Session]:
        with self._lock:
            try:
                connection = _open(self._path, timeout)
                try:
                    yield vici.Session(connection)
                finally:
                    connection.close()
            except OSError as error:
                raise CharonSilentError(
                    f"charon in {self._namespace or 'this namespace'} does not answer ({error}); it is tried again."
                ) from error
            except _FAILURES as error:
                # charon's messages name connections and algorithms, never a key.
                raise DriverError(f"charon in {self._namespace or 'this namespace'} refused: {error}.") from error

    def answers(self, timeout: float = ANSWER_WITHIN) -> bool:
        """Whether charon serves commands."""
        try:
            with self._session(timeout) as session:
                session.version()
        except CharonSilentError:
            return False
        return True

    def secrets(self) -> tuple[str, ...]:
        """The ids of the loaded pre-shared keys."""
        with self._session() as session:
            return tuple(_text(key) for key in session.get_shared().get("keys", ()))

    def connections(self) -> tuple[Loaded, ...]:
        """The loaded connections."""
        with self._session() as session:
            found = [item for message in session.list_conns() for item in message.items()]
        return tuple(
            Loaded(
                name=name,
                local=tuple(_text(host) for host in body.get("local_addrs", ())),
                remote=tuple(_text(host) for host in body.get("remote_addrs", ())),
                local_id=_text(body.get("local-1", {}).get("id")),
                remote_id=_text(body.get("remote-1", {}).get("id")),
            )
            for name, body in found
        )

    def sas(self) -> tuple[IkeSaStatus, ...]:
        """All IKE SAs with their CHILD SAs."""
        with self._session() as session:
            # Not with `noblock`: that leaves out an SA while a job (a DPD request, say) has it, as if it were down.
            return tuple(ike_sa(name, body) for item in session.list_sas() for name, body in item.items())

    def load(self, name: str, connection: Mapping[str, object]) -> None:
        """Load a connection, or replace the one of that name."""
        with self._session() as session:
            session.load_conn({name: connection})

    def load_secret(self, identity: str, secret: Secret, owners: tuple[str, ...]) -> None:
        """Load a pre-shared key for a pair of identities."""
        with self._session() as session:
            session.load_shared({"id": identity, "type": "IKE", "data": secret.reveal(), "owners": list(owners)})

    def load_authority(self, certificate: str) -> None:
        """Trust the certificates of an authority (PEM)."""
        with self._session() as session:
            session.load_cert({"type": "X509", "flag": "CA", "data": certificate})

    def load_key(self, key: Secret) -> str:
        """Load a private key (PEM); its id."""
        with self._session() as session:
            return _text(session.load_key({"type": "any", "data": key.reveal()})["id"])

    def private_keys(self) -> tuple[str, ...]:
        """The ids of the loaded private keys."""
        with self._session() as session:
            return tuple(_text(key) for key in session.get_keys().get("keys", ()))

    def unload_key(self, identity: str) -> None:
        """Forget a private key."""
        with self._session() as session:
            session.unload_key({"id": identity})

    def unload_secret(self, identity: str) -> None:
        """Forget a pre-shared key."""
        with self._session() as session:
            session.unload_shared({"id": identity})

    def unload(self, name: str) -> None:
        """Forget a connection; its SAs stay."""
        with self._session() as session:
            session.unload_conn({"name": name})

    def initiate(self, name: str) -> None:
        """Ask for the connection's CHILD SA (and IKE SA). Does not wait for it."""
        with self._session() as session:
            session.request("initiate", {"child": name, "ike": name, "timeout": "-1", "init-limits": "no"})

    def give_up(self, unique_id: int) -> None:
        """End one IKE SA without waiting for the peer."""
        with self._session() as session:
            try:
                session.request("terminate", {"ike-id": str(unique_id), "force": "yes", "timeout": "-1"})
            except CommandException as error:
                if not _gone(error):
                    raise

    def close_child(self, unique_id: int) -> None:
        """End one CHILD SA; the peer is told. Does not wait for it."""
        with self._session() as session:
            try:
                session.request("terminate", {"child-id": str(unique_id), "timeout": "-1"})
            except CommandException as error:
                if not _gone(error):
                    raise

    def rekey(self, name: str) -> None:
        """Replace the connection's CHILD SAs by new ones. Does not wait for it."""
        with self._session() as session:
            session.request("rekey", {"child": name})

    def terminate(self, name: str) -> None:
        """End the connection's IKE SAs: the peer is told once, its answer is not waited for."""
        with self._session() as session:
            try:
                session.request("terminate", {"ike": name, "force": "yes", "timeout": "-1"})
            except CommandException as error:
                if not _gone(error):
                    raise


class EventStream:
    """A subscription to charon's events, for a selector: when `fileno` is readable, `receive` has one."""

    def __init__(self, path: Path) -> None:
        """Connect and subscribe.

        Raises:
            OSError: charon cannot be reached, or does not answer.
        """
        self._socket = _open(path, ANSWER_WITHIN)
        self._transport = Transport(self._socket)
        self._early: list[tuple[str, dict[str, Any]]] = []
        try:
            for name in EVENTS:
                self._transport.send(Packet.register_event(name))
                while (answer := Packet.parse(self._transport.receive())).response_type == Packet.EVENT:
                    self._early.append((_text(answer.event_type), Message.deserialize(answer.payload)))
                if answer.response_type != Packet.EVENT_CONFIRM:
                    raise OSError(f"charon knows no event {name}")
        except BaseException:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    def early(self) -> list[tuple[str, dict[str, Any]]]:
        """Events that came while subscribing."""
        events, self._early = self._early, []
        return events

    def receive(self) -> tuple[str, dict[str, Any]]:
        """The next event's name and message.

        Raises:
            OSError: charon has gone.
        """
        answer = Packet.parse(self._transport.receive())
        if answer.response_type != Packet.EVENT:
            raise OSError("charon sent something that is no event")
        try:
            return _text(answer.event_type), Message.deserialize(answer.payload)
        except DeserializationException as error:
            raise OSError("charon sent something that cannot be read") from error

    def close(self) -> None:
        """Unsubscribe by going away."""
        self._socket.close()
