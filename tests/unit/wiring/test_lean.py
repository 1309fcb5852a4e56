"""What a start leaves out stays out, and is there for who asks for it later."""

from __future__ import annotations

import subprocess
import sys

LEFT_OUT = ("pyroute2.ndb", "pyroute2.iproute", "rich", "cryptography.x509")
SEEN = f"import sys; seen = [name for name in {LEFT_OUT} if name in sys.modules]; "


def run(code: str) -> str:
    return subprocess.run((sys.executable, "-c", code), capture_output=True, text=True, check=True).stdout.strip()


def test_a_start_leaves_out_what_nobody_here_uses() -> None:
    assert run(f"import landbridge.wiring.customer_agent, landbridge.wiring.serve; {SEEN} print(seen)") == "[]"


def test_messages_and_logs_are_whole() -> None:
    assert (
        run(
            "import landbridge.wiring; from pyroute2.netlink.rtnl.rtmsg import rtmsg; import structlog; "
            "m = rtmsg(); m['dst_len'] = 24; m.encode(); print(len(m.data) > 20, structlog.dev.rich)"
        )
        == "True None"
    )


def test_rich_is_there_for_the_command_line() -> None:
    assert run("import landbridge.wiring; import rich.table; print(rich.table.Table.__name__)") == "Table"


def test_what_is_imported_already_is_left_as_it_is() -> None:
    assert run("import pyroute2, rich; import landbridge.wiring; print(pyroute2.IPRoute.__name__)") == "IPRoute"
