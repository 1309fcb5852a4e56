"""What this machine's kernel and packages can do: who does ESP here, and what is missing for it."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from landbridge.desired.links import DataPlane
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

MODULES: Final = ("esp4", "xfrm_user", "xfrm_interface")
"""What kernel ESP takes, where it is not built in."""

NEEDS_ROOT: Final = (
    "Building networks needs root: run this with sudo. "
    "`landbridge serve --data-plane none` serves the API alone, without root and without packets."
)

_INTERFACE: Final = "link add lbtrial type xfrm if_id 1"
# A key of zeros, for an SA that nobody uses.
_STATE: Final = (
    "xfrm state add src 127.0.0.1 dst 127.0.0.1 proto esp spi 0x1000 mode tunnel "
    f"aead rfc4106(gcm(aes)) 0x{20 * '00'} 128 if_id 1"
)
_TRIAL: Final = 30.0
"""Seconds that a trial may take."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What this machine has. Each list says what is missing, in sentences with the remedy; empty is good."""

    root: bool
    programs: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    kernel: tuple[str, ...]
    libipsec: tuple[str, ...]


def diagnose() -> Diagnosis:
    """Look at this machine. Modules are loaded where that is allowed; nothing else stays changed."""
    root = os.geteuid() == 0
    missing = sorted({package for program, package in PACKAGES.items() if not _there(program)})
    # Everything else is tried in a namespace: without one nothing is known of it.
    refused = _refusal("true") if root and not missing else ""
    return Diagnosis(
        root=root,
        programs=(f"Programs are missing. Install them: apt-get install {' '.join(missing)}",) if missing else (),
        namespaces=(f"Network namespaces cannot be made here: {refused}.",) if refused else (),
        kernel=(tuple(_kernel_lacks()) if not refused else ("not tried",)) if root else ("only root can try",),
        libipsec=tuple(_libipsec_lacks()) if root else ("only root can try",),
    )


def choose(wanted: str) -> Choice:
    """The data plane for `auto`, `libipsec` or `kernel` on this machine.

    Raises:
        CannotRun: it cannot be had here.
    """
    found = diagnose()
    if not found.root:
        raise CannotRun(NEEDS_ROOT)
    if found.programs:
        raise CannotRun(found.programs[0])
    return decide(wanted, found)


def decide(wanted: str, found: Diagnosis) -> Choice:
    """The data plane for `auto`, `libipsec` or `kernel`, out of what a machine has. Pure.

    Raises:
        CannotRun: it cannot be had there.
    """
    if found.namespaces:
        raise CannotRun(found.namespaces[0])
    kernel, libipsec = "; ".join(found.kernel), "; ".join(found.libipsec)
    if wanted == "kernel":
        if kernel:
            raise CannotRun(f"The kernel cannot do ESP here: {kernel}. Or use --data-plane libipsec.")
        return Choice(DataPlane.KERNEL, "the kernel's ESP was asked for")
    if wanted == "auto" and not kernel:
        return Choice(DataPlane.KERNEL, "kernel: it has ESP and XFRM interfaces")
    if libipsec:
        what = f"libipsec cannot be used here: {libipsec}."
        raise CannotRun(f"{what} Nor can the kernel do ESP: {kernel}." if wanted == "auto" and kernel else what)
    if wanted == "libipsec":
        return Choice(DataPlane.LIBIPSEC, "libipsec was asked for")
    return Choice(DataPlane.LIBIPSEC, f"libipsec: {found.kernel[0]}")


def _kernel_lacks() -> Iterator[str]:
    """What is missing for ESP in the kernel, found out by doing it in a namespace that ends with the trial."""
    modprobe = shutil.which("modprobe", path=_SBIN)
    if modprobe is not None:
        _said((modprobe, "--quiet", "--all", *MODULES))
    trials = {"ESP": _refusal("ip", *_STATE.split(" ")), "XFRM interfaces": _refusal("ip", *_INTERFACE.split(" "))}
    lacks = {what: refusal for what, refusal in trials.items() if refusal}
    if not lacks:
        return
    yield f"this kernel has no {' and no '.join(lacks)}"
    yield f"asked for it, it says: {', '.join(lacks.values())}"
    if modprobe is None:
        yield "modules cannot be loaded, for there is no modprobe (apt-get install kmod)"
    else:
        yield (
            f"loading modules did not help on Linux {os.uname().release}: it takes one with {' '.join(MODULES)}, as "
            "Debian's own has; in a container they are loaded on its host (modprobe -a ...)"
        )


def _refusal(*command: str) -> str:
    """What is said when the command fails in a network namespace of its own; empty if it succeeds."""
    return _said(("unshare", "--net", "--", *command))


def _said(command: tuple[str, ...]) -> str:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:{_SBIN}:/usr/bin:/bin"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=_TRIAL, check=False, env=environment
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {_TRIAL:g} s"
    if done.returncode == 0:
        return ""
    return " ".join(done.stderr.split()).rstrip(".") or f"exit code {done.returncode}"


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
