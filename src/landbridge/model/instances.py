"""What talks in a subnet: instances, the network interfaces that they talk by, and their addresses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Address

from landbridge.model.resources import Attachment, Resource


class InstanceState(StrEnum):
    """An instance's state in EC2's words."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance(Resource):
    """Something that talks: a network namespace. What it talks by are its network interfaces (`model/attached.py`).

    `vpc_id` and `subnet_id` are its primary interface's, kept when it is terminated and has no interface any more.
    """

    vpc_id: str
    subnet_id: str
    image_id: str
    instance_type: str
    reservation_id: str
    key_name: str = ""
    launch_index: int = 0
    client_token: str = ""
    request: str = ""
    """What tells the request from others with the same token (`control/tokens.py`)."""
    disable_api_termination: bool = False
    """Whether TerminateInstances is refused."""
    state: InstanceState
    terminated: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicAddress:
    """What a private address is on the Internet, one to one.

    Elastic: it belongs to an ElasticAddress and outlives the association. Else it was assigned at launch, and goes when
    its interface leaves its instance.
    """

    address: IPv4Address
    allocation_id: str = ""
    """The ElasticAddress; empty for one that was assigned at launch."""
    association_id: str = ""
    """EC2's name of the association with an elastic address."""

    @property
    def elastic(self) -> bool:
        """Whether somebody holds it independently of this interface."""
        return self.allocation_id != ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateAddress:
    """An address in a subnet that an interface has."""

    address: IPv4Address
    public: PublicAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceAttachment:
    """Where an interface is plugged in. Device index 0 is the instance's primary interface, which stays."""

    id: str
    instance_id: str
    device_index: int
    delete_on_termination: bool
    since: datetime
    state: Attachment
    ended: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkInterface(Resource):
    """A port of a subnet with its addresses: made with an instance or by itself, attached to one instance at most.

    `addresses` is never empty; the first is the primary one, which stays for the interface's life.
    `group_ids` are the security groups that it is in, in the order given. `assigns_public`: it was made to have a
    public address, and gets one again when its elastic address is taken away.
    """

    vpc_id: str
    subnet_id: str
    addresses: tuple[PrivateAddress, ...]
    group_ids: tuple[str, ...] = ()
    description: str = ""
    source_dest_check: bool = True
    """Whether it sends and gets only what is from or for one of its addresses."""
    assigns_public: bool = False
    attachment: InterfaceAttachment | None = None
    detached: InterfaceAttachment | None = None
    """The attachment that ended last, for a moment: clients wait to see it detached."""
    client_token: str = ""
    request: str = ""
    """What tells the request from others with the same token (`control/tokens.py`)."""

    @property
    def private(self) -> IPv4Address:
        """The primary private address."""
        return self.addresses[0].address

    @property
    def public(self) -> IPv4Address | None:
        """The primary address's public one."""
        public = self.addresses[0].public
        return public.address if public else None

    @property
    def instance_id(self) -> str | None:
        """Where it is attached, also while that begins or ends."""
        return self.attachment.instance_id if self.attachment else None

    @property
    def mac(self) -> str:
        """Its hardware address wherever it is attached: unicast, locally administered, a digest of the id."""
        digest = bytearray(hashlib.sha256(self.id.encode()).digest()[:6])
        digest[0] = digest[0] & 0xFC | 0x02
        return ":".join(f"{byte:02x}" for byte in digest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElasticAddress(Resource):
    """A public address that an account holds until it releases it.

    What it is associated with is said in one place: the interface's PrivateAddress that has it (`model/attached.py`).
    """

    address: IPv4Address
