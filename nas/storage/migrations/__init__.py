"""How our tables came to be, version by version (alembic)."""
