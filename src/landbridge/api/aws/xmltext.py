"""Text for XML 1.0, which cannot carry every character: the one place that knows which."""

from __future__ import annotations

import re
from typing import Final

_NOT_IN_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def unfit(text: str) -> str | None:
    """The first character that XML 1.0 has no way to carry, not even escaped; None if all fit."""
    if text.isascii() and text.isprintable():
        return None
    found = _NOT_IN_XML.search(text)
    return found.group() if found else None


def escape(text: str) -> str:
    """Text as element content. A character that XML cannot carry becomes U+FFFD; a carriage return is kept."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if text.isascii() and (text.isprintable() or text.replace("\n", "").isprintable()):
        return text
    # Bare, a carriage return would come out of the reader's parser as a line feed.
    return _NOT_IN_XML.sub("\ufffd", text).replace("\r", "&#13;")
