"""The driver of `Speaker`: one BIRD per router, changed by atomic `configure`, recognised and judged by asking it.

A dead BIRD's configuration is still there and reads as a speaker that is not as wanted: so it is either started again,
with its routes left alone meanwhile, or dropped together with them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from landbridge.desired.objects import HostObject, Seen, namespace_key
from landbridge.desired.speakers import Speaker
from landbridge.drivers.bird import kernel, render
from landbridge.drivers.bird.control import ANSWER_WITHIN, Control, ControlError, RefusedError
from landbridge.drivers.bird.daemon import CONFIGURATION, Found, Place, namespace_of, place_of
from landbridge.drivers.netlink.inside import exists
from landbridge.drivers.netlink.rtnl import KernelRefusedError
from landbridge.observe.bgp import SpeakerStatus, SpeakerView
from landbridge.reconcile.driver import DriverError

STOPPED: Final = "stopped"
SILENT: Final = "silent"
ASTRAY: Final = "in a deleted namespace"
_SETTLE_WITHIN: Final = 5.0

log = logging.getLogger(__name__)


class BirdDriver:
    """Runs BIRDs: files below `run_dir` (closed to others), logs below `log_dir`, one folder per namespace in each."""

    kinds: frozenset[type[HostObject]] = frozenset({Speaker})

    def __init__(self, run_dir: Path, log_dir: Path, *, answer_within: float = ANSWER_WITHIN) -> None:
        """A BIRD that lets a question wait for `answer_within` seconds is taken for hung."""
        self._run_dir = run_dir
        self._log_dir = log_dir
        self._within = answer_within

    def place(self, namespace: str) -> Place:
        """Where the BIRD of a namespace has its files and its control socket."""
        return place_of(namespace, self._run_dir, self._log_dir, self._within)

    def read(self, namespaces: Collection[str]) -> Iterator[HostObject]:
        """`Seen` for every BIRD of ours, running or not; its fingerprint is that of the configuration in force.

        One that runs on in a namespace that has lost its name is still read: it has to be ended.
        """
        for namespace in namespaces:
            place = self.place(namespace)
            if not place.configured() or (not exists(namespace) and place.find() is None):
                continue
            yield Seen(
                namespace=namespace,
                kind=Speaker,
                what=("speaker", namespace),
                requires=(namespace_key(namespace),) if namespace else (),
                fingerprint=self._in_force(place),
            )

    def namespaces(self) -> list[str]:
        """Where BIRDs of ours have their files, whether the namespace still has that name or not."""
        try:
            return [namespace_of(entry) for entry in self._run_dir.iterdir() if (entry / CONFIGURATION).exists()]
        except FileNotFoundError:
            return []

    def followed(self, namespace: str) -> frozenset[tuple[str, IPv4Address]]:
        """The next hops (link, address) whose static routes follow BFD, by the configuration that was given last."""
        try:
            return render.followed((self.place(namespace).run / CONFIGURATION).read_text(encoding="ascii"))
        except FileNotFoundError:
            return frozenset()

    def fingerprint(self, wanted: HostObject) -> str:
        """Of the configuration that the speaker would have."""
        return render.fingerprint(_speaker(wanted))

    def put(self, wanted: HostObject, actual: HostObject | None) -> None:
        """Start BIRD, or change its configuration; sessions that do not change stay up.

        Raises:
            DriverError: BIRD refuses the configuration (the old one stays in force) or does not run.
        """
        del actual  # what there is, is asked
        speaker = _speaker(wanted)
        place = self.place(speaker.namespace)
        text = _rendered(speaker)
        found = place.find()
        if found is not None and not found.home:
            place.end(found, kindly=False)
            found = None
        try:
            if found is not None and self._configure(place, text, render.fingerprint(speaker)):
                kernel.flush(speaker.namespace, speaker.metric, keep=_tables(speaker))
                return
            self._start(place, text, found, speaker)
        except (OSError, ControlError) as error:
            raise DriverError(f"BIRD in '{speaker.namespace or 'this namespace'}' {_reason(error)}") from error

    def drop(self, actual: HostObject) -> None:
        """End BIRD and remove what it wrote into the kernel. Neighbours are told, and forget its routes."""
        place = self.place(actual.namespace)
        found = place.find()
        if found is not None:
            place.end(found, kindly=found.home)
        try:
            metric = render.metric_in(place.configuration())
            if metric is not None and exists(actual.namespace):
                kernel.flush(actual.namespace, metric)
        except KernelRefusedError as error:
            raise DriverError(
                f"BIRD's routes in '{actual.namespace}' could not be removed: {error.strerror}"
            ) from error
        place.remove()

    def control(self, namespace: str) -> Control:
        """A connection to the BIRD of a namespace, to ask it for sessions and routes.

        Raises:
            ControlError: there is none that answers.
        """
        return self.place(namespace).control()

    def view(self, namespace: str) -> SpeakerView | None:
        """The whole speaker as it is; None if there is none that answers."""
        try:
            with self.control(namespace) as control:
                return SpeakerView(
                    status=control.status(),
                    protocols=control.protocols(),
                    bfd=control.bfd_sessions(),
                    routes=control.routes(),
                )
        except ControlError:
            return None

    def _in_force(self, place: Place) -> str:
        found = place.find()
        if found is None:
            return STOPPED
        if not found.home:
            return ASTRAY
        try:
            with place.control() as control:
                return render.fingerprint_in(control.status().hostname)
        except ControlError:
            return SILENT

    def _configure(self, place: Place, text: str, fingerprint: str) -> bool:
        """Change a running BIRD. False if it hangs or does not get done: it has to be started anew."""
        try:
            with place.control() as control:
                held_back = control.held_back()
                self._change(control, place, text)
                settled = _settled(control, fingerprint)
                control.let_out(item.name for item in control.summary() if item.name in held_back)
                return settled
        except RefusedError as error:
            place.refuse_candidate()
            raise DriverError(f"BIRD in '{place.namespace}' refuses its configuration: {error}") from error
        except ControlError as error:
            log.warning("BIRD in '%s' %s; it is started anew", place.namespace, error)
            return False

    def _change(self, control: Control, place: Place, text: str) -> None:
        candidate = place.write_candidate(text)
        control.command(f'configure check "{candidate}"')
        place.accept_candidate()
        control.command(f'configure "{CONFIGURATION}"')

    def _start(self, place: Place, text: str, found: Found | None, speaker: Speaker) -> None:
        if found is not None:
            place.end(found, kindly=False)
        place.write_candidate(text)
        place.accept_candidate()
        # A kernel that holds routes of ours is a BIRD's that died: they carry traffic until the neighbours are back.
        recover = kernel.left(speaker.namespace, speaker.metric)
        place.start(recover=recover)
        kernel.flush(speaker.namespace, speaker.metric, keep=_tables(speaker))


def _settled(control: Control, fingerprint: str) -> bool:
    """Wait until the configuration is in force everywhere."""
    deadline = monotonic() + _SETTLE_WITHIN
    while monotonic() < deadline:
        status: SpeakerStatus = control.status()
        if not status.reconfiguring:
            return render.fingerprint_in(status.hostname) == fingerprint
        sleep(0.01)
    raise ControlError(f"is not done with its configuration after {_SETTLE_WITHIN:g} s")


def _rendered(speaker: Speaker) -> str:
    try:
        return render.render(speaker)
    except ValueError as error:
        raise DriverError(f"BIRD in '{speaker.namespace}' cannot be configured: {error}") from error


def _tables(speaker: Speaker) -> frozenset[int]:
    """The kernel tables that the configuration fills; the canaries' is filled by sessions with BFD."""
    return frozenset(speaker.tables) | ({render.CANARY_TABLE} if speaker.bfd and speaker.sessions else frozenset())


def _speaker(wanted: HostObject) -> Speaker:
    assert isinstance(wanted, Speaker), "the loop hands a driver its own kinds only"
    return wanted


def _reason(error: OSError | ControlError) -> str:
    return str(error) if isinstance(error, ControlError) else f"could not be set up: {error.strerror or error}"
