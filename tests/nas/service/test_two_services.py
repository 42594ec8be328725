"""Two services on one PostgreSQL: jobs of two kinds whose service dies are finished by the other."""

import os
import signal
import subprocess
import sys

import pytest

from nas.service.client import Client
from nas.service.job_table import JobTable
from nas.service.tokens import Tokens
from tests.nas.service.test_service import LIMIT_S, TINY, process_of, wait_for


def started(url, folder):
    """Return a server, its address, whose processes end with it as those of a machine do."""
    command = [
        *(sys.executable, "-m", "nas", "serve", "--port", "0", "--workers", "2"),
        *("--storage", url, "--storage-path", str(folder / "runs")),
    ]
    environment = {**os.environ, "NAS_STORAGE": "", "NAS_SERVER": ""}
    server = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True, env=environment)
    assert server.stderr is not None
    return server, server.stderr.readline().split()[0]


@pytest.mark.long
@pytest.mark.timeout(3 * LIMIT_S)
def test_jobs_of_two_kinds_whose_service_dies_are_finished_by_the_other(postgresql_database, tmp_path):
    with JobTable(postgresql_database) as table:
        secret, _ = Tokens(table).create("ann")
        first, address = started(postgresql_database, tmp_path)
        client = Client(address, secret)
        search = client.search("2M-MACs", trials=1, study="first", recipe=TINY, reproducible=False)
        next(name for name, _ in client.events(search["id"]) if name == "epoch")
        measured = client.measure("mobilenet_v2_1.0_224", scores=False)
        wait_for(lambda: process_of(table, measured["id"]) not in {None, first.pid})
        killed = [first.pid, *(process_of(table, job["id"]) for job in (search, measured))]
        for process in killed:
            os.kill(process, signal.SIGKILL)
        first.communicate(timeout=60)

        second, address = started(postgresql_database, tmp_path)
        client = Client(address, secret)
        try:
            for job in (search, measured):
                ended = client.wait(job["id"])
                assert (ended["state"], ended["error"]) == ("done", None), client.log(job["id"])
            assert client.show("first")["networks"][0]["state"] == "complete"
            assert client.result(measured["id"])["result"]["median_ms"] > 0
        finally:
            second.send_signal(signal.SIGINT)
            second.communicate(timeout=60)
        assert second.returncode == 0
