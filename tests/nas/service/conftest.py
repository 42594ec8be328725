"""A database with users and their tokens."""

import shutil

import pytest


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """Return an SQLite file with our tables: making them takes longer than most tests."""
    from nas.storage.tables import opened_tables

    file = tmp_path_factory.mktemp("service") / "empty.db"
    opened_tables(f"sqlite:///{file}").dispose()
    return file


@pytest.fixture
def url(tmp_path, empty_database):
    shutil.copy(empty_database, tmp_path / "nas.db")
    return f"sqlite:///{tmp_path}/nas.db"


@pytest.fixture
def table(url):
    from nas.service.job_table import JobTable

    with JobTable(url) as opened:
        yield opened


@pytest.fixture
def tokens(table):
    from nas.service.tokens import Tokens

    made = Tokens(table)
    return {user: made.create(user)[0] for user in ("ann", "bob")}
