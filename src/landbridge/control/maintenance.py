"""Maintenance of tunnel endpoints: what is pending, and when it is applied without being asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from landbridge.model.vpn import Tunnel

WAITS_FOR: Final = timedelta(days=14)
"""How long maintenance waits where the endpoint's owner has lifecycle control."""


def applied_after(tunnel: Tunnel) -> datetime | None:
    """When pending maintenance is applied whether somebody asked for it or not; None where none is pending."""
    if tunnel.outdated_since is None:
        return None
    return tunnel.outdated_since + (WAITS_FOR if tunnel.options.keeps_its_endpoint else timedelta())
