"""A source is dropped when values disagree with it, however they are scaled, and not before."""

import numpy as np

from nas.surrogates.source_agreement import trust_weights

RNG = np.random.default_rng(3)
UP, EITHER = np.array([True]), np.array([False])


def weight(z: np.ndarray, values: np.ndarray, rising: np.ndarray = UP) -> float:
    return float(trust_weights(z[:, None], values, rising)[0])


def test_before_any_value_a_claim_is_followed_and_a_count_is_not():
    assert weight(np.zeros(1), np.zeros(1)) == 1.0
    assert weight(np.zeros(1), np.zeros(1), EITHER) == 0.0


def test_a_source_that_ranks_well_is_trusted_more_and_more():
    z = RNG.standard_normal(40)
    values = z + 0.5 * RNG.standard_normal(40)
    assert 1.0 < weight(z[:6], values[:6]) < weight(z, values) <= 2.0
    assert weight(z, np.exp(5 * values)) == weight(z, values)
    assert weight(-z, values, EITHER) == weight(z, values, EITHER) > 1.0


def test_shuffled_and_negated_sources_are_dropped_within_ten_values():
    # Of 200 shuffled sources, 10 values keep those by chance that correlate by more than about .45: 10 %.
    kept = [weight(RNG.standard_normal(10), RNG.standard_normal(10)) > 0 for _ in range(200)]
    assert np.mean(kept) < 0.25
    z = RNG.standard_normal(10)
    assert weight(z, -z + 0.5 * RNG.standard_normal(10)) == 0.0


def test_among_networks_that_are_alike_a_good_source_may_rank_worse():
    z, noise = RNG.standard_normal(30), RNG.standard_normal(30)
    far, near = z, 0.2 * z
    assert weight(near, 0.2 * z + 0.5 * noise) > weight(far, 0.2 * z + 0.5 * noise)
