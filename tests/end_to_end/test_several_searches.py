"""Several searches write into one storage while the dashboard reads it, and nobody is locked out.

They train the smallest networks, so as to write often, on images in class folders.
"""

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from PIL import Image

from nas.storage.optuna_storage import open_storage
from tests.benchmarks.filing import file_result
from tests.chaos import havoc
from tests.end_to_end.conftest import LIMIT_S, Desk
from tests.end_to_end.test_seen import served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

SHORT_S, LONG_S = 8.0, 600.0
FEW = 6  # trials of each search after which the short form has seen enough
LOCKED = ("locked", "OperationalError", "deadlock", "Traceback")


def words_of(seed: int, name: str, storage: str) -> tuple[str, ...]:
    """Return the command of a search that goes on until it is ended."""
    asked = ("--space", "tiny.yaml", "--budget", "8M-MACs", "--data", "shapes", "--recipe", "short.yaml")
    return (
        *("search", *asked, "--trials", "5000", "--hours", "1", "--seed", str(seed)),
        *("--storage", storage, "--study", name),
    )


@contextmanager
def searching(desk: Desk, storage: str, names: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Run a search for each of the names over one storage; give their processes."""
    havoc.furnish(desk.folder)
    draw_shapes(desk)
    running = [desk.start(*words_of(seed, name, storage)) for seed, name in enumerate(names)]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.communicate()


def draw_shapes(desk: Desk) -> None:
    """Put images of two classes into a folder for each."""
    rng = np.random.default_rng(0)
    for index in range(160):
        folder = desk.folder / "shapes" / f"shape{index % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 120, (16, 16, 3)) + 100 * (index % 2)
        Image.fromarray(pixels.astype("uint8")).save(folder / f"{index}.png")


def look_until(
    desk: Desk, storage: str, enough: Callable[[float, int], bool], searches: int = 2
) -> list[int]:
    """Run searches and read all pages every second; fail on any error of anybody.

    Args:
        desk: Where.
        storage: URL of the storage that they share.
        enough: Says of the seconds so far, and of the trials of the slowest search, whether to end.
        searches: How many.

    Returns:
        How many trials each search had at the end.
    """
    names = [f"{desk.folder.name}-{seed}" for seed in range(searches)]  # other tests share the database
    # A command leaves its connections to PostgreSQL to the end of its process.
    command = desk.here if storage.startswith("sqlite") else desk.nas
    with searching(desk, storage, names) as running:
        began_s = time.monotonic()
        while not _begun(storage, names):
            assert time.monotonic() - began_s < LIMIT_S
            time.sleep(1)
        second = command(*words_of(0, names[0], storage))
        assert second.status == 2
        assert f"is being searched by process {running[0].pid}" in second.err
        dashboard = desk.start("dashboard", names[0], "--storage", storage, "--port", "0")
        try:
            address = served(dashboard)
            trials = _read(address, names, enough)
        finally:
            dashboard.kill()
            _, complaints = dashboard.communicate()
        assert not any(word in complaints for word in LOCKED), complaints
        _check_ends(running)
    for name in names:
        log = (desk.folder / "nas-runs" / name / "search.log").read_text()
        assert not any(word in log for word in LOCKED), log
        told = json.loads(command("show", name, "--json", "--storage", storage).out)
        assert Path(told["data"]) == desk.folder / "shapes"
        assert told["trained"] >= 1
    return trials


def _check_ends(running: list[subprocess.Popen[str]]) -> None:
    """End the first search as Ctrl-C does, which lets running networks finish, the others as a host does."""
    for process in running:
        assert process.poll() is None, process.communicate()
    for place, process in enumerate(running):
        process.send_signal(signal.SIGTERM if place else signal.SIGINT)
    for place, process in enumerate(running):
        _, told = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 130, told
        assert place or "No further training starts" in told
        assert not any(word in told for word in LOCKED), told


def _begun(storage: str, names: list[str]) -> bool:
    """Return whether each search has a trial."""
    opened = open_storage(storage)
    try:
        found = {s.study_name: s.n_trials for s in optuna.get_all_study_summaries(storage=opened)}
    finally:
        opened.engine.dispose()
    return all(found.get(name, 0) > 0 for name in names)


def _read(address: str, names: list[str], enough: Callable[[float, int], bool]) -> list[int]:
    """Read the studies every second until it is enough; return how many trials each has at the end."""
    ids = {s["study_name"]: s["study_id"] for s in _asked(f"{address}/api/studies")["study_summaries"]}
    began_s, trials = time.monotonic(), [0] * len(names)
    while not enough(time.monotonic() - began_s, min(trials)):
        for place, name in enumerate(names):
            found = len(_asked(f"{address}/api/studies/{ids[name]}")["trials"])
            assert found >= trials[place]
            trials[place] = found
        time.sleep(1)
    return trials


def _asked(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=60) as answer:
        return json.loads(answer.read())


def a_few(seconds: float, trials: int) -> bool:
    """Return whether a few trials of each search were seen; a busy host takes longer for them."""
    assert seconds < LIMIT_S, f"a search wrote next to nothing: {trials} trials"
    return seconds >= SHORT_S and trials >= FEW


def test_two_searches_and_a_reader_share_sqlite_and_ctrl_c_ends_one(desk: Desk):
    look_until(desk, f"sqlite:///{desk.folder / 'nas.db'}", a_few)


@pytest.mark.long
def test_two_searches_and_a_reader_share_postgresql(desk: Desk, postgresql: str):
    look_until(desk, f"{postgresql}postgres", a_few)


@pytest.mark.long
@pytest.mark.parametrize("storage", ["sqlite", "postgresql"])
def test_four_searches_and_a_reader_share_a_storage_for_ten_minutes(
    desk: Desk, storage: str, request: pytest.FixtureRequest
):
    if storage == "sqlite":
        url = f"sqlite:///{desk.folder / 'nas.db'}"
    else:
        url = f"{request.getfixturevalue('postgresql')}postgres"
    trials = look_until(desk, url, lambda seconds, _: seconds >= LONG_S, searches=4)
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
