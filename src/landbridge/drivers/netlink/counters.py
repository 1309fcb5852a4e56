"""What passed the links of a namespace, as the kernel counts it: bytes, for tunnel devices those of IP packets."""

from __future__ import annotations

from landbridge.drivers.netlink.decode import Message, link, link_bytes
from landbridge.drivers.netlink.inside import NamespaceMissing
from landbridge.drivers.netlink.rtnl import Rtnl
from landbridge.observe.kernel import LinkCount

_EVERY_LINK = bytes(16)
"""An ifinfomsg that selects nothing; without IFLA_EXT_MASK, so that statistics come, too."""


def counts(namespace: str) -> dict[str, LinkCount]:
    """By name: what each link has received and sent since it was made. Nothing where there is no such namespace.

    Raises:
        OSError: the kernel does not tell.
    """
    try:
        with Rtnl(namespace) as rtnl:
            told = rtnl.dump(Message.GETLINK, _EVERY_LINK)
    except NamespaceMissing:
        return {}
    found = {}
    for body in told:
        each = link(body)
        received, sent = link_bytes(body)
        found[each.name] = LinkCount(life=each.index, received=received, sent=sent)
    return found
