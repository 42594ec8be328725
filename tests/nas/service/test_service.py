"""A real service: a search by HTTP whose process is killed, and goes on to its export."""

import os
import signal
import subprocess
import sys
import time
import zipfile

import pytest

from nas.service.client import Client
from nas.service.job_table import JobTable
from nas.service.tokens import Tokens
from nas.storage.schema import JobRow

LIMIT_S = 1500
TINY = {"epochs": 4, "rungs": [4], "epoch_images": 256, "batch_size": 128, "recalibration_batches": 1,
        "warmup_epochs": 0}  # fmt: skip


def process_of(table, job):
    with table.writing() as session:
        row = session.query(JobRow).where(JobRow.id == job).one()
        return row.process


def wait_for(condition, limit_s=LIMIT_S):
    ends_s = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < ends_s
        time.sleep(0.5)


@pytest.mark.long
@pytest.mark.timeout(2 * LIMIT_S)
def test_a_search_whose_process_is_killed_goes_on_from_its_last_epoch_and_is_exported(tmp_path):
    url = f"sqlite:///{tmp_path}/nas.db"
    with JobTable(url) as table:
        secret, _ = Tokens(table).create("ann")
        command = [sys.executable, "-m", "nas", "serve", "--port", "0", "--storage", url]
        server = subprocess.Popen(
            command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env={**os.environ, "NAS_STORAGE": ""}
        )
        assert server.stderr is not None
        address = server.stderr.readline().split()[0]
        client = Client(address, secret)
        try:
            job = client.search("2M-MACs", trials=1, study="first", recipe=TINY, reproducible=False)
            next(name for name, _ in client.events(job["id"]) if name == "epoch")
            killed = process_of(table, job["id"])
            os.kill(killed, signal.SIGKILL)
            ended = client.wait(job["id"])
            assert (ended["state"], ended["error"]) == ("done", None), client.log(job["id"])
            after = [data for name, data in client.events(job["id"]) if name == "epoch"]
            best = client.networks(job["id"])["networks"][0]
            assert [epoch["epoch"] for epoch in after if epoch["trial"] == best["trial"]] == [1, 2, 3, 4]
            assert best["state"] == "complete"

            queued = client.search("2M-MACs", trials=4, study="second", recipe=TINY)
            wait_for(lambda: client.job(queued["id"])["state"] == "running")
            asked_s = time.monotonic()
            client.cancel(queued["id"], now=True)
            assert client.wait(queued["id"])["state"] == "cancelled"
            assert time.monotonic() - asked_s < 60  # ten seconds where a core is free

            archive = client.export(job["id"], to=tmp_path / "network.zip")
            with zipfile.ZipFile(archive) as packed:
                names = packed.namelist()
                assert "network/network.py" in names
                packed.extractall(tmp_path / "out")
            code = (
                "import network, torch; print(tuple(network.network().eval()(torch.zeros(1, 1, 8, 8)).shape))"
            )
            shown = subprocess.run(
                [sys.executable, "-c", code],
                cwd=tmp_path / "out" / "network",
                capture_output=True,
                text=True,
                check=False,
            )
            assert shown.returncode == 0, shown.stderr
            report = client.report(job["id"], to=tmp_path / "report.html")
            assert "<html" in report.read_text()
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(60) == 0
