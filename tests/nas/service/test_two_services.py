"""Two services on one PostgreSQL: jobs of two kinds whose service dies are finished by the other."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from nas.service.client import Client
from nas.service.job_table import JobTable
from nas.service.tokens import Tokens
from tests.nas.service.test_service import LIMIT_S, TINY, process_of, wait_for


@contextmanager
def started(url, folder):
    """Yield a server and its address; it is killed at the end unless it has ended before."""
    command = [
        *(sys.executable, "-m", "nas", "serve", "--port", "0", "--workers", "2"),
        *("--storage", url, "--storage-path", str(folder / "runs")),
    ]
    environment = {**os.environ, "NAS_STORAGE": "", "NAS_SERVER": ""}
    server = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stderr is not None
    try:
        yield server, server.stderr.readline().split()[0]
    finally:
        server.kill()
        server.communicate(timeout=60)


@pytest.mark.long
@pytest.mark.timeout(3 * LIMIT_S)
def test_jobs_of_two_kinds_whose_service_dies_are_finished_by_the_other(postgresql_database, tmp_path):
    with JobTable(postgresql_database) as table:
        secret, _ = Tokens(table).create("ann")
        with started(postgresql_database, tmp_path) as (first, address):
            client = Client(address, secret)
            search = client.search("2M-MACs", trials=1, study="first", recipe=TINY, reproducible=False)
            reached = any(name == "epoch" for name, _ in client.events(search["id"]))
            assert reached, client.log(search["id"])
            measured = client.measure("mobilenet_v2_1.0_224", scores=False)
            wait_for(lambda: process_of(table, measured["id"]) not in {None, first.pid})
            killed = [first.pid, *(process_of(table, job["id"]) for job in (search, measured))]
            for process in killed:
                os.kill(process, signal.SIGKILL)

        with started(postgresql_database, tmp_path) as (second, address):
            client = Client(address, secret)
            for job in (search, measured):
                ended = client.wait(job["id"])
                assert (ended["state"], ended["error"]) == ("done", None), client.log(job["id"])
            assert client.show("first")["networks"][0]["state"] == "complete"
            assert client.result(measured["id"])["result"]["median_ms"] > 0
            second.send_signal(signal.SIGINT)
            assert second.wait(timeout=60) == 0
