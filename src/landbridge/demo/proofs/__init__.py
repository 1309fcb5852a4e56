"""The twelve promises, each proved with real packets by a module of its own."""

from __future__ import annotations

from typing import Final

from landbridge.demo.proofs import (
    p01_router,
    p02_instances,
    p03_internet,
    p04_vpn_gateway,
    p05_customer_gateway,
    p06_connection,
    p07_routing,
    p08_tables,
    p09_failover,
    p10_cloudhub,
    p11_device,
    p12_ciphertext,
)
from landbridge.demo.proofs.base import Proof

PROOFS: Final[tuple[tuple[int, str, Proof], ...]] = (
    (1, "VPC, subnets, the implicit router", p01_router.prove),
    (2, "Instances", p02_instances.prove),
    (3, "Internet gateway, and no way through", p03_internet.prove),
    (4, "Virtual private gateway", p04_vpn_gateway.prove),
    (5, "Customer gateway", p05_customer_gateway.prove),
    (6, "VPN connection: two tunnels that share nothing", p06_connection.prove),
    (7, "Static and dynamic routing, also without the service", p07_routing.prove),
    (8, "Route tables: a manual route, propagation, or nothing", p08_tables.prove),
    (9, "Automatic failover", p09_failover.prove),
    (10, "CloudHub", p10_cloudhub.prove),
    (11, "landbridge customer-gateway, from the downloaded file", p11_device.prove),
    (12, "Nothing but ciphertext crosses the Internet", p12_ciphertext.prove),
)
