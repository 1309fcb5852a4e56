"""Who does ESP follows from what a machine has; what is missing is said with its remedy."""

from __future__ import annotations

import pytest

from landbridge.desired.links import DataPlane
from landbridge.drivers import probe
from landbridge.drivers.probe import CannotRun, Diagnosis, decide

NO_ESP = ("this kernel has no ESP", "loading modules did not help")
NO_TUN = ("/dev/net/tun cannot be opened",)


def machine(kernel: tuple[str, ...] = (), libipsec: tuple[str, ...] = ()) -> Diagnosis:
    return Diagnosis(root=True, programs=(), kernel=kernel, libipsec=libipsec)


def test_auto_takes_the_kernel_where_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "AUTO_TAKES_THE_KERNEL", True)
    assert decide("auto", machine()).data_plane is DataPlane.KERNEL
    assert decide("auto", machine(libipsec=NO_TUN)).data_plane is DataPlane.KERNEL
    assert decide("auto", machine(kernel=NO_ESP)) == probe.Choice(
        DataPlane.LIBIPSEC, "libipsec: this kernel has no ESP"
    )


def test_while_kernel_esp_is_new_it_has_to_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "AUTO_TAKES_THE_KERNEL", False)
    choice = decide("auto", machine())
    assert choice.data_plane is DataPlane.LIBIPSEC
    assert "--data-plane kernel" in choice.why
    assert decide("kernel", machine()).data_plane is DataPlane.KERNEL


def test_what_was_asked_for_and_cannot_be_had_is_refused_with_the_reason() -> None:
    with pytest.raises(CannotRun, match="no ESP; loading modules did not help"):
        decide("kernel", machine(kernel=NO_ESP))
    with pytest.raises(CannotRun, match="/dev/net/tun"):
        decide("libipsec", machine(libipsec=NO_TUN))
    with pytest.raises(CannotRun, match=r"/dev/net/tun.*no ESP"):
        decide("auto", machine(kernel=NO_ESP, libipsec=NO_TUN))
    assert decide("libipsec", machine(kernel=NO_ESP)).data_plane is DataPlane.LIBIPSEC
