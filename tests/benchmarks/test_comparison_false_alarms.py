"""How often nas compare sets networks of equal truth apart, and how often it finds a better one."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from dashboards.comparison import AS_GOOD, BETTER
from nas.comparison.paired_values import ImageValues, Trainings, evaluated
from tests.benchmarks.filing import file_result

COMPARISONS = 1_000
BY = 0.2  # log-odds by which the first network is better then
FOUND = 200  # comparisons with a first network that is better


@dataclass(frozen=True)
class Case:
    """One kind of comparison: how many networks besides the first, how many seeds and images, and the noise.

    `noise` is the standard deviation of the log-odds of all images from seed to seed; the second network's is
    `shaky` times that.
    """

    others: int
    seeds: int
    images: int
    noise: float
    shaky: float = 1.0


CASES = (
    Case(1, 1, 360, 0.0),
    Case(8, 1, 360, 0.0),
    Case(8, 1, 10_000, 0.0),
    Case(1, 2, 2_000, 0.1),
    Case(8, 2, 2_000, 0.1),
    Case(1, 3, 360, 0.1),
    Case(1, 3, 2_000, 0.1),
    Case(8, 3, 2_000, 0.1),
    Case(8, 3, 2_000, 0.3),
    Case(1, 3, 2_000, 0.1, shaky=4),
    Case(8, 3, 2_000, 0.1, shaky=4),
    Case(1, 5, 10_000, 0.1),
)


def drawn(rng, case: Case, *, better: float = 0.0) -> Iterator[Trainings]:
    """Yield networks of equal truth, the first of which may be better by so many log-odds.

    Images differ in how hard they are for all networks and for each.
    """
    hard = 2.6 + 3.0 * rng.standard_normal(case.images)
    for place in range(case.others + 1):
        odds = hard + 1.5 * rng.standard_normal(case.images) + (better if place == 0 else 0.0)
        noise = case.noise * (case.shaky if place == 1 else 1.0)
        right = {
            seed: (
                rng.random(case.images) < 1 / (1 + np.exp(-(odds + noise * rng.standard_normal())))
            ).astype(np.float64)
            for seed in range(case.seeds)
        }
        yield {seed: ImageValues(float(parts.mean()), parts) for seed, parts in right.items()}


def accuracy(better: float) -> float:
    """Return the accuracy of a network with unlimited images, in per cent."""
    odds = 2.6 + better + np.hypot(3.0, 1.5) * np.random.default_rng(0).standard_normal(1_000_000)
    return 100 * float(np.mean(1 / (1 + np.exp(-odds))))


def points(case: Case) -> float:
    """Return what the noise of seeds is in points of accuracy, with unlimited images."""
    rng = np.random.default_rng(0)
    odds = 2.6 + np.hypot(3.0, 1.5) * rng.standard_normal(20_000)
    values = [np.mean(1 / (1 + np.exp(-(odds + case.noise * rng.standard_normal())))) for _ in range(200)]
    return 100 * float(np.std(values))


@pytest.mark.benchmark
@pytest.mark.timeout(2 * 3600)
def test_networks_of_equal_truth_are_set_apart_in_at_most_one_comparison_of_twenty():
    lines = [
        f"{COMPARISONS:,} simulated comparisons of networks of equal accuracy ({accuracy(0):.1f} %) on "
        f"images of one population; {FOUND} more of each kind with a first network that is "
        f"{accuracy(BY) - accuracy(0):.1f} points better than all others. Seeds move the accuracy of a "
        f"training by the standard deviation given.",
        "",
        "| others | seeds | images | seeds move, points | any set apart | interval of one alone misses "
        "| better one found |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    worst = 0.0
    for number, case in enumerate(CASES):
        rng = np.random.default_rng(np.random.SeedSequence([0, number]))
        any_apart = alone = found = 0
        for _ in range(COMPARISONS):
            _, *others = evaluated(list(drawn(rng, case)), exact=True)
            any_apart += any(one is not None and one.verdict != AS_GOOD for one in others)
            first = others[0]
            assert first is not None
            assert first.alone is not None
            alone += not first.alone.low <= 0 <= first.alone.high
        for _ in range(FOUND):
            first = evaluated(list(drawn(rng, case, better=BY)), exact=True)[1]
            assert first is not None
            found += first.verdict == BETTER
        worst = max(worst, any_apart / COMPARISONS)
        shaky = "" if case.shaky == 1 else f", one of them {case.shaky:g} times that"
        lines.append(
            f"| {case.others} | {case.seeds} | {case.images:,} | {points(case):.1f}{shaky} "
            f"| {any_apart / COMPARISONS:.1%} | {alone / COMPARISONS:.1%} | {found / FOUND:.0%} |"
        )
    file_result(
        "comparison_false_alarms",
        command="pytest tests/benchmarks/test_comparison_false_alarms.py -m benchmark",
        seed=0,
        lines=lines,
    )
    assert worst <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / COMPARISONS)  # one such alarm in 700 where it is 5 %
