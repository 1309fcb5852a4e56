"""Who does ESP follows from what a machine has; what is missing is said with its remedy."""

from __future__ import annotations

import pytest

from landbridge.desired.links import DataPlane
from landbridge.drivers.probe import CannotRun, Choice, Diagnosis, decide

NO_ESP = ("this kernel has no ESP", "loading modules did not help")
NO_TUN = ("/dev/net/tun cannot be opened",)


def machine(
    kernel: tuple[str, ...] = (), libipsec: tuple[str, ...] = (), namespaces: tuple[str, ...] = ()
) -> Diagnosis:
    return Diagnosis(root=True, programs=(), namespaces=namespaces, kernel=kernel, libipsec=libipsec)


def test_auto_takes_the_kernel_where_it_works() -> None:
    assert decide("auto", machine()).data_plane is DataPlane.KERNEL
    assert decide("auto", machine(libipsec=NO_TUN)).data_plane is DataPlane.KERNEL
    assert decide("auto", machine(kernel=NO_ESP)) == Choice(DataPlane.LIBIPSEC, "libipsec: this kernel has no ESP")


def test_who_wants_libipsec_gets_it_where_the_kernel_works() -> None:
    assert decide("libipsec", machine()).data_plane is DataPlane.LIBIPSEC


def test_what_was_asked_for_and_cannot_be_had_is_refused_with_the_reason() -> None:
    with pytest.raises(CannotRun, match="no ESP; loading modules did not help"):
        decide("kernel", machine(kernel=NO_ESP))
    with pytest.raises(CannotRun, match="/dev/net/tun"):
        decide("libipsec", machine(libipsec=NO_TUN))
    with pytest.raises(CannotRun, match=r"/dev/net/tun.*no ESP"):
        decide("auto", machine(kernel=NO_ESP, libipsec=NO_TUN))
    assert decide("libipsec", machine(kernel=NO_ESP)).data_plane is DataPlane.LIBIPSEC


@pytest.mark.parametrize("wanted", ["auto", "kernel", "libipsec"])
def test_a_machine_that_makes_no_namespaces_at_the_moment_is_not_one_without_esp(wanted: str) -> None:
    with pytest.raises(CannotRun, match=r"^Network namespaces cannot be made here: No space left on device\.$"):
        decide(wanted, machine(namespaces=("Network namespaces cannot be made here: No space left on device.",)))
