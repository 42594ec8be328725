"""A real SQLite file and a real throwaway PostgreSQL server."""

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Return the URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/nas.db"
    import psycopg

    server = request.getfixturevalue("postgresql")
    name = f"t{abs(hash(str(tmp_path)))}"
    with psycopg.connect(server.replace("+psycopg", "") + "postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server + name
