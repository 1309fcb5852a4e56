"""The way of a tunnel's packets without the tunnel: the same namespaces by hand, plain veths where the devices are.

    host -- site ==veth== [c1] -- site -- internet -- [g1] ==veth== vgw -- vpc

Addresses of their own lead that way, beside the tunnels, which stay as they are.
"""

from __future__ import annotations

from lib import netns
from lib.handwired import HandWired

INSTANCE = "10.250.0.10"
HOST = "192.168.250.10"
_CLOUD, _SITE = "10.250.0.0/24", "192.168.250.0/24"
_BACK, _FORTH = 250, 251


def build(world: HandWired) -> None:
    """Beside the first tunnel of the first connection."""
    connection = world.connections[0]
    cloud, customer = connection.spaces[0], connection.customer.charons[0].namespace
    site, ends = connection.site, connection.ends[0]
    for space, router in ((cloud, world.vgw), (customer, site)):
        netns.ip(space, f"link add raw0 type veth peer name raw0 netns {router}", "link set raw0 up")
        netns.ip(router, "link set raw0 up")
    netns.ip(cloud, "addr add 10.251.0.1/30 dev raw0")
    netns.ip(world.vgw, "addr add 10.251.0.2/30 dev raw0", "addr add 10.250.0.1/24 dev lan0")
    netns.ip(customer, "addr add 10.251.0.5/30 dev raw0")
    netns.ip(site, "addr add 10.251.0.6/30 dev raw0", "addr add 192.168.250.1/24 dev lan0")
    netns.ip(world.vpc, f"addr add {INSTANCE}/24 dev eth0", f"route add {_SITE} via 10.250.0.1 src {INSTANCE}")
    netns.ip(connection.host, f"addr add {HOST}/24 dev eth0", f"route add {_CLOUD} via 192.168.250.1 src {HOST}")
    netns.ip(world.vgw, f"route add {_SITE} via 10.251.0.1")
    netns.ip(cloud, f"route add {_SITE} via {connection.public}", f"route add {_CLOUD} via 10.251.0.2")
    netns.ip(customer, f"route add {_SITE} via 10.251.0.6")
    netns.ip(
        site,
        # By way of c1, as the tunnel's packets: from the Internet there, and from the LAN there.
        f"rule add iif eth0 to {_SITE} lookup {_FORTH}",
        f"route add {_SITE} via 100.64.1.2 table {_FORTH}",
        f"rule add iif lan0 to {_CLOUD} lookup {_BACK}",
        f"route add {_CLOUD} via 10.251.0.5 table {_BACK}",
        f"route add {_CLOUD} via {ends.cloud_outside}",
    )
