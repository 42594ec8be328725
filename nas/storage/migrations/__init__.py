"""Alembic migrations of our tables, one file for each version."""
