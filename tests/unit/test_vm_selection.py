"""What the virtual machine runs is there: a renamed test does not silently drop a promise."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def selected() -> list[str]:
    """The ids of the tests marked `vm`, below tests/."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--collect-only",
            "-q",
            "-m",
            "vm",
            "tests/contract",
            "tests/lab",
        ],
        capture_output=True,
        text=True,
        cwd=TESTS.parent,
        check=True,
    )
    return [line.removeprefix("tests/") for line in done.stdout.splitlines() if "::" in line]


def test_every_promise_has_its_test_and_every_contract_about_esp_is_tried() -> None:
    wanted = runpy.run_path(str(TESTS / "conftest.py"))["IN_THE_VM"]
    found = selected()
    missing = [
        promise
        for promise, test in wanted.items()
        if not any(name == test or name.startswith(f"{test}[") for name in found)
    ]
    assert missing == []
    contracts = [name for name in found if name.startswith("contract/")]
    assert not [name for name in contracts if "[fake" in name]
    for case in ("charon", "tunnel_device", "tunnel_device_if_id", "ike_connection"):
        assert f"contract/test_contract.py::test_the_loop_makes_changes_and_removes_it[real-{case}]" in contracts
    files = {name.split("::")[0] for name in contracts}
    assert files >= {f"contract/{path.name}" for path in (TESTS / "contract").glob("test_strongswan_*.py")}
    assert "contract/test_kernel_modules.py" in files
    assert "contract/test_nftables.py" not in files
