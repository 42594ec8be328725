"""Several searches write into one storage while the dashboard reads it, and nobody is locked out."""

import json
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
import pytest

from nas.storage.optuna_storage import open_storage
from tests.benchmarks.filing import file_result
from tests.end_to_end.conftest import Desk
from tests.end_to_end.test_seen import served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

SHORT_S, LONG_S = 15.0, 600.0
LOCKED = ("locked", "OperationalError", "deadlock", "Traceback")


@contextmanager
def searching(
    desk: Desk, storage: str, names: list[str], hours: float
) -> Iterator[list[subprocess.Popen[str]]]:
    """Run a search for each of the names over one storage; give their processes."""
    running = []
    for seed, name in enumerate(names):
        words = ("--recipe", "quick.yaml", "--budget", "4M-MACs", "--trials", "2000", "--hours", str(hours))
        running.append(
            desk.start("search", *words, "--seed", str(seed), "--storage", storage, "--study", name)
        )
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.communicate()


def look_until(desk: Desk, storage: str, seconds: float, searches: int = 2) -> list[int]:
    """Run searches and read all pages every second for so long; fail on any error of anybody.

    Returns:
        How many trials each search had at the end.
    """
    names = [f"{desk.folder.name}-{seed}" for seed in range(searches)]  # other tests share the database
    with searching(desk, storage, names, (seconds + 600) / 3600) as running:
        began_s = time.monotonic()
        dashboard = None
        while dashboard is None:
            assert time.monotonic() - began_s < 300
            time.sleep(1)
            if _begun(storage, names):
                dashboard = desk.start("dashboard", names[0], "--storage", storage, "--port", "0")
        try:
            address = served(dashboard)
            trials = _read(address, names, seconds)
        finally:
            dashboard.kill()
            _, complaints = dashboard.communicate()
        assert not any(word in complaints for word in LOCKED), complaints
        assert min(trials) >= 2, f"a search wrote next to nothing: {trials}"
        for process in running:
            assert process.poll() in {None, 0}, process.communicate()
            process.send_signal(15)
        for process in running:
            _, told = process.communicate(timeout=120)
            assert not any(word in told for word in LOCKED), told
    for name in names:
        log = (desk.folder / "nas-runs" / name / "search.log").read_text()
        assert not any(word in log for word in LOCKED), log
    return trials


def _begun(storage: str, names: list[str]) -> bool:
    """Return whether each search has a trial."""
    opened = open_storage(storage)
    try:
        found = {s.study_name: s.n_trials for s in optuna.get_all_study_summaries(storage=opened)}
    finally:
        opened.engine.dispose()
    return all(found.get(name, 0) > 0 for name in names)


def _read(address: str, names: list[str], seconds: float) -> list[int]:
    """Read the studies every second; return how many trials each has at the end."""
    ids = {s["study_name"]: s["study_id"] for s in _asked(f"{address}/api/studies")["study_summaries"]}
    ends_s, trials = time.monotonic() + seconds, [0] * len(names)
    while time.monotonic() < ends_s:
        for place, name in enumerate(names):
            found = len(_asked(f"{address}/api/studies/{ids[name]}")["trials"])
            assert found >= trials[place]
            trials[place] = found
        time.sleep(1)
    return trials


def _asked(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.loads(answer.read())


def test_two_searches_and_a_reader_share_sqlite(desk: Desk):
    look_until(desk, f"sqlite:///{desk.folder / 'nas.db'}", SHORT_S)


@pytest.mark.long
def test_two_searches_and_a_reader_share_postgresql(desk: Desk, postgresql: str):
    look_until(desk, f"{postgresql}postgres", SHORT_S)


@pytest.mark.long
@pytest.mark.parametrize("storage", ["sqlite", "postgresql"])
def test_four_searches_and_a_reader_share_a_storage_for_ten_minutes(
    desk: Desk, storage: str, request: pytest.FixtureRequest
):
    if storage == "sqlite":
        url = f"sqlite:///{desk.folder / 'nas.db'}"
    else:
        url = f"{request.getfixturevalue('postgresql')}postgres"
    trials = look_until(desk, url, LONG_S, searches=4)
    file_result(
        f"several_searches_{storage}",
        command=f"pytest -m long tests/end_to_end/test_several_searches.py -k ten_minutes ({storage})",
        seed="0 to 3",
        lines=[
            f"Four searches with two workers each, and the dashboard reading all studies every second, on "
            f"one {storage} storage for {LONG_S / 60:.0f} minutes: {' + '.join(map(str, trials))} trials, no "
            f"error about a lock in what anybody said or logged."
        ],
    )
