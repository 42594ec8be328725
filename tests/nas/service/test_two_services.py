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
from tests.chaos.havoc import below
from tests.chaos.nodes import Nodes
from tests.nas.service.test_service import LIMIT_S, TINY, process_of, wait_for


@contextmanager
def started(url, folder, *words, environment=None):
    """Yield a server and its address; it is killed at the end unless it has ended before."""
    command = [
        *(sys.executable, "-m", "nas", "serve", "--port", "0", "--workers", "2"),
        *("--storage", url, "--storage-path", str(folder / "runs"), *words),
    ]
    environment = {**(environment or os.environ), "NAS_STORAGE": "", "NAS_SERVER": ""}
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


@pytest.mark.long
@pytest.mark.timeout(3 * LIMIT_S)
def test_a_search_on_a_cluster_whose_service_dies_is_finished_by_the_other(postgresql_database, tmp_path):
    with JobTable(postgresql_database) as table, Nodes() as nodes:
        nodes.start(1, cpus=0)
        nodes.start(2)
        secret, _ = Tokens(table).create("ann")
        words, environment = ("--address", nodes.address), nodes.environment
        with started(postgresql_database, tmp_path, *words, environment=environment) as (first, address):
            client = Client(address, secret)
            job = client.search("2M-MACs", trials=2, study="first", recipe=TINY)
            reached = any(name == "epoch" for name, _ in client.events(job["id"]))
            assert reached, client.log(job["id"])
            assert any("ray::ImplicitFunc" in words for _, words in below(nodes.processes(2)[0]))
            killed = [process_of(table, job["id"]), first.pid]
            for process in killed:
                os.kill(process, signal.SIGKILL)
        with started(postgresql_database, tmp_path, *words, environment=environment) as (second, address):
            client = Client(address, secret)
            ended = client.wait(job["id"])
            assert (ended["state"], ended["error"]) == ("done", None), client.log(job["id"])
            networks = client.networks(job["id"])["networks"]
            assert sum(network["state"] == "complete" for network in networks) == 2
            second.send_signal(signal.SIGINT)
            assert second.wait(timeout=60) == 0


def test_a_cluster_that_cannot_be_reached_is_refused_at_the_start(tmp_path):
    command = [sys.executable, "-m", "nas", "serve", "--port", "0", "--address", "127.0.0.1:9"]
    ended = subprocess.run(
        [*command, "--storage", f"sqlite:///{tmp_path}/nas.db"],
        cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "Cannot use the Ray cluster at '127.0.0.1:9'" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1
