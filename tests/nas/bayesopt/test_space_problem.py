"""The problem that samplers solve agrees with the space."""

import numpy as np
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from nas.bayesopt.problem import Source
from nas.bayesopt.space_problem import distribution_of, problem_of
from search_spaces.budget import Budget
from search_spaces.choice import Choice

BUDGETS = (Budget.parse("500k-MACs"), Budget.parse("9ms@cpu"))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((24, 32, 40), IntDistribution(24, 40, step=8)),
        ((0.5, 1.0, 1.5), FloatDistribution(0.5, 1.5, step=0.5)),
        ((0.1, 0.2, 0.3), CategoricalDistribution((0.1, 0.2, 0.3))),  # 0.1 + 2 * 0.1 is not 0.3
        ((3, 5, 11), CategoricalDistribution((3, 5, 11))),
        (("attention", "depthwise"), CategoricalDistribution(("attention", "depthwise"))),
        ((7,), CategoricalDistribution((7,))),
        ((False, True), CategoricalDistribution((False, True))),
    ],
)
def test_a_choice_is_a_range_only_where_every_value_is_found_again(values, expected):
    assert distribution_of(Choice(name="x", values=values)) == expected


def test_drawn_points_are_canonical_and_fit(tiny_prices):
    problem = problem_of(tiny_prices, BUDGETS, seed=0)
    assert problem.draw is not None
    assert problem.canonical is not None
    assert problem.known_constraints_batch is not None
    points = problem.draw(np.random.default_rng(1), 40)
    assert all(problem.canonical(point) == point for point in points)
    assert (problem.known_constraints_batch(points) <= 0).all()


def test_only_budgets_known_before_training_are_constraints(tiny_prices):
    problem = problem_of(tiny_prices, BUDGETS, seed=0)
    assert problem.draw is not None
    assert problem.known_constraints_batch is not None
    points = problem.draw(np.random.default_rng(0), 3)
    assert problem.known_constraints_batch(points).shape == (3, 1)
    assert problem_of(tiny_prices, BUDGETS[1:], seed=0).known_constraints_batch is None


def test_a_search_tells_samplers_what_a_benchmark_tells_them(tiny_prices):
    """Parameters, known constraints and counts: what `nas bench` compares is what `nas search` runs."""
    told = {
        name for name, value in vars(problem_of(tiny_prices, BUDGETS, seed=0)).items() if value is not None
    }
    assert told == {"distributions", "seed", "known_constraints_batch", "canonical", "draw", "evidence"}


def test_counts_are_those_of_the_networks_none_of_which_claims_to_expect_accuracy(tiny_prices):
    problem = problem_of(tiny_prices, BUDGETS, seed=0)
    assert problem.draw is not None
    points = problem.draw(np.random.default_rng(0), 20)
    codes = tiny_prices.codes.of(points)
    found = {source.name: source for source in problem.evidence if isinstance(source, Source)}
    assert not any(source.of_value for source in found.values())
    np.testing.assert_allclose(found["log_macs"].expects(points), np.log(tiny_prices.of(codes, "macs")))
    assert {"blocks", "stage1.blocks", "attention_blocks", "receptive_field"} <= set(found)
