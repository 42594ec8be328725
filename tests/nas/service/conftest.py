"""A database with users and their tokens."""

import shutil
import threading
import time

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


@pytest.fixture(scope="module")
def served(tmp_path_factory, empty_database):
    """Return a real server on loopback, without workers, as (address, service, tokens by user)."""
    import uvicorn

    from nas.service.access import Service
    from nas.service.app import application
    from nas.service.job_table import JobTable
    from nas.service.rate_limit import RateLimit
    from nas.service.server import LOOPBACK
    from nas.service.study_reader import StudyReader
    from nas.service.tokens import AuditLog, Tokens
    from nas.service.workers import Workers

    folder = tmp_path_factory.mktemp("served")
    shutil.copy(empty_database, folder / "nas.db")
    url = f"sqlite:///{folder}/nas.db"
    with JobTable(url) as table:
        tokens = Tokens(table)
        service = Service(
            table=table,
            tokens=tokens,
            audit=AuditLog(table),
            reader=StudyReader(url),
            workers=Workers(storage_path=folder / "runs"),
            failures=RateLimit(1000.0, 1000),
        )
        secrets = {user: tokens.create(user)[0] for user in ("ann", "bob")}
        secrets["admin"] = tokens.create("root", "admin")[0]
        secrets["viewer"] = tokens.create("ann", "viewer")[0]
        config = uvicorn.Config(application(service, LOOPBACK), port=0, log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", service, secrets
        server.should_exit = True
        thread.join(10)
