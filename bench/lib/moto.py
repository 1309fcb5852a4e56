"""`moto_server` beside landbridge: moto from PyPI in an environment of its own below `.bench/`, in memory."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from botocore.credentials import Credentials

from lib import ROOT, VENV
from lib.load import Server
from lib.run import say

MOTO = "moto[ec2,server]==5.2.5"
HOME = ROOT / ".bench" / "moto"


def install() -> Path:
    """The program, installed if it is not."""
    program, stamp = HOME / "bin" / "moto_server", HOME / "stamp"
    if not stamp.exists() or stamp.read_text() != MOTO:
        say(f"installing {MOTO} into {HOME}")
        uv = ROOT / ".uv" / "bin" / "uv"
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", VENV / "bin" / "python", HOME], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", HOME / "bin" / "python", MOTO], check=True)
        subprocess.run([HOME / "bin" / "python", "-m", "compileall", "-q", HOME / "lib"], check=False)
        stamp.write_text(MOTO)
    return program


class Moto:
    """A running moto_server. Close it whatever happens."""

    def __init__(self, folder: Path) -> None:
        program = install()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = int(listener.getsockname()[1])
        self._log = (folder / "moto.log").open("wb")
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            process_group=0,
        )
        self.server = Server(port, Credentials("test", "test"))

    def first_answer(self) -> float:
        """Seconds from the start to the first answer."""
        while True:
            try:
                self.server.ask("DescribeVpnConnections")
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() > self.began + 60:
                    raise RuntimeError(f"moto_server did not start: see {self._log.name}") from None
                time.sleep(0.005)
            else:
                return time.monotonic() - self.began

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._log.close()
