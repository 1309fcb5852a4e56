"""`landbridge demo`: the demo is a client like any other; this only hands it over to the command line."""

from __future__ import annotations

from landbridge.demo.run import demo

__all__ = ["demo"]
