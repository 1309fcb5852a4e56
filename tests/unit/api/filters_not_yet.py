"""Filters that EC2 documents and landbridge refuses, by action, and why. What is added goes from here."""

from __future__ import annotations

NOT_YET: dict[str, tuple[str, frozenset[str]]] = {}
