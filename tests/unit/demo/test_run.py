"""The demo's own course, without a network."""

from __future__ import annotations

import os
import signal
import tempfile
from pathlib import Path

import pytest

from landbridge.demo import run
from landbridge.demo.proofs.base import Show
from landbridge.model.options import DemoOptions


class Loses:
    """Its finalizer is where the signal is handled: Python loses what the handler raises there."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass


@pytest.fixture
def demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> run._Demo:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    made = run._Demo(DemoOptions())
    monkeypatch.setattr(made, "_build", lambda: None)
    monkeypatch.setattr(made, "_take_down", lambda: None)
    return made


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_python_lost_counts_after_the_proof(
    demo: run._Demo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    proved: list[str] = []

    def first(show: Show) -> None:
        proved.append("first")
        Loses()

    def second(show: Show) -> None:
        proved.append("second")

    monkeypatch.setattr(run, "PROOFS", [(1, "first", first), (2, "second", second)])
    assert demo.run() == 1
    assert proved == ["first"]
    assert "It was interrupted." in capsys.readouterr().out
