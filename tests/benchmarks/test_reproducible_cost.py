"""What waiting for other trials costs a reproducible search in wall time, by the schedule of its trainings.

Wall times of two searches on a shared machine differ by more than what is to be measured. So the schedule is
simulated: networks of the sizes that the default search proposed (20M-MACs on digits, seed 0), epochs as long
as their MACs make them, half of them stopped at the first rung.
"""

import heapq

import numpy as np
import pytest

from nas.ask_tell.known_trials import KnownTrials
from tests.benchmarks.filing import file_result
from trials.recipes import load_recipe

pytestmark = pytest.mark.benchmark

MEGAMACS = np.array([11.0, 18.0, 13.6, 18.6, 19.9, 1.9, 2.6, 19.3, 3.0, 15.0, 2.4, 4.7, 18.4, 18.9, 6.9, 3.2])
FIXED_S, PER_MEGAMAC_S, BETWEEN_S = 1.0, 0.45, 1.0  # of an epoch, and between trainings, on a quiet machine
EPOCHS = load_recipe("proxy").epochs
REPEATS = 2_000


def wall_time_s(epoch_s, stopped, slots, lag):
    """Return the time of a search; without a lag a proposal and a stop wait for nothing."""
    free, proposed_s = [0.0] * slots, 0.0
    ends, rungs = list[float](), list[float]()
    for number, (each_s, stops) in enumerate(zip(epoch_s, stopped, strict=True)):
        proposed_s = max(heapq.heappop(free), proposed_s)
        if lag is not None:
            known, decided = max(0, number - lag + 1), max(0, number - slots + 1)
            proposed_s = max([proposed_s, *ends[:known], *rungs[:decided]])
        begun_s = proposed_s + BETWEEN_S
        rungs.append(begun_s + each_s)
        last = EPOCHS
        if stops:  # it goes on until those before it are at the rung, and ends with its epoch
            decided_s = begun_s + each_s if lag is None else max(rungs)
            last = min(EPOCHS, int(np.ceil((decided_s - begun_s) / each_s - 1e-9)))
            ends.append(max(begun_s + last * each_s, decided_s if last == EPOCHS else 0.0))
        else:
            ends.append(begun_s + EPOCHS * each_s)
        heapq.heappush(free, begun_s + last * each_s)
    return max(ends)


def cost(slots, networks, lag):
    """Return the mean share by which a search takes longer, and its standard error."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(REPEATS):
        epoch_s = FIXED_S + PER_MEGAMAC_S * rng.choice(MEGAMACS, networks) * rng.lognormal(0, 0.1, networks)
        stopped = rng.random(networks) < 0.5
        stopped[0] = False
        free = wall_time_s(epoch_s, stopped, slots, None)
        shares.append(wall_time_s(epoch_s, stopped, slots, lag) / free - 1)
    return np.mean(shares), np.std(shares) / np.sqrt(REPEATS)


def test_waiting_for_other_trials_costs_the_default_search_less_than_five_per_cent():
    lines = ["| slots | networks | lag | longer by | with a lag of the slots alone |", "| --- " * 5 + "|"]
    found = {}
    for slots, networks in ((2, 16), (2, 40), (4, 16), (4, 40), (8, 40)):
        lag = KnownTrials(slots=slots, rung=1).lag
        mean, error = found[slots, networks] = cost(slots, networks, lag)
        strict, _ = cost(slots, networks, slots)
        lines.append(f"| {slots} | {networks} | {lag} | {mean:.1%} ± {error:.1%} | {strict:.0%} |")
    lines += ["", "The first row is the default search on two cores; goal: under 5 %."]
    file_result(
        "reproducible_cost",
        command="pytest -m benchmark tests/benchmarks/test_reproducible_cost.py",
        seed=0,
        lines=lines,
    )
    assert found[2, 16][0] < 0.05
