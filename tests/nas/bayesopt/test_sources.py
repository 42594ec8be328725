"""Sources of evidence are trusted as far as values bear them out, and read only as often as they allow."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution

from nas.bayesopt.counts import count_sources, counts_of_space, rising_counts
from nas.bayesopt.errors import ProblemError
from nas.bayesopt.feasible_region import region_of
from nas.bayesopt.problem import Params, Problem, Source
from nas.bayesopt.proposer import Proposer
from nas.bayesopt.scoring import inputs
from nas.samplers import SAMPLERS
from nas.samplers.factor_gp import FactorGPSampler
from nas.surrogates.factor_gp import Posterior
from nas.surrogates.torch_threads import torch_threads

Floats = NDArray[np.float64]

LAYERS = 7
SPACE: dict[str, BaseDistribution] = {
    f"layer{i}": CategoricalDistribution(("skip", "small", "large")) for i in range(LAYERS)
}
WEIGHTS = np.random.default_rng(7).uniform(-1.0, 1.0, (LAYERS, 3))


def levels(points: Sequence[Params]) -> NDArray[np.int64]:
    return np.array([[("skip", "small", "large").index(p[name]) for name in SPACE] for p in points])


def truth(points: Sequence[Params]) -> Floats:
    """Return sums of main effects, and of an interaction that no main effect shows."""
    at = levels(points)
    return np.asarray(WEIGHTS[np.arange(LAYERS), at].sum(axis=1) + 0.5 * (at[:, 0] == at[:, 3]))


def shuffled(points: Sequence[Params]) -> Floats:
    """Return numbers that are fixed for each point and say nothing of it."""
    keys = levels(points) @ 3 ** np.arange(LAYERS)
    return np.asarray(np.random.default_rng(5).permutation(3**LAYERS)[keys], dtype=np.float64)


def source(expects: Callable[[Sequence[Params]], Floats], name: str = "a", **options: Any) -> Source:
    return Source(name=name, expects=expects, **{"of_value": True, **options})


def after(evidence: Sequence[Source], n: int, seed: int = 0) -> tuple[Posterior, Proposer]:
    """Return what the surrogate knows after the values of `n` points drawn at random."""
    proposer = Proposer.of(region_of(Problem(distributions=SPACE)), 0, evidence)
    rows = proposer.region.draw(np.random.default_rng(seed), n)
    assert proposer.sources is not None
    values = truth(proposer.region.points(rows))
    with torch_threads(1):
        seen = inputs(proposer.region, rows)
        return proposer.surrogate.fitted(seen, values, rising=proposer.sources.rising), proposer


def predicted(found: tuple[Posterior, Proposer]) -> Floats:
    posterior, proposer = found
    rows = proposer.region.whole()
    assert rows is not None
    return posterior.predict(inputs(proposer.region, rows))[0]


def error(found: tuple[Posterior, Proposer]) -> float:
    """Return the root mean square error over the whole space."""
    region = found[1].region
    rows = region.whole()
    assert rows is not None
    return float(np.sqrt(((predicted(found) - truth(region.points(rows))) ** 2).mean()))


def test_a_perfect_source_is_trusted_on_any_scale() -> None:
    found = after([source(lambda p: 1e6 + 1e3 * truth(p))], 8)
    alone = after([source(shuffled)], 8)
    assert error(found) < 0.35 * error(alone)
    mean, covariance = found[0].slopes()
    assert mean[0] > 3 * covariance[0, 0] ** 0.5


def test_a_shuffled_source_is_dropped() -> None:
    posterior, _ = after([source(truth, "right"), source(shuffled, "shuffled")], 16)
    right, wrong = posterior.slopes()[0]
    assert abs(wrong) < 0.1 * right


def test_a_shuffled_source_costs_little() -> None:
    every = Proposer.of(region_of(Problem(distributions=SPACE)), 0)
    plain, misled = [], []
    for seed in range(2):
        rows = every.region.draw(np.random.default_rng(seed), 20)
        with torch_threads(1):
            seen = inputs(every.region, rows)
            posterior = every.surrogate.fitted(seen, truth(every.region.points(rows)))
        plain.append(error((posterior, every)))
        misled.append(error(after([source(shuffled)], 20, seed)))
    assert np.mean(misled) < 1.3 * np.mean(plain)


def test_of_a_count_either_sign_is_learnt_and_equally_fast() -> None:
    up = after([source(truth, of_value=False)], 10)
    down = after([source(lambda p: -truth(p), of_value=False)], 10)
    np.testing.assert_allclose(predicted(up), predicted(down), atol=1e-6)
    np.testing.assert_allclose(up[0].slopes()[0], -down[0].slopes()[0], atol=1e-6)


def test_one_source_five_times_is_worth_no_more_than_once() -> None:
    once, often = (after([source(truth, f"{i}") for i in range(n)], 8) for n in (1, 5))
    assert error(often) < 1.5 * error(once) + 0.02
    assert np.abs(often[0].slopes()[0]).max() < 2 * once[0].slopes()[0][0]


def test_a_network_that_a_source_does_not_know_is_expected_to_be_average() -> None:
    def half(points: Sequence[Params]) -> Floats:
        return np.where(levels(points)[:, 6] == 0, np.nan, truth(points))

    found = after([source(half)], 12)
    assert np.isfinite(predicted(found)).all()
    assert error(found) < error(after([source(shuffled)], 12))
    nothing = after([source(truth, "known"), source(lambda p: np.full(len(p), np.nan), "unknown")], 8)[1]
    assert nothing.sources is not None
    assert [s.name for s in nothing.sources.sources] == ["known"]


def test_the_larger_its_error_the_less_a_number_says() -> None:
    def with_errors(size: float) -> Callable[[Sequence[Params]], Floats]:
        return lambda p: np.stack([truth(p), np.full(len(p), size)], axis=1)

    exact, rough = (after([source(with_errors(size))], 4)[1] for size in (0.0, 1.0))
    rows = exact.region.draw(np.random.default_rng(1), 50)
    one, other = (np.asarray(p.region.evidence(rows)).std() for p in (exact, rough))
    assert 0.3 * one < other < 0.7 * one


def search(evidence: Sequence[Source], trials: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return the points of a search, each proposed by a sampler that has just been started."""
    study = optuna.create_study(direction="maximize")
    for _ in range(trials):
        study.sampler = FactorGPSampler(SPACE, seed=seed, evidence=evidence)
        trial = study.ask(SPACE)
        study.tell(trial, float(truth([trial.params])[0]))
    return [trial.params for trial in study.get_trials()]


@pytest.mark.slow
def test_a_negated_source_is_found_out_within_ten_trials() -> None:
    every = region_of(Problem(distributions=SPACE))
    rows = every.whole()
    assert rows is not None
    everything = truth(every.points(rows))
    values = truth(search([source(lambda p: -truth(p))], 10))
    assert values.max() >= np.quantile(everything, 0.99)


def test_a_source_of_the_value_leads_from_the_second_trial_on() -> None:
    best = max(truth([p])[0] for p in search([source(truth)], 2))
    every = region_of(Problem(distributions=SPACE))
    rows = every.whole()
    assert rows is not None
    assert best == truth(every.points(rows)).max()


@pytest.mark.slow
def test_a_restarted_search_asks_a_costly_source_the_same_and_for_few_points() -> None:
    asked: list[int] = []

    def costly(points: Sequence[Params]) -> Floats:
        asked.append(len(points))
        return truth(points)

    sampler = FactorGPSampler(SPACE, evidence=[source(costly, reads=20)])
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(4):
        trial = study.ask(SPACE)
        study.tell(trial, float(truth([trial.params])[0]))
    assert asked[0] == 20
    assert sum(asked) <= 20 + 2 * (16 + 2)  # two proposals of the surrogate, each with 16 candidates
    restarted = search([source(truth, reads=20)], 4)
    assert restarted == [trial.params for trial in study.get_trials()]


def large(points: Sequence[Params]) -> Floats:
    """Return large layers over the four that fit, and a constraint that every point keeps, ``[n, 2]``."""
    return np.stack([(levels(points) == 2).sum(axis=1) - 4.0, np.full(len(points), -1.0)], axis=1)


def costing(value: Callable[[Sequence[Params]], Floats], n: int) -> tuple[Posterior, Proposer, Floats]:
    """Return what is known of a space with a budget after `n` values, and its points."""
    problem = Problem(distributions=SPACE, known_constraints_batch=large)
    proposer = Proposer.of(region_of(problem), 0)
    rows = proposer.region.draw(np.random.default_rng(0), n)
    assert proposer.sources is not None
    with torch_threads(1):
        posterior = proposer.surrogate.fitted(
            inputs(proposer.region, rows), value(proposer.region.points(rows)), rising=proposer.sources.rising
        )
    whole = proposer.region.whole()
    assert whole is not None
    return posterior, proposer, whole


def test_without_evidence_values_are_expected_to_rise_with_known_costs() -> None:
    posterior, proposer, whole = costing(truth, 2)
    assert proposer.sources is not None
    used = [s.name for s in proposer.sources.sources]
    assert used == ["known constraint 1"]  # the other tells nothing apart
    assert posterior.slopes()[0][0] > 0
    points = proposer.region.points(whole)
    np.testing.assert_allclose(proposer.sources.sources[0].expects(points), large(points)[:, 0])


def test_a_cost_that_values_fall_with_is_found_out() -> None:
    posterior, proposer, whole = costing(lambda p: -large(p)[:, 0], 10)
    cost = large(proposer.region.points(whole))[:, 0]
    expected = posterior.predict(inputs(proposer.region, whole))[0]
    assert np.corrcoef(cost, expected)[0, 1] < -0.7


def test_costs_are_no_evidence_beside_a_source() -> None:
    problem = Problem(distributions=SPACE, known_constraints_batch=large)
    proposer = Proposer.of(region_of(problem), 0, [source(truth)])
    assert proposer.sources is not None
    assert [s.name for s in proposer.sources.sources] == ["a"]


def test_constraints_are_asked_once_for_each_point() -> None:
    asked: list[int] = []

    def counted(points: Sequence[Params]) -> Floats:
        asked.append(len(points))
        return large(points)

    proposer = Proposer.of(region_of(Problem(distributions=SPACE, known_constraints_batch=counted)), 0)
    rows = proposer.region.whole()
    assert rows is not None
    asked.clear()
    assert np.asarray(proposer.region.evidence(rows[:0])).shape == (0, 1)
    proposer.region.evidence(rows)
    proposer.region.excess(rows)
    assert asked == []


def test_sources_that_cannot_be_read_are_refused() -> None:
    region = region_of(Problem(distributions=SPACE))
    with pytest.raises(ProblemError, match="Two sources of evidence are named 'a'"):
        Proposer.of(region, 0, [source(truth), source(shuffled)])
    with pytest.raises(ProblemError, match=r"'a' returned an array of shape \(512, 1\)"):
        Proposer.of(region, 0, [source(lambda p: truth(p)[:, None])])


def test_counts_of_the_same_points_are_made_once() -> None:
    made: list[int] = []

    def table(points: Sequence[Params]) -> dict[str, Floats]:
        made.append(len(points))
        return {"large": (levels(points) == 2).sum(axis=1) * 1.0, "small": truth(points)}

    sources = count_sources(["large", "small"], table, SPACE)
    proposer = Proposer.of(region_of(Problem(distributions=SPACE)), 0, sources)
    made.clear()
    proposer.region.evidence(proposer.region.draw(np.random.default_rng(0), 30))
    assert made == [30]


def test_samplers_that_read_no_evidence_take_the_same_problem() -> None:
    problem = Problem(distributions=SPACE, evidence=[source(truth)])
    for name in ("random", "tpe"):
        study = optuna.create_study(sampler=SAMPLERS[name](replace(problem, seed=1)))
        study.ask(SPACE)


@pytest.mark.parametrize(
    ("varied", "rising"),
    [
        (["stage2.mixer", "stage2.depth"], {"blocks"}),
        (["resolution", "stage2.depth"], {"log_macs"}),
        (["stage3.width"], {"log_macs"}),
    ],
)
def test_more_blocks_are_expected_to_be_better_only_where_they_make_nothing_else_smaller(varied, rising):
    assert rising_counts(varied) == rising


def test_sources_of_a_space_that_varies_its_size_rise_with_macs_alone(tiny_prices) -> None:
    assert {source.name for source in counts_of_space(tiny_prices) if source.rises} == {"log_macs"}
