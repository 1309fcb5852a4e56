"""The lab: simulated sites of customers, and hosts on the Internet."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from landbridge.model.resources import Resource, State


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSite(Resource):
    """A customer's site on the lab's Internet: a gateway machine and a host on its LAN. The id is the site's name."""

    public_address: IPv4Address
    lan: IPv4Network
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class LabHost(Resource):
    """A host on the lab's Internet. The id is its name."""

    address: IPv4Address
    state: State
