"""Several drivers on one study in PostgreSQL double nothing and lose nothing."""

import random
import subprocess
import time

import pytest

from nas.study import trial_attributes
from tests.benchmarks.filing import file_result
from tests.chaos import havoc
from tests.chaos.test_kills import check_weights
from trials.usable_cores import usable_cores

DRIVERS, TRIALS, ALONE = 8, 400, 100
BEGUN = 40  # networks after which all drivers are at work


def per_minute(trials):
    """Return how many networks were trained in a minute once all drivers were at work."""
    ends = sorted(t.datetime_complete.timestamp() for t in trials if trial_attributes.trained(t))[BEGUN:]
    return 60 * (len(ends) - 1) / (ends[-1] - ends[0])


def search(folder, url, wanted, drivers):
    """Let so many drivers, each with a worker, search together to the end; return the trials."""
    folder.mkdir()
    havoc.furnish(folder)
    known = sorted(usable_cores())
    searches = []
    for number in range(drivers):
        searches.append(havoc.started(folder, url, wanted, core=known[number % len(known)]))
        if number == 0:
            havoc.wait_for(url, searches[0], 1)  # it makes the study
    for process in searches:
        try:
            process.communicate(timeout=3600)
        except subprocess.TimeoutExpired:
            for other in searches:
                havoc.kill_all(other)
            raise
    said = (folder / "err.txt").read_text()
    assert [process.returncode for process in searches] == [0] * drivers, said[-2000:]
    assert "Traceback" not in said
    return havoc.trials_of(url)


@pytest.mark.chaos
@pytest.mark.timeout(2 * 3600)
def test_eight_drivers_train_four_hundred_networks_once_each(tmp_path, killable_postgresql):
    rates, began = {}, time.monotonic()
    for drivers, wanted in ((1, ALONE), (2, ALONE), (DRIVERS, TRIALS)):
        url = havoc.database(killable_postgresql, f"drivers{drivers}")
        trials = search(tmp_path / str(drivers), url, wanted, drivers)
        ended = havoc.check_counts(trials, wanted, {})
        rates[drivers] = per_minute(trials)
    hashes = check_weights(tmp_path / str(DRIVERS), url, 5, random.Random(0))
    file_result(
        "many_drivers",
        command="pytest -m chaos tests/chaos/test_drivers.py",
        seed=0,
        lines=[
            f"{DRIVERS} drivers with a worker each, one study in PostgreSQL, {len(usable_cores())} cores: "
            f"{TRIALS} tiny networks trained, {dict(ended)}; doubled: 0, lost: 0, left running: 0; {hashes} "
            f"trained again undisturbed: the same weights to the byte. {time.monotonic() - began:.0f} s.",
            "",
            "| drivers | networks | networks a minute | against one driver |",
            "| --- | --- | --- | --- |",
            *(
                f"| {n} | {TRIALS if n == DRIVERS else ALONE} | {rate:.0f} | {rate / rates[1]:.2f} |"
                for n, rate in rates.items()
            ),
        ],
    )
