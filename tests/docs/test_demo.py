"""The demo as people run it: twelve proofs, or a clear word; and nothing stays behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from documents import README, ROOT, blocks
from remains import processes
from shell import eventually, namespaces

from landbridge.demo.proofs import PROOFS

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

HEAD = re.compile(r"^ {1,2}(\d+)  (.+?) +(proved|FAILED) +[\d.]+ s$", re.MULTILINE)


class Demo:
    """One run of `scripts/demo`, with a folder for its temporary files that tells it from others."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="lbd-", dir="/tmp"))
        self._out = self._folder / "said"
        temporary = self._folder / "t"
        temporary.mkdir()
        with self._out.open("w") as out:
            self.process = subprocess.Popen(
                (str(ROOT / "scripts/demo"),),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(temporary)},
                start_new_session=True,
            )
        # What bootstrap makes and removes there before is not the demo's.
        made = eventually(lambda: [p.name for p in temporary.glob("landbridge-demo-*")], "the demo begins", 90)
        self.tag = made[0].split("-")[2]

    def __enter__(self) -> Demo:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)
        shutil.rmtree(self._folder)

    def said(self) -> str:
        """Its output so far."""
        return self._out.read_text()

    def left(self) -> set[str]:
        """What there is of it on the machine: namespaces, processes, files."""
        spaces = {name for name in namespaces() if name.startswith("demo-") and f"-{self.tag}" in name}
        files = {str(path) for path in (self._folder / "t").iterdir()}
        return spaces | files | {what for _, what in processes([str(self._folder / "t" / "landbridge-demo").encode()])}


def test_the_demo_proves_twelve_promises_and_leaves_nothing() -> None:
    with Demo() as demo:
        code = demo.process.wait(280)
        assert code == 0, demo.said()
        proved = [(int(number), title) for number, title, verdict in HEAD.findall(demo.said()) if verdict == "proved"]
        assert proved == [(number, title) for number, title, _ in PROOFS]
        assert [number for number, _ in proved] == list(range(1, 13))
        assert "no namespace, process or file is left" in demo.said()
        assert not demo.left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_takes_everything_down(number: signal.Signals) -> None:
    with Demo() as demo:
        when = "  1  " if number is signal.SIGINT else "landbridge demo:"
        eventually(lambda: when in demo.said() and any("-host" in what for what in demo.left()), "it is at work", 90)
        os.killpg(demo.process.pid, number)  # as a terminal does: everybody in the foreground gets it
        assert demo.process.wait(90) == 1, demo.said()
        assert "It was interrupted." in demo.said()
        assert "no namespace, process or file is left" in demo.said()
        assert not demo.left()


def test_the_readme_shows_the_present_demo() -> None:
    (shown,) = [block for block in blocks(README.read_text(), "text") if "landbridge demo:" in block]
    assert [(int(n), title) for n, title, verdict in HEAD.findall(shown)] == [(n, title) for n, title, _ in PROOFS]
    assert "12 of 12 promises proved" in shown
