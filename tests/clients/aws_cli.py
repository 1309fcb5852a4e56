"""The real `aws`, with nothing but a profile in a home folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Shell:
    """A home folder, and the aws command line in it, with no environment of AWS's."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**kept, "HOME": str(self.home), "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-m", "awscli", "--profile", "landbridge", *words)
        return subprocess.run(
            command,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def aws(self, *words: str) -> Any:
        """The document that a command prints."""
        done = self.run(*words, "--output", "json")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None
