"""The repository's own checks notice what they are there for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with the check in it and nothing else."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    tmp_path.joinpath("scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "check-tree", tmp_path / "scripts" / "check-tree")
    return tmp_path


def check(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(tree / "scripts" / "check-tree")], capture_output=True, text=True, check=False
    )


def test_a_clean_tree_passes(tree: Path) -> None:
    (tree / "module.py").write_text('"""One idea."""\n')
    result = check(tree)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("notes.md", "see https://" + "pypi" + ".org/project/x\n", "names a package registry's host"),
        ("notes.md", "cd " + "/wo" + "rk/main\n", "a path of somebody's machine"),
        ("requirements.txt", "x @ https://example.com/x.whl\n", "a lock file with an address"),
        ("requirements.txt", "--find-links wheels\nx==1\n", "a lock file with an address"),
        ("module.py", "x = 1\n", "no docstring"),
        ("tool", "#!/bin/sh\n", "not executable"),
        ("end.md", "no newline", "no newline"),
        ("src/landbridge/model/a.py", '"""A."""\nnow = datetime.now()\n', "asks the clock"),
        ("src/landbridge/views/a.py", '"""A."""\nopen("x")\n', "opens a file"),
    ],
)
def test_what_is_wrong_is_named(tree: Path, name: str, text: str, complaint: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)
    result = check(tree)
    assert result.returncode == 1
    assert complaint in result.stdout
    assert name in result.stdout


def test_a_process_of_the_run_is_a_leftover_until_it_ends(tmp_path: Path) -> None:
    environment = os.environ | {"LANDBRIDGE_TEST_RUN": f"leftovers-{os.getpid()}"}
    command = [sys.executable, str(ROOT / "scripts" / "leftovers")]
    snapshot = tmp_path / "before"
    subprocess.run([*command, "snapshot", str(snapshot)], env=environment, check=True)
    # Its own environment marks it, whatever else goes on on this machine.
    process = subprocess.Popen(["sleep", "60"], env=environment)
    try:
        compare = [*command, "compare", "--wait", "0", str(snapshot)]
        found = subprocess.run(compare, env=environment, capture_output=True, text=True, check=False)
        assert found.returncode == 1
        assert f"left behind: process {process.pid} sleep 60" in found.stdout
    finally:
        process.kill()
        process.wait()
    after = subprocess.run(compare, env=environment, capture_output=True, text=True, check=False)
    assert f"process {process.pid}" not in after.stdout
