"""Revisions, the change log and migrations of what was asked for, in SQL."""
