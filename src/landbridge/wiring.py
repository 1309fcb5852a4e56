"""The one module that names concrete stores, drivers, clock and entropy, and puts the service together."""
