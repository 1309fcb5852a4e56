"""A kernel whose modules cannot be loaded: what is said, and what is taken. Tried where that disturbs nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from networks import SLOW

from landbridge.desired.links import DataPlane
from landbridge.drivers.probe import MODULES, CannotRun, choose, diagnose

pytestmark = [pytest.mark.lab, pytest.mark.alone]

IN_THE_VM = os.environ.get("LANDBRIDGE_IN_VM") == "1"
LANDBRIDGE = Path(sys.executable).with_name("landbridge")
AUTOLOAD = Path("/proc/sys/kernel/modprobe")


def loaded() -> set[str]:
    """Those of the modules that are loaded."""
    return {module for module in MODULES if Path("/sys/module", module).exists()}


@pytest.fixture
def without_modules() -> Iterator[None]:
    """As on a kernel that has none: unloaded, and neither `modprobe` nor the kernel itself can load them."""
    if not IN_THE_VM:
        if diagnose().kernel:
            yield  # this kernel has none by itself
            return
        pytest.skip("unloads the kernel's IPsec, which somebody here may use: only in the virtual machine (scripts/vm)")
    subprocess.run(["modprobe", "--remove", "--all", *reversed(MODULES)], check=True, timeout=20 * SLOW)
    helper = AUTOLOAD.read_text()
    AUTOLOAD.write_text("/bin/false\n")
    subprocess.run(["mount", "--bind", "/bin/false", "/usr/sbin/modprobe"], check=True)
    try:
        assert not loaded()
        yield
    finally:
        subprocess.run(["umount", "/usr/sbin/modprobe"], check=True)
        AUTOLOAD.write_text(helper)


def test_modules_that_cannot_be_loaded_are_named_and_libipsec_is_taken(without_modules: None) -> None:
    lacks = "; ".join(diagnose().kernel)
    assert "no ESP and no XFRM interfaces" in lacks
    assert all(module in lacks for module in MODULES)
    choice = choose("auto")
    assert choice.data_plane is DataPlane.LIBIPSEC
    assert choice.why == "libipsec: this kernel has no ESP and no XFRM interfaces"
    with pytest.raises(CannotRun, match=r"no ESP and no XFRM interfaces.*modprobe.*--data-plane libipsec"):
        choose("kernel")


def test_doctor_says_what_is_missing_for_the_better_way(without_modules: None) -> None:
    said = subprocess.run([LANDBRIDGE, "doctor"], capture_output=True, text=True, timeout=30 * SLOW, check=False)
    assert said.returncode == 0
    assert "data plane    libipsec: this kernel has no ESP and no XFRM interfaces" in said.stdout
    assert " ".join(MODULES) in said.stdout


@pytest.mark.skipif(not IN_THE_VM, reason="unloads the kernel's modules: only in the virtual machine (scripts/vm)")
def test_modules_that_can_be_loaded_are_loaded_and_used() -> None:
    subprocess.run(["modprobe", "--remove", "--all", *reversed(MODULES)], check=True, timeout=20 * SLOW)
    assert not loaded()
    choice = choose("auto")
    assert choice.data_plane is DataPlane.KERNEL
    assert choice.why == "kernel: it has ESP and XFRM interfaces"
    assert loaded() == set(MODULES)


def test_where_no_namespace_can_be_made_that_is_said_and_not_taken_for_a_kernel_without_esp() -> None:
    """In a user namespace that may have none."""
    none = "echo 0 > /proc/sys/user/max_net_namespaces"
    said = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", f"{none} && exec {LANDBRIDGE} doctor"],
        capture_output=True,
        text=True,
        timeout=30 * SLOW,
        check=False,
    )
    assert said.returncode == 1, said
    assert "data plane    none: Network namespaces cannot be made here" in said.stdout
    assert "No space left on device" in said.stdout
    assert "no ESP" not in said.stdout


def test_why_the_kernel_cannot_is_told_in_its_own_words(without_modules: None) -> None:
    assert "Unknown device type" in "; ".join(diagnose().kernel)
