"""libnftables, the library behind `nft`: a command in, its output out, in a few hundred microseconds (nft: 4 ms).

It is a dependency of Debian's package nftables, and its interface is stable (soname 1, libnftables(3)).
"""

from __future__ import annotations

import ctypes
import threading
from functools import cache
from typing import Final

from landbridge.drivers.netlink.inside import inside
from landbridge.reconcile.driver import DriverError

_LOCK: Final = threading.Lock()  # it keeps a table of links in a global
_LIBRARY: Final = "libnftables.so.1"


class NftError(DriverError):
    """nft refused a command. The message is its own first line."""


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise DriverError(f"{_LIBRARY} was not found: install nftables (`apt install nftables`)") from error
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    for name in ("nft_ctx_free", "nft_ctx_buffer_output", "nft_ctx_buffer_error"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(library, name).argtypes = [ctypes.c_void_p]
        getattr(library, name).restype = ctypes.c_char_p
    library.nft_ctx_free.restype = None
    return library


def run(namespace: str, *commands: str) -> list[str]:
    """Run commands inside a namespace, each a transaction of its own; answers with the output of each.

    Raises:
        NamespaceMissing: there is none of that name.
        NftError: a command was refused; later ones were not run, and of this one nothing is in force.
    """
    library = _library()
    with _LOCK, inside(namespace):
        context = library.nft_ctx_new(0)
        if not context:
            raise NftError("nftables could not be reached: does the kernel have nf_tables (`modprobe nf_tables`)?")
        try:
            library.nft_ctx_buffer_output(context)
            library.nft_ctx_buffer_error(context)
            return [_one(library, context, command) for command in commands]
        finally:
            library.nft_ctx_free(context)


def _one(library: ctypes.CDLL, context: int, command: str) -> str:
    failed = library.nft_run_cmd_from_buffer(context, command.encode())
    # Asking for a buffer also empties it.
    output = library.nft_ctx_get_output_buffer(context).decode("utf-8", "replace")
    errors = library.nft_ctx_get_error_buffer(context).decode("utf-8", "replace")
    if failed:
        raise NftError(errors.strip().partition("\n")[0] or "nft gave no reason")
    return str(output)
