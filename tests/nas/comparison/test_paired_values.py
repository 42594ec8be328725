"""Networks of equal truth are told as good, and intervals are those of paired proportions."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboards.comparison import AS_GOOD, BETTER, WORSE, Evaluation
from dashboards.point_difference import Difference
from nas.comparison.paired_values import ImageValues, Trainings, evaluated
from trials.training.evaluation import METRICS, scores_from
from trials.training.predictions import Predictions


def values(right: np.ndarray) -> ImageValues:
    return ImageValues(float(right.mean()), right.astype(np.float64))


def trainings(rng, images, networks, seeds, *, seed_noise=0.0, better=0.0):
    """Networks that are alike on images of one population; the first may be better by so many log-odds."""
    hard = 1.5 + 2.0 * rng.normal(size=images)
    found = []
    for place in range(networks):
        own = rng.normal(size=images) + (better if place == 0 else 0.0)
        odds = [hard + own + seed_noise * rng.normal() for _ in range(seeds)]
        right = [rng.random(images) < 1 / (1 + np.exp(-o)) for o in odds]
        found.append({seed: values(r) for seed, r in enumerate(right)})
    return found


def others(networks: Sequence[Trainings]) -> list[Evaluation]:
    """Return what is said of all networks but the first."""
    found = evaluated(networks, exact=True)[1:]
    assert None not in found
    return [one for one in found if one is not None]


def ahead(one: Evaluation) -> Difference:
    """Return how far the first network is ahead of another."""
    assert one.difference is not None
    return one.difference


def newcombe(both, first, second, neither):
    """Newcombe's method 10 of counts, written down plainly."""
    n, z = both + first + second + neither, 1.959964
    ends = []
    for k in (both + first, both + second):
        centre, half = (k + z * z / 2) / (n + z * z), z * sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
        ends.append((k / n, centre - half, centre + half))
    product = (both + first) * (second + neither) * (both + second) * (first + neither)
    upper = both * neither - first * second
    phi = (max(upper - n / 2, 0.0) if upper > 0 else upper) / sqrt(product) if product else 0.0
    (p, low, high), (q, other_low, other_high) = ends
    d, e = p - low, other_high - q
    below = sqrt(d * d - 2 * phi * d * e + e * e)
    d, e = high - p, q - other_low
    return p - q - below, p - q + sqrt(d * d - 2 * phi * d * e + e * e)


@given(st.tuples(*[st.integers(0, 40)] * 4).filter(lambda counts: counts[1] + counts[2] > 0))
@settings(max_examples=50, deadline=None)
def test_of_one_seed_the_interval_is_newcombes_for_pairs(counts):
    both, first, second, neither = counts
    one = np.repeat([1.0, 1.0, 0.0, 0.0], counts)
    other = np.repeat([1.0, 0.0, 1.0, 0.0], counts)
    (found,) = others([{0: values(one)}, {0: values(other)}])
    assert found.difference == found.alone
    assert (ahead(found).low, ahead(found).high) == pytest.approx(
        newcombe(both, first, second, neither), abs=1e-6
    )


def test_two_names_of_one_training_are_as_good_without_doubt():
    one = {0: values(np.array([1.0, 0.0, 1.0]))}
    (found,) = others([one, one])
    assert ahead(found) == Difference(0, 0, 0)
    assert found.verdict == AS_GOOD


def test_two_networks_that_are_right_on_the_same_images_may_still_differ_on_others():
    for right in (np.ones(30), np.array([1.0, 0.0, 1.0] * 10)):
        (found,) = others([{0: values(right)}, {0: values(right.copy())}])
        difference = ahead(found)
        assert difference.value == 0
        assert difference.low < 0 < difference.high
        assert found.verdict == AS_GOOD


@pytest.mark.parametrize(("networks", "seeds", "noise"), [(2, 1, 0.0), (6, 1, 0.0), (2, 3, 0.3), (6, 2, 0.3)])
def test_networks_of_equal_truth_are_told_apart_in_at_most_one_comparison_of_twenty(networks, seeds, noise):
    rng = np.random.default_rng(networks + seeds)
    alarms = 0
    for _ in range(200):
        found = others(trainings(rng, 300, networks, seeds, seed_noise=noise))
        alarms += any(one.verdict != AS_GOOD for one in found)
    # At a true rate of 5 %, more than 21 of 200 have a probability of .0004.
    assert alarms <= 21


@pytest.mark.parametrize(("better", "verdict"), [(1.5, BETTER), (-1.5, WORSE)])
def test_a_difference_is_told_in_both_directions(better: float, verdict: str):
    found = others(trainings(np.random.default_rng(0), 2000, 2, 3, better=better))[0]
    assert found.verdict == verdict
    assert ahead(found).value * better > 0


def test_intervals_of_several_differences_are_wider_than_of_one():
    rng = np.random.default_rng(1)
    for one in others(trainings(rng, 300, 5, 3, seed_noise=0.2)):
        assert one.alone is not None
        assert ahead(one).low < one.alone.low < one.alone.value < one.alone.high < ahead(one).high


def test_a_network_that_varies_with_its_seed_has_a_wider_interval():
    rng = np.random.default_rng(2)
    still = [{s: values(rng.random(500) < 0.8) for s in range(3)} for _ in range(2)]
    shaken = [still[0], {s: values(rng.random(500) < p) for s, p in enumerate((0.7, 0.8, 0.9))}]
    widths = [one.high - one.low for pair in (still, shaken) for one in [ahead(others(pair)[0])]]
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize("metric", METRICS)
def test_the_value_and_error_of_a_network_are_those_of_its_evaluation(metric):
    import torch

    rng = np.random.default_rng(3)
    labels = rng.choice(4, 400, p=(0.6, 0.2, 0.15, 0.05))
    classes = np.where(rng.random(400) < 0.7, labels, rng.integers(0, 4, 400))
    counts = np.zeros((4, 4), dtype=np.int64)
    np.add.at(counts, (labels, classes), 1)
    value, error = scores_from(torch.from_numpy(counts), 0.0).of(metric)
    predicted = Predictions(labels=labels.astype(np.int32), classes=classes.astype(np.int32))
    parts = ImageValues.of(predicted, metric)
    assert parts.value == pytest.approx(value)
    assert parts.parts.mean() == pytest.approx(value)
    (found,) = evaluated([{0: parts}], exact=metric == "accuracy")
    assert found is not None
    assert found.standard_error == pytest.approx(error, rel=0.01)


def test_networks_that_are_not_trained_yet_are_left_out():
    right = values(np.array([1.0, 0.0]))
    assert evaluated([{0: right}, {}], exact=True)[1] is None
    alone = evaluated([{}, {0: right}], exact=True)
    assert alone[0] is None
    assert alone[1] is not None
    assert alone[1].verdict is None


def test_only_seeds_that_both_were_trained_from_are_compared():
    rng = np.random.default_rng(4)
    first, second = trainings(rng, 100, 2, 3)
    del second[2]
    (found,) = others([first, second])
    assert (found.seeds, len(found.values)) == (2, 2)


def test_further_names_of_one_network_change_nothing():
    rng = np.random.default_rng(5)
    first, second = trainings(rng, 2000, 2, 2, seed_noise=0.3, better=0.5)
    once = ahead(others([first, second])[-1])
    assert ahead(others([first, dict(first), dict(first), second])[-1]) == once
    assert ahead(others([first, second, dict(second)])[-1]) == once
