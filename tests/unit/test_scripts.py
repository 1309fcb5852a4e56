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


def script(path: Path, *lines: str) -> None:
    """A program of a few lines."""
    path.write_text("\n".join(("#!/bin/bash", *lines, "")))
    path.chmod(0o755)


@pytest.fixture
def with_vm(tmp_path: Path) -> Path:
    """scripts/test beside a `scripts/vm` that writes down what it was told and ends with the code in `code`."""
    tmp_path.joinpath("scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "test", tmp_path / "scripts" / "test")
    script(tmp_path / "scripts" / "bootstrap", "exit 0")
    script(
        tmp_path / "scripts" / "vm",
        'echo "$LANDBRIDGE_TEST_DATA_PLANE $LANDBRIDGE_TEST_SLOW $*" > told',
        'exit "$(cat code)"',
    )
    return tmp_path


def in_the_vm(folder: Path, code: int, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`scripts/test --vm` where the virtual machine ends with that code."""
    folder.joinpath("code").write_text(f"{code}\n")
    usual = {name: value for name, value in os.environ.items() if not name.startswith(("LANDBRIDGE_", "CI"))}
    return subprocess.run(
        [folder / "scripts" / "test", "--vm", *arguments],
        capture_output=True,
        text=True,
        env=usual | environment,
        check=False,
    )


@pytest.mark.parametrize("ci", ["true", ""])
@pytest.mark.parametrize("code", [0, 1, 123, 124])
def test_what_the_virtual_machine_says_is_the_verdict(with_vm: Path, code: int, ci: str) -> None:
    done = in_the_vm(with_vm, code, CI=ci)
    assert done.returncode == code
    assert ("FAILED" in done.stdout) is (code != 0)
    assert "SKIPPED" not in done.stdout
    assert with_vm.joinpath("told").read_text().startswith("kernel 10 --timeout ")


def test_no_virtual_machine_is_a_failure_in_ci_and_a_loud_skip_elsewhere(with_vm: Path) -> None:
    in_ci, elsewhere = in_the_vm(with_vm, 125, CI="true"), in_the_vm(with_vm, 125)
    assert (in_ci.returncode, elsewhere.returncode) == (125, 0)
    assert "FAILED" in in_ci.stdout
    assert "SKIPPED" in elsewhere.stdout
    assert "NOTHING was tested" in elsewhere.stdout


def test_what_is_asked_for_in_the_virtual_machine_is_handed_on(with_vm: Path) -> None:
    in_the_vm(with_vm, 0, "tests/lab/test_bgp.py", "-x")
    assert with_vm.joinpath("told").read_text().endswith("tests/lab/test_bgp.py -x\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--processor", "fast", "--", "true"], "unknown option --processor"),
        (["--cpus", "two", "--", "true"], "whole numbers"),
        ([], "no command"),
    ],
)
def test_a_virtual_machine_that_was_not_started_says_so_by_its_exit_code(arguments: list[str], complaint: str) -> None:
    done = subprocess.run([ROOT / "scripts" / "vm", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 125
    assert complaint in done.stderr


@pytest.mark.parametrize(("tests", "vm", "expected"), [(0, 0, 0), (1, 0, 1), (0, 125, 1), (3, 1, 1)])
def test_ci_runs_the_tests_the_benchmarks_and_the_virtual_machine(
    tmp_path: Path, tests: int, vm: int, expected: int
) -> None:
    for folder in (".ci", "scripts", "bench"):
        tmp_path.joinpath(folder).mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    script(
        tmp_path / "scripts" / "test",
        'echo "test $* CI=${CI:-}" >> told',
        f'if [ "${{1:-}}" = --vm ]; then exit {vm}; else exit {tests}; fi',
    )
    script(tmp_path / "bench" / "something", 'echo "bench $*" >> told', "exit 1")
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        [tmp_path / ".ci" / "run"], capture_output=True, text=True, env=environment, check=False, timeout=30
    )
    assert (done.returncode != 0) is (expected != 0)
    told = tmp_path.joinpath("told").read_text().splitlines()
    assert told == ["test  CI=", "bench --quick", "test --vm CI=true"]
