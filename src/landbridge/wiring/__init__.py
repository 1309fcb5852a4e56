"""The only package that names concrete stores, drivers, the clock and entropy: it puts the parts together."""
