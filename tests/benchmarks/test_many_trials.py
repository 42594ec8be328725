"""Whether a search of thousands of networks takes as little of the driver at its end as at its start."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from nas.study import trial_attributes
from tests.benchmarks.filing import file_result
from tests.chaos import havoc

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3 * 3600)]

TRIALS, WINDOW, FIRST = 2_000, 400, 100  # the first hundred warm caches and imports
SLOTS = 2
MOST_MIB, MOST_GROWTH = 200, 1.2
PAGE = 4096
TICKS_S = 100


class Driver(threading.Thread):
    """Notes memory and processor time of a process every few seconds until it has ended."""

    def __init__(self, process):
        super().__init__(daemon=True)
        self.process = process
        self.samples = []  # (seconds since 1970, MiB resident, seconds of the processor)

    def run(self):
        place = Path(f"/proc/{self.process.pid}")
        while self.process.poll() is None:
            try:
                resident = int((place / "statm").read_text().split()[1]) * PAGE / 2**20
                words = (place / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                return
            self.samples.append((time.time(), resident, (int(words[11]) + int(words[12])) / TICKS_S))
            time.sleep(1)


def test_two_thousand_trials_cost_the_driver_no_more_at_the_end(tmp_path):
    havoc.furnish(tmp_path)
    url = f"sqlite:///{tmp_path}/nas.db"
    search = havoc.started(tmp_path, url, TRIALS)
    driver = Driver(search)
    driver.start()
    search.communicate()
    assert search.returncode == 0, (tmp_path / "err.txt").read_text()[-2000:]
    trials = havoc.trials_of(url)
    havoc.check_counts(trials, TRIALS, {})
    done = sorted((t for t in trials if trial_attributes.trained(t)), key=lambda t: t.datetime_complete)
    ends_s = np.array([t.datetime_complete.timestamp() for t in done])
    trained_s = np.array([t.user_attrs["seconds"] for t in done])
    at, resident, busy_s = map(np.array, zip(*driver.samples, strict=True))
    lines, outside, own = [], [], []
    for begin in range(FIRST, TRIALS - WINDOW + 1, (TRIALS - FIRST - WINDOW) // 4):
        end = begin + WINDOW - 1
        wall_s = ends_s[end] - ends_s[begin]
        outside.append((SLOTS * wall_s - trained_s[begin + 1 : end + 1].sum()) / (WINDOW - 1))
        own.append(np.diff(np.interp([ends_s[begin], ends_s[end]], at, busy_s))[0] / (WINDOW - 1))
        memory = np.interp(ends_s[end], at, resident)
        found = f"{1000 * outside[-1]:.0f} | {1000 * own[-1]:.0f} | {memory:.0f}"
        lines.append(f"| {begin + 1}-{end + 1} | {found} |")
    grown = resident[-1] - np.interp(ends_s[FIRST], at, resident)
    file_result(
        "many_trials",
        command="pytest -m benchmark tests/benchmarks/test_many_trials.py",
        seed=0,
        lines=[
            f"One search of {TRIALS} tiny networks (`--sampler random`, SQLite, two workers), trained for "
            f"{trained_s.mean():.2f} s each. From network {FIRST} to the end the driver's resident "
            f"memory grew by {grown:.0f} MiB; a slot's time per network outside its training went to "
            f"{outside[-1] / outside[0]:.2f} of the first window's, the driver's own processor time per "
            f"network to {own[-1] / own[0]:.2f}.",
            "",
            "| networks | outside training, ms each | driver's processor, ms each | driver, MiB |",
            "| --- | --- | --- | --- |",
            *lines,
        ],
    )
    assert grown < MOST_MIB
    assert outside[-1] / outside[0] < MOST_GROWTH
