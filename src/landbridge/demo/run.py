"""`landbridge demo` from beginning to end: build, prove, take down, whatever happens in between."""

from __future__ import annotations

import contextlib
import os
import secrets
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from landbridge.api.client import AdminError
from landbridge.demo.machine import LANDBRIDGE, Programs, TooLate, namespaces, processes, until
from landbridge.demo.proofs import PROOFS
from landbridge.demo.proofs.base import Show
from landbridge.demo.report import Report
from landbridge.demo.service import REGION, Service
from landbridge.demo.stage import Stage
from landbridge.model.errors import OperatorError
from landbridge.model.options import DataPlaneChoice, DemoOptions

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


_GONE_WITHIN: Final = 10.0


class Interrupted(BaseException):
    """Somebody wants the demo to end."""


def demo(options: DemoOptions) -> int:
    """Build, prove, and take down (or keep). Answers the exit code: 0 if all was proved.

    Raises:
        OperatorError: it cannot run here at all; nothing was built.
    """
    if options.data_plane is DataPlaneChoice.NONE:
        raise OperatorError("The demo sends real packets: choose a data plane (auto, libipsec), not `none`.")
    if os.geteuid() != 0:
        raise OperatorError("The demo builds networks on this machine, and that takes root: run it with sudo.")
    return _Demo(options).run()


class _Demo:
    def __init__(self, options: DemoOptions) -> None:
        self.options = options
        self.tag = secrets.token_hex(2)
        self.folder = Path(tempfile.mkdtemp(prefix=f"landbridge-demo-{self.tag}-"))
        self.report = Report()
        self.programs = Programs()
        self.servers = Programs()
        """The service; kept with --keep, while `programs` are not needed any more."""
        self.service = Service(self.folder / "service", self.folder / "serve.log", options.data_plane, self.servers)
        self.stage = Stage(self.tag, self.folder, self.service, self.programs)
        self.problems: list[str] = []
        self.interrupted = False
        self._signals: list[int] = []

    def run(self) -> int:
        done = False
        with _interruptible(self._signals):
            try:
                self._build()
                self._prove()
                done = True
            except Interrupted:
                self.problems.append("It was interrupted.")
                self.interrupted = True
            except Exception as error:  # noqa: BLE001 - whatever it was: take everything down, then say it
                self.problems.append(_said(error))
        with _undisturbed(self.report):
            if done and self.options.keep:
                self._keep()
            else:
                self._take_down()
        return self._verdict()

    def _build(self) -> None:
        report = self.report
        report.line("landbridge demo: two VPCs and three sites on this machine, joined by six IPsec tunnels", "bold")
        with report.busy("building"):
            self.stage.build(report.step)
            report.step("landbridge customer-gateway up, in three sites")
            with ThreadPoolExecutor() as pool:
                for done in [pool.submit(self._customer_gateway, name) for name in self.stage.sites]:
                    done.result()
            until(lambda: all(map(self.stage.both_up, self.stage.sites)), 30, "all six tunnels are UP")
        status = self.stage.status()
        report.line(f"built in {report.seconds:.1f} s; EC2 API {status['url']}; ESP by {status['data_plane']}")
        report.line()

    def _customer_gateway(self, name: str) -> None:
        site = self.stage.sites[name]
        began = time.monotonic()
        self.stage.customer_gateway(site)
        site.up_after = time.monotonic() - began

    def _prove(self) -> None:
        for number, title, proof in PROOFS:
            began = time.monotonic()
            with self.report.busy(f"{number:3d}  {title}"):
                show = Show(self.stage, self.report.step)
                failure = _attempt(proof, show)
            took = time.monotonic() - began
            if self._signals:  # what a handler raises in a finalizer, or in a callback of C, is lost
                raise Interrupted
            if failure is None:
                self.report.proved(number, title, took, show.facts)
            else:
                self.report.failed(number, title, took, show.facts, failure)
                self.problems.append(f"{number} ({title}): {failure}")

    def _keep(self) -> None:
        self.programs.end()
        report, state = self.report, self.service.state
        script = self._removal()
        app, paris = self.stage.machines["app"], self.stage.sites["paris"]
        program = Path(sys.executable).with_name("landbridge")
        landbridge = str(program) if program.exists() else shlex.join(LANDBRIDGE)
        report.line()
        report.line("Everything is left running. Look around:", "bold")
        for line in (
            f"{landbridge} status --watch --state {state}",
            f"{landbridge} exec --state {state} {app.id} -- ping -c 3 {paris.host.address}",
            f"{landbridge} customer-gateway status {paris.connection} --state {self.stage.customers}",
            f"ip netns exec {paris.host.namespace} ping {app.address}",
            f"ip netns exec {self.stage.internet} tcpdump -n -i br0 udp",
            f"export AWS_SHARED_CREDENTIALS_FILE={state}/credentials AWS_DEFAULT_REGION={REGION}",
            f"aws --endpoint-url {self.service.url} ec2 describe-vpn-connections",
        ):
            report.line(f"  {line}")
        report.line("Remove it:", "bold")
        report.line(f"  sh {script}")

    def _removal(self) -> Path:
        """A script that takes down what --keep leaves."""
        script = self.folder / "remove"
        lines = ["#!/bin/sh", "# Removes what `landbridge demo --keep` left running.", f"kill {self.service.pid}"]
        for site in self.stage.sites.values():
            words = (*LANDBRIDGE, "customer-gateway", "down", site.connection, "--state", str(self.stage.customers))
            lines.append(shlex.join(("ip", "netns", "exec", site.gateway, *words)))
        # Not `kill -0`: a process that nobody reaps answers it for ever.
        alive = f"while grep -qs '^State:.[^ZX]' /proc/{self.service.pid}/status; do sleep 0.1; done"
        lines += [alive, shlex.join((*LANDBRIDGE, "purge", "--yes", "--state", str(self.service.state)))]
        lines.append(f"rm -r {shlex.quote(str(self.folder))}")
        script.write_text("\n".join(lines) + "\n")
        script.chmod(0o700)
        return script

    def _take_down(self) -> None:
        report = self.report
        report.line()
        began = time.monotonic()
        logs = self._save_logs() if self.problems and not self.interrupted else None
        with report.busy("taking everything down"):
            self.programs.end()
            with ThreadPoolExecutor() as pool:
                sites = [site for site in self.stage.sites.values() if site.connection]
                downs = [pool.submit(self.stage.customer_gateway_down, site) for site in sites]
            steps: list[Callable[[], object]] = [down.result for down in downs]
            instance = self.service.instance
            for step in (*steps, self.service.stop, self.servers.end, self.service.purge):
                try:
                    step()
                except OperatorError as error:
                    self.problems.append(str(error))
            with contextlib.suppress(TooLate):
                until(lambda: not self._left(instance), _GONE_WITHIN, "nothing is left")
            left = self._left(instance)
        if left:
            self.problems.append(f"Left behind: {', '.join(left)}.")
            report.line(f"state kept in {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)
            report.line(f"taken down in {time.monotonic() - began:.1f} s: no namespace, process or file is left")
        if logs is not None:
            report.line(f"logs: {logs}")

    def _left(self, instance: str) -> list[str]:
        marks = (f"-{self.tag}", f"lb-{instance}-") if instance else (f"-{self.tag}",)
        spaces = [name for name in namespaces() if any(mark in name for mark in marks)]
        running = [f"process {pid}" for pid in processes([str(self.folder)])]
        folder = Path("/run/landbridge", instance) if instance else None
        files = [str(folder)] if folder is not None and folder.exists() else []
        return [*spaces, *running, *files]

    def _save_logs(self) -> Path:
        logs = Path(tempfile.mkdtemp(prefix=f"landbridge-demo-{self.tag}-logs-"))
        for number, file in enumerate(sorted(self.folder.rglob("*"))):
            if file.is_file() and (file.suffix in {".log", ".err"} or file.parent.name == "log"):
                relative = file.relative_to(self.folder)
                target = logs / "-".join(relative.parts)
                shutil.copyfile(file, target if not target.exists() else logs / f"{number}-{target.name}")
        return logs

    def _verdict(self) -> int:
        report = self.report
        if not self.problems:
            report.line(f"{len(PROOFS)} of {len(PROOFS)} promises proved in {report.seconds:.0f} s", "bold green")
            return 0
        report.line()
        for problem in self.problems:
            report.line(f"failed: {problem}", "bold red")
        return 1


def _attempt(proof: Callable[[Show], None], show: Show) -> str | None:
    """Carry out a proof; why it failed, None if it held."""
    try:
        proof(show)
    except Exception as error:  # noqa: BLE001 - the other proofs are worth seeing, too
        return _said(error)
    return None


def _said(error: Exception) -> str:
    if isinstance(error, OperatorError | AdminError):
        return str(error)
    return f"{type(error).__name__}: {error}"


@contextmanager
def _interruptible(told: list[int]) -> Iterator[None]:
    """Signals raise Interrupted, and are noted in `told`."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        told.append(number)
        raise Interrupted

    before = {number: signal.signal(number, interrupt) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _undisturbed(report: Report) -> Iterator[None]:
    def later(number: int, frame: FrameType | None) -> None:
        print("Taking everything down; a few seconds more.", file=sys.stderr, flush=True)

    before = {number: signal.signal(number, later) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
