"""What several contracts stand on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from vpn import Vpn


@pytest.fixture
def vpn() -> Iterator[Vpn]:
    """Two endpoints and the Internet between them, for one test."""
    made = Vpn()
    try:
        made.up()
        yield made
    finally:
        made.down()
