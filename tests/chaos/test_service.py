"""A service on PostgreSQL whose server, jobs and database are killed by turns finishes every job."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from nas.service.client import Client
from nas.service.connection import ServiceError
from nas.service.job_table import JobTable
from nas.service.tokens import Tokens
from nas.storage.schema import JobRow
from search_spaces.errors import UserError
from tests.benchmarks.filing import file_result
from tests.chaos import havoc

USERS = ("ann", "bob", "eve")
KINDS = ("server", "job", "database")
TRIALS = 2
RECIPE = {"epochs": havoc.EPOCHS, "rungs": [1, havoc.EPOCHS], "batch_size": 32, "recalibration_batches": 1,
          "warmup_epochs": 0}  # fmt: skip
WHOLE_S = 3600
PAUSE_S = 25.0  # a job that dies five times in a row before its first epoch ends has failed
ORPHANS_S = 60


class Chaos:
    """A server on a database that is killed, with its jobs, and started again."""

    def __init__(self, folder, database, url):
        self.folder, self.database, self.url = folder, database, url
        self.killed: Counter[str] = Counter()
        self.server: Any = None
        self.address: Any = None

    def start(self):
        """Start a server and return once it listens."""
        words = ["--port", "0", "--workers", "2", "--storage", self.url, "--data", "tiny=tiny.npz"]
        errors = self.folder / f"server-{time.monotonic_ns()}.txt"
        with errors.open("wb") as out:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "nas", "serve", *words],
                cwd=self.folder,
                stderr=out,
                env={**os.environ, "NAS_STORAGE": "", "NAS_SERVER": "", "PYTHONUNBUFFERED": "1"},
            )
        ends_s = time.monotonic() + 120
        while "http://" not in errors.read_text():
            assert self.server.poll() is None, errors.read_text()
            assert time.monotonic() < ends_s, errors.read_text()
            time.sleep(0.2)
        self.address = "http://" + errors.read_text().partition("http://")[2].split()[0]

    def rows(self):
        """Return the jobs as the database has them."""
        with JobTable(self.url) as table, table.writing() as session:
            rows = session.query(JobRow).order_by(JobRow.number).all()
            session.expunge_all()
        return rows

    def kill_one(self, kind, rng):
        """Kill the server, the process of a job or the database, and start the first and last again."""
        if kind == "server":
            self.server.kill()
            self.server.wait()
            time.sleep(rng.uniform(0, 3))
            self.start()
        elif kind == "database":
            self.database.kill()
            time.sleep(rng.uniform(0, 4))
            self.database.start()
        else:
            running = [row.process for row in self.rows() if row.state == "running"]
            own = [pid for pid in running if pid not in {None, self.server.pid}]
            if not own:
                return
            havoc.kill(rng.choice(own))
        self.killed[kind] += 1


def submit(client, user, searches):
    """Submit searches and a measurement; a retraining follows once a search has ended."""
    for number in range(searches):
        client.search(
            "8M-MACs", data="tiny", study=f"{user}-{number}", trials=TRIALS, recipe=RECIPE, sampler="random",
            seed=number,
        )  # fmt: skip
    client.measure("mobilenet_v2_1.0_224", scores=False)


def retrain(client, study):
    """Submit the retraining of a study that has ended; the server may be away."""
    try:
        client.retrain(study, recipe=RECIPE)
    except ServiceError as error:
        return "waits or runs" in str(error)
    return True


def through(folder, database, kills, searches, seed):
    """Run all jobs of three users through so many kills and check what is left; return what happened."""
    havoc.furnish(folder)
    url, rng = havoc.database(database, "service"), random.Random(seed)
    with JobTable(url) as table:
        secrets = {user: Tokens(table).create(user)[0] for user in USERS}
    chaos = Chaos(folder, database, url)
    chaos.start()
    try:
        for user in USERS:
            submit(Client(chaos.address, secrets[user]), user, searches)
        retrained: set[str] = set()
        next_s, ends_s = time.monotonic() + 15.0, time.monotonic() + WHOLE_S
        while True:
            assert time.monotonic() < ends_s, [(r.kind, r.user, r.state, r.error) for r in chaos.rows()]
            try:
                rows = chaos.rows()
            except UserError:  # the database is on its way
                time.sleep(1)
                continue
            for row in rows:
                due = row.kind == "search" and row.state == "done" and row.user not in retrained
                if due and retrain(Client(chaos.address, secrets[row.user]), row.study.partition(".")[2]):
                    retrained.add(row.user)
            left = [row for row in rows if row.state in {"queued", "running"}]
            if not left and len(retrained) == len(USERS):
                break
            if sum(chaos.killed.values()) < kills and time.monotonic() >= next_s:
                chaos.kill_one(KINDS[sum(chaos.killed.values()) % len(KINDS)], rng)
                next_s = time.monotonic() + rng.uniform(0.5, 1.5) * PAUSE_S
            time.sleep(0.5)
        return chaos, check(chaos, searches)
    finally:
        chaos.server.terminate()
        chaos.server.wait(60)


def left_of(url):
    """Return the processes of jobs and of their Ray, which have the URL of the database from the server."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"NAS_STORAGE={url}".encode() in (process / "environ").read_bytes().split(bytes(1)):
                found.append((process / "cmdline").read_bytes()[:200])
        except OSError:  # it has ended
            continue
    return found


def check(chaos, searches):
    """Check that every job is done, no network was trained twice and nothing is left."""
    rows = chaos.rows()
    ends = Counter((row.kind, row.state) for row in rows)
    assert {row.state for row in rows} == {"done"}, [(r.kind, r.study, r.state, r.error) for r in rows]
    assert ends == {
        ("search", "done"): searches * len(USERS),
        ("measure", "done"): len(USERS),
        ("retrain", "done"): len(USERS),
    }
    assert all(row.holder is None and row.process is None for row in rows)
    for row in rows:
        if row.kind == "search":
            havoc.check_counts(havoc.trials_of(chaos.url, row.study), TRIALS, {})
    ends_s = time.monotonic() + ORPHANS_S
    while left := left_of(chaos.url):
        assert time.monotonic() < ends_s, left
        time.sleep(1)
    return ends


@pytest.mark.chaos
@pytest.mark.timeout(2 * WHOLE_S)
@pytest.mark.parametrize(("kills", "searches"), [(6, 4), (30, 12)])
def test_every_job_of_three_users_ends_through_kills(tmp_path, killable_postgresql, kills, searches):
    began_s = time.monotonic()
    chaos, ends = through(tmp_path, killable_postgresql, kills, searches, seed=kills)
    assert sum(chaos.killed.values()) == kills
    file_result(
        f"chaos_service_{kills}",
        command=f"pytest -m chaos tests/chaos/test_service.py -k {kills}",
        seed=kills,
        lines=[
            f"`nas serve --workers 2` on PostgreSQL, three users, {len(USERS) * searches} searches, three "
            f"measurements, three retrainings; killed with SIGKILL: {dict(chaos.killed)}; "
            f"{time.monotonic() - began_s:.0f} s. "
            f"Jobs: {', '.join(f'{n} {kind} {state}' for (kind, state), n in ends.items())}; lost: 0; "
            f"networks trained twice: 0; jobs held by nobody: 0; processes left: 0."
        ],
    )
