"""Listens to the kernel and the daemons, and keeps what they said: the source of telemetry, health and learned routes.

Everything is pushed or looked at after an event; nothing here decides anything (observe/ does).
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network

import structlog

from landbridge.control.service import Control
from landbridge.desired.names import Names, tunnel_link
from landbridge.desired.objects import BIRD_PROTOCOL, MAIN_TABLE, Health
from landbridge.desired.vpn_gateway import alive
from landbridge.drivers.netlink.events import KernelEvents
from landbridge.model.resources import TunnelId, Vpc, VpnConnection, VpnGateway
from landbridge.model.snapshot import Snapshot
from landbridge.observe import fold
from landbridge.observe.fold import Endpoint, Heard, Place, SpeakerWords, View
from landbridge.observe.kernel import KernelEvent, RouteEvent
from landbridge.observe.state import Observation
from landbridge.wiring.host import Host
from landbridge.wiring.world import now

log = structlog.get_logger(__name__)

Routes = dict[tuple[int, IPv4Network], str]
