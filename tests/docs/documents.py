"""The project's documents, taken apart: code blocks, links, headings."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and its text."""

    language: str
    text: str


def documents() -> list[Path]:
    """Every document that is or could be committed."""
    words = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
    return sorted({ROOT / name for name in subprocess.check_output(words, cwd=ROOT, text=True).splitlines()})


def blocks(text: str, language: str) -> list[str]:
    """The blocks of one language, in order."""
    return [found[2] for found in _FENCE.finditer(text) if found[1] == language]


def links(text: str) -> list[str]:
    """Where the text's links lead, without those in code."""
    return _LINK.findall(_FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """The headings' names in links, as forges make them."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(_FENCE.sub("", text))
    }
