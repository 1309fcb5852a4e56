"""The frame of a benchmark: options, cleaning up in every case, and the verdict as text and exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypeVar

from lib import machine

MISSED = 1
NOTHING = "-"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """One measured thing beside its references. `met` is None for what is only told."""

    what: str
    product: str
    by_hand: str
    ratio: str
    raw: str
    of_raw: str
    target: str
    met: bool | None


@dataclass
class Report:
    """Collects lines, prints each at once, and the table in the end.

    `notes` stand above the table: on what all of it was measured.
    """

    lines: list[Line] = field(default_factory=list)
    reference: str = "by hand"
    """What is measured beside landbridge."""
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        what: str,
        product: float | None,
        by_hand: float | None,
        unit: str,
        *,
        raw: float | None = None,
        target: str = "",
        met: bool | None = None,
    ) -> None:
        """Note one result; numbers are in `unit`. `raw`: the same without any tunnel."""
        self.lines.append(
            Line(
                what,
                _number(product, unit),
                _number(by_hand, unit),
                _ratio(product, by_hand),
                _number(raw, unit),
                _ratio(product, raw),
                target or "-",
                met,
            )
        )
        say("  ".join(_cells(self.lines[-1])))

    def finish(self) -> int:
        """Print the table; answer the exit code."""
        header = ("what", "landbridge", self.reference, "ratio", "no tunnel", "ratio", "target", "")
        rows = [header, *map(_cells, self.lines)]
        if all(line.raw == NOTHING for line in self.lines):
            rows = [(*row[:4], *row[6:]) for row in rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        print()
        for note in self.notes:
            print(note)
        if self.notes:
            print()
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        missed = [line for line in self.lines if line.met is False]
        judged = [line for line in self.lines if line.met is not None]
        print(f"\n{len(missed)} missed" if missed else "\nall targets met" if judged else "\nnothing was judged")
        return MISSED if missed else 0


def _cells(line: Line) -> tuple[str, ...]:
    verdict = {True: "met", False: "MISSED", None: "told"}[line.met]
    return line.what, line.product, line.by_hand, line.ratio, line.raw, line.of_raw, line.target, verdict


def _ratio(value: float | None, reference: float | None) -> str:
    return f"{value / reference:.2f}" if value is not None and reference else NOTHING


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return NOTHING
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:.{digits}f} {unit}"


def say(text: str) -> None:
    """Progress, on stderr: results alone are on stdout."""
    print(f"[{time.monotonic() - _BEGAN:6.1f}] {text}", file=sys.stderr, flush=True)


def median(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return statistics.median(values) if values else None


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value that so many percent of all do not exceed (nearest rank); None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(percent * 10) // 1000) - 1)] if ordered else None


def spread(values: Sequence[float], unit: str) -> str:
    """All values in short, for the record."""
    return ", ".join(f"{value:.2f}" for value in values) + f" {unit}"


class Timeout(RuntimeError):
    """Something awaited did not come about."""


def until(look: Callable[[], T], what: str, seconds: float = 30.0, every: float = 0.02) -> T:
    """Poll until something true comes back."""
    seconds *= machine.patience()
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise Timeout(f"waited {seconds:g} s in vain: {what}")
        time.sleep(every)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a benchmark gets: how long to take, where to write, and who cleans up."""

    options: argparse.Namespace
    quick: bool
    folder: Path
    cleanup: contextlib.ExitStack
    report: Report
    tag: str
    """Part of every name that this run makes; no other run has it."""


_BEGAN = time.monotonic()
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(
    doc: str | None,
    work: Callable[[Bench], None],
    add: Callable[[argparse.ArgumentParser], None],
    *,
    networks: bool = True,
) -> NoReturn:
    """Run a benchmark; exit 0 when all targets are met, 1 when one is missed, 2 when it could not be measured.

    `networks`: it builds some, which takes root.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few repetitions, under a minute: does it work at all?")
    add(parser)
    options = parser.parse_args()
    if networks and os.geteuid() != 0:
        sys.exit("Benchmarks build networks: run them as root.")
    for number in _ENDING:
        signal.signal(number, signal.default_int_handler)
    report = Report()
    with contextlib.ExitStack() as cleanup:
        folder = Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="lbbench-")))
        try:
            work(Bench(options, options.quick, folder, cleanup, report, os.urandom(2).hex()))
        except KeyboardInterrupt:
            say("interrupted; taking everything down")
            for number in _ENDING:
                signal.signal(number, signal.SIG_IGN)
            cleanup.close()
            sys.exit(130)
        except Exception:  # noqa: BLE001 - everything is taken down and told
            traceback.print_exc()
            cleanup.close()
            sys.exit(2)
    sys.exit(report.finish())
