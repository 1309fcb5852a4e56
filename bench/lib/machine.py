"""What a benchmark ran on: kernel, processors, load; and whether the processor is emulated, so that nothing is said."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from collections import Counter
from pathlib import Path

EMULATED = "The processor is EMULATED: these numbers mean nothing. Only that it works was shown."


def notes(data_plane: str) -> list[str]:
    """Lines to stand above what was measured."""
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    lines = [
        f"ESP by {data_plane}; Linux {platform.release()}; {_processors()}",
        f"load average {load}: all that runs on the machine counts, so judge on a quiet one",
    ]
    return [EMULATED, *lines] if emulated() else lines


@functools.cache
def emulated() -> bool:
    """Whether this machine is of software all through: landbridge's own (scripts/vm), or another qemu without KVM."""
    if os.environ.get("LANDBRIDGE_IN_VM"):
        return True
    try:
        asked = subprocess.run(["systemd-detect-virt", "--vm"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False
    return asked.stdout.strip() == "qemu"


def patience() -> int:
    """How many times longer than usual everything may take here."""
    return 10 if emulated() else 1


def _processors() -> str:
    models = Counter(
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    )
    if not models:  # not every architecture tells
        return f"{os.cpu_count()} x {platform.machine()}"
    return ", ".join(f"{count} x {model}" for model, count in models.items())
