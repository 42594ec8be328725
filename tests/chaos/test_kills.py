"""Searches whose drivers, workers, Ray processes and database are killed at random lose nothing."""

import hashlib
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.benchmarks.filing import file_result
from tests.chaos import havoc

KINDS = ("driver", "driver", "worker", "worker", "worker", "raylet", "head")


class Killer:
    """Kills something of a running search now and then, and starts the search again where it has to be."""

    def __init__(self, folder, url, rng, server=None):
        self.folder, self.url, self.rng, self.server = folder, url, rng, server
        self.killed: Counter[str] = Counter()
        self.seen = {}
        self.searches = 0

    def search(self, trials, kills, *words):
        """Run a search to its end through so many kills, and check what it left."""
        havoc.furnish(self.folder)
        study = havoc.started(self.folder, self.url, trials, *words)
        wanted = 1
        before = sum(self.killed.values())
        while sum(self.killed.values()) - before < kills:
            havoc.wait_for(self.url, study, min(wanted, trials - 1))
            time.sleep(self.rng.uniform(0, 1.5))
            if study.poll() is None:
                self._kill_one(study)
            study = self._going(study, trials, *words)
            wanted = len(self.seen) + 1
        self._end(study, trials, *words)
        self.searches += 1
        return havoc.check_counts(havoc.trials_of(self.url), trials, self.seen)

    def _kill_one(self, study):
        kind = self.rng.choice((*KINDS, "server") if self.server else KINDS)
        if kind == "server":
            self.server.kill()
            time.sleep(self.rng.uniform(0, 4))
            self.server.start()
        else:
            found = havoc.victims(study, kind)
            if not found:
                return
            havoc.kill(self.rng.choice(found))
        self.killed[kind] += 1
        self.seen |= havoc.finished(havoc.trials_of(self.url))

    def _going(self, study, trials, *words):
        """Return the search, started again if the last kill ended it or will."""
        try:
            study.wait(timeout=0.2 if self.killed else 0)
        except subprocess.TimeoutExpired:
            return study
        assert study.returncode in {-9, 0, 2}, (self.folder / "err.txt").read_text()[-2000:]
        havoc.kill_all(study)
        return havoc.started(self.folder, self.url, trials, *words)

    def _end(self, study, trials, *words):
        """Let the search end, as often as it has to be started for that."""
        for _ in range(5):
            out, _ = study.communicate(timeout=havoc.LIMIT_S)
            if study.returncode == 0:
                assert b"best networks within" in out
                return
            assert study.returncode in {-9, 2}, (self.folder / "err.txt").read_text()[-2000:]
            study = havoc.started(self.folder, self.url, trials, *words)
        raise AssertionError((self.folder / "err.txt").read_text()[-2000:])


def check_weights(folder, url, sample, rng):
    """Check that networks trained again undisturbed have the weights that they have."""
    places = {t.number: folder / f"nas-runs/chaos/trials/{t.number:05d}" for t in havoc.trials_of(url)}
    whole = [t for t in havoc.trials_of(url) if (places[t.number] / "weights.safetensors").exists()]
    for trial in rng.sample(whole, min(sample, len(whole))):
        weights = places[trial.number] / "weights.safetensors"
        again = havoc.trained_again(folder, url, trial, folder / "again" / str(trial.number))
        hashes = [hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in (weights, again)]
        assert hashes[0] == hashes[1], f"trial {trial.number} has other weights when trained undisturbed"
    return min(sample, len(whole))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_search_through_a_few_kills_loses_nothing(tmp_path):
    rng = random.Random(3)  # kills two workers; drivers are killed where others go on, in end_to_end
    url = f"sqlite:///{tmp_path}/nas.db"
    killer = Killer(tmp_path, url, rng)
    ended = killer.search(4, kills=2)
    assert ended["COMPLETE"] >= 1
    check_weights(tmp_path, url, 1, rng)
    assert "Traceback" not in (tmp_path / "err.txt").read_text()


@pytest.mark.chaos
@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize("storage", ["sqlite", "postgresql"])
def test_a_hundred_kills_lose_nothing(storage, tmp_path, request):
    rng = random.Random(0)
    killed: Counter[str] = Counter()
    lines, hashes = [], 0
    began = time.monotonic()
    for number in range(4):
        folder = tmp_path / f"search{number}"
        folder.mkdir()
        server = request.getfixturevalue("killable_postgresql") if storage == "postgresql" else None
        url = f"sqlite:///{folder}/nas.db" if server is None else havoc.database(server, f"chaos{number}")
        killer = Killer(folder, url, rng, server)
        ended = killer.search(60, kills=13)
        hashes += check_weights(folder, url, 3, rng)
        killed += killer.killed
        assert "Traceback" not in (folder / "err.txt").read_text()
        lines.append(f"| {number} | {sum(killer.killed.values())} | 60 | {dict(ended)} |")
    assert set(killed) == {*KINDS, *({"server"} if storage == "postgresql" else ())}
    file_result(
        f"chaos_{storage}",
        command=f"make chaos (tests/chaos/test_kills.py, {storage})",
        seed=0,
        lines=[
            f"Searches of 60 tiny networks each in {storage}, two workers, killed at random with SIGKILL: "
            f"{dict(killed)}, {sum(killed.values())} in all, {time.monotonic() - began:.0f} s. Finished "
            f"trials lost: 0; networks trained twice: 0; trials left running: 0; searches that did not end: "
            f"0; {hashes} sampled networks trained again undisturbed: the same weights to the byte.",
            "",
            "| search | kills | trained | ends of its trials |",
            "| --- | --- | --- | --- |",
            *lines,
        ],
    )
