"""The only package that names concrete stores, drivers, the clock and entropy: it puts the parts together."""

from landbridge.wiring import lean

lean.without_clients()
lean.without_rich()
