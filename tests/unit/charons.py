"""What a charon may say, for those who hear it."""

from __future__ import annotations

from ipaddress import IPv4Address

from landbridge.observe.ike import ChildSaStatus, ChildState, IkeSaStatus, IkeState


def sa(*, carries: bool = True) -> IkeSaStatus:
    """An IKE SA of five seconds ago with a CHILD SA, which carries traffic or not yet."""
    child = ChildSaStatus(
        name="vpn-1-1",
        unique_id=1,
        state=ChildState.INSTALLED if carries else ChildState.INSTALLING,
        spi_in="c0000001",
        spi_out="c0000002",
        suite="AES_GCM_16-128",
        udp=True,
        bytes_in=100,
        packets_in=1,
        bytes_out=200,
        packets_out=2,
        installed=5,
        rekey_in=3000,
        expires_in=3600,
    )
    return IkeSaStatus(
        connection="vpn-1-1",
        unique_id=1,
        state=IkeState.ESTABLISHED,
        initiator=False,
        local=IPv4Address("203.0.113.128"),
        local_port=4500,
        local_id="203.0.113.128",
        remote=IPv4Address("203.0.113.77"),
        remote_port=4500,
        remote_id="203.0.113.77",
        nat_local=True,
        nat_remote=False,
        nat_fake=True,
        suite="AES_GCM_16-128/PRF_HMAC_SHA2_256/ECP_256",
        spi_initiator="1",
        spi_responder="2",
        established=5,
        rekey_in=28000,
        children=(child,),
    )
