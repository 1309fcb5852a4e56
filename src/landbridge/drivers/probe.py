"""What this machine's kernel and packages can do: who does ESP here, and what is missing for it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landbridge.desired.objects import DataPlane
from landbridge.model.errors import OperatorError

PACKAGES: Final = {
    "charon-systemd": "charon-systemd",
    "bird": "bird2",
    "nft": "nftables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "unshare": "util-linux",
}
"""Programs, and the Debian packages that have them."""

_SBIN: Final = "/usr/local/sbin:/usr/sbin:/sbin"
_LIBIPSEC: Final = "libstrongswan-kernel-libipsec.so"
_PLUGINS: Final = (Path("/usr/lib/ipsec/plugins"), Path("/usr/lib/strongswan/plugins"))
_TUNSETIFF: Final = 0x400454CA
_IFF_TUN_NO_PI: Final = 0x1001


class CannotRun(OperatorError):
    """This machine lacks something. The message says what, and how to get it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Who does ESP, and why, in a sentence."""

    data_plane: DataPlane
    why: str


def choose(wanted: str) -> Choice:
    """The data plane for `auto`, `libipsec` or `kernel` on this machine.

    Raises:
        CannotRun: it cannot be had here.
    """
    _need_root()
    missing = sorted({package for program, package in PACKAGES.items() if not _there(program)})
    if missing:
        raise CannotRun(f"Programs are missing. Install them: apt-get install {' '.join(missing)}")
    has_esp, detail = kernel_esp()
    if wanted == "kernel":
        raise CannotRun(
            "landbridge does not support the kernel's ESP yet "
            f"({detail}). Use --data-plane libipsec, or auto, which chooses it."
        )
    lacks = list(_libipsec_lacks())
    if lacks:
        raise CannotRun(f"libipsec cannot be used here: {'; '.join(lacks)}.")
    if wanted == "libipsec":
        return Choice(DataPlane.LIBIPSEC, "libipsec was asked for")
    if has_esp:
        return Choice(DataPlane.LIBIPSEC, "libipsec: this kernel has ESP, but landbridge does not support it yet")
    return Choice(DataPlane.LIBIPSEC, f"libipsec: {detail}")


def kernel_esp() -> tuple[bool, str]:
    """Whether the kernel does ESP and has XFRM interfaces (built in or as modules), and a sentence about it."""
    lacks = [what for what, name in (("ESP", "esp4"), ("XFRM interfaces", "xfrm_interface")) if not _module(name)]
    if lacks:
        return False, f"this kernel has no {' and no '.join(lacks)}"
    return True, "this kernel has ESP and XFRM interfaces"


def _module(name: str) -> bool:
    release = os.uname().release
    folder = Path("/lib/modules") / release
    for index in ("modules.builtin", "modules.dep"):
        try:
            if f"/{name}.ko" in (folder / index).read_text():
                return True
        except OSError:
            continue
    return (Path("/sys/module") / name).exists()


def _need_root() -> None:
    if os.geteuid() != 0:
        raise CannotRun(
            "Building networks needs root: run this with sudo. "
            "`landbridge serve --data-plane none` serves the API alone, without root and without packets."
        )


def _there(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_SBIN}") is not None


def _libipsec_lacks() -> Iterator[str]:
    if not any((folder / _LIBIPSEC).exists() for folder in _PLUGINS):
        yield "its plugin is missing (apt-get install libcharon-extra-plugins)"
    try:
        handle = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        yield f"/dev/net/tun cannot be opened ({error.strerror}): load the module tun, or pass the device in"
        return
    try:
        fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH22x", b"", _IFF_TUN_NO_PI))
    except OSError as error:
        if error.errno == errno.EPERM:
            yield "TUN devices may not be made here (CAP_NET_ADMIN is missing)"
        else:
            yield f"TUN devices cannot be made here ({error.strerror})"
    finally:
        os.close(handle)
