"""What every resource has, and the states that several kinds share.

Resources are frozen values. API state (`pending`, `available`, ...) is kept in them; whether a tunnel is UP is an
observation and never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Tags = tuple[tuple[str, str], ...]


class State(StrEnum):
    """The API state of a resource; instances say running, shutting-down, terminated for the last three."""

    PENDING = "pending"
    AVAILABLE = "available"
    MODIFYING = "modifying"
    DELETING = "deleting"
    DELETED = "deleted"


class Attachment(StrEnum):
    """How far a gateway's attachment to a VPC has come."""

    ATTACHING = "attaching"
    ATTACHED = "attached"
    DETACHING = "detaching"
    DETACHED = "detached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """What every resource has."""

    id: str
    account: str
    region: str
    tags: Tags = ()
    created: datetime

    @property
    def name(self) -> str:
        """The tag `Name`, or nothing."""
        return dict(self.tags).get("Name", "")
