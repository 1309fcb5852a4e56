"""Landbridge: a self-hosted, AWS-compatible Site-to-Site VPN service."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "0.1.0"
