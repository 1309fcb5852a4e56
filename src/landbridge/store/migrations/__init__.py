"""Alembic's migrations of the state's schema."""
