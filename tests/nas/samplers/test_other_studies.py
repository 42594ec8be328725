"""FactorGPSampler in other people's Optuna studies: long ranges, fixed values, dependent ranges, threads."""

from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import PartialFixedSampler
from optuna.trial import TrialState, create_trial

from nas.bayesopt.errors import NothingFeasibleError
from nas.bayesopt.grid import Grid
from nas.samplers.factor_gp import FactorGPSampler
from nas.surrogates.factor_features import Factor, Features

LONG: dict[str, BaseDistribution] = {
    "int": IntDistribution(1, 100_000),
    "64 bits": IntDistribution(-(2**62), 2**62),
    "more than 64 bits": IntDistribution(0, 2**80),
    "log int": IntDistribution(1, 10**9, log=True),
    "steps": IntDistribution(0, 7 * 10**6, step=7),
    "float steps": FloatDistribution(0, 1, step=1e-5),
    "log float": FloatDistribution(1e-30, 1e30, log=True),
    "all floats": FloatDistribution(-1.7e308, 1.7e308),
    "categories": CategoricalDistribution([f"c{i}" for i in range(400)]),
    "unsorted numbers": CategoricalDistribution([float(i * 37 % 101) for i in range(101)]),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_range_takes_neither_memory_nor_time(name: str) -> None:
    space = {"x": LONG[name], "y": IntDistribution(0, 3)}
    study = optuna.create_study(sampler=FactorGPSampler(space, n_startup_trials=2))
    for _ in range(4):
        trial = study.ask(space)
        study.tell(trial, float(trial.params["y"]))
    points = [trial.params for trial in study.trials]
    assert len({str(point) for point in points}) == 4
    grid = Grid(space)
    assert grid.decode(grid.encode(points))[-1]["y"] == points[-1]["y"]


def test_features_of_a_hundred_thousand_values_are_those_of_a_scale() -> None:
    features = Features([Factor("x", 0, lambda levels: levels / 99_999)])
    local, _ = features.of(np.array([[0.0], [50_000.0], [50_001.0], [99_999.0]]))
    apart = np.linalg.norm(local[:, None] - local, axis=2)
    assert apart[1, 2] < 0.01 < apart[0, 1] < apart[0, 3]


def test_the_scale_of_a_long_logarithmic_range_is_searched_evenly() -> None:
    space: dict[str, BaseDistribution] = {"x": IntDistribution(1, 10_000, log=True)}
    study = optuna.create_study(sampler=FactorGPSampler(space))
    for _ in range(10):
        trial = study.ask(space)
        study.tell(trial, (np.log(trial.params["x"]) - 3.0) ** 2)
    assert study.best_value < 0.1


def objective(trial: optuna.Trial) -> float:
    value = abs(trial.suggest_int("a", 0, 10) - 4) + abs(trial.suggest_float("b", 0, 1) - 0.3)
    return float(value + trial.suggest_categorical("c", (0, 1, 2)))


SPACE: dict[str, BaseDistribution] = {
    "a": IntDistribution(0, 10),
    "b": FloatDistribution(0, 1),
    "c": CategoricalDistribution((0, 1, 2)),
}


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")  # of PartialFixedSampler
@pytest.mark.parametrize("space", [None, SPACE])
@pytest.mark.parametrize("b", [0.5, 1.5], ids=["inside", "out of range"])
def test_what_another_sampler_fixes_is_known_to_the_constraints(space: Any, b: float) -> None:
    seen = []

    def known(point: dict[str, Any]) -> list[float]:
        seen.append(point)
        return [point["a"] * point["b"] - 2.6]

    ours = FactorGPSampler(space, known_constraints_func=known, n_startup_trials=2)
    study = optuna.create_study(sampler=PartialFixedSampler({"b": b, "c": 1}, ours))
    if b > 1:
        with pytest.warns(UserWarning, match="out of range"):
            study.optimize(objective, n_trials=5)
    else:
        study.optimize(objective, n_trials=5)
    assert {(t.params["b"], t.params["c"]) for t in study.trials} == {(b, 1)}
    assert all(t.params["a"] * b <= 2.6 for t in study.trials)
    assert len({t.params["a"] for t in study.trials}) > 1
    assert {(point["b"], point["c"]) for point in seen if point["b"] == b}


def test_the_rest_of_an_enqueued_point_keeps_the_constraints() -> None:
    sampler = FactorGPSampler(SPACE, known_constraints_func=lambda p: [p["a"] * p["b"] - 1.0])
    study = optuna.create_study(sampler=sampler)
    for b in (0.9, 0.5, 0.25):
        study.enqueue_trial({"b": b})
        trial = study.ask(SPACE)
        assert trial.params["b"] == b
        assert trial.params["a"] * b <= 1.0
        study.tell(trial, 0.0)
    study.enqueue_trial({"a": 10, "b": 1.0, "c": 0})  # as asked for, whatever the constraints say
    assert study.ask(SPACE).params == {"a": 10, "b": 1.0, "c": 0}
    study.enqueue_trial({"a": 10, "b": 1.0, "c": 0})  # also where another parameter comes before
    more = study.ask({"new": FloatDistribution(0, 1), **SPACE}).params
    assert (more["a"], more["b"], more["c"]) == (10, 1.0, 0)
    study.enqueue_trial({"a": 10})
    sampler = FactorGPSampler(SPACE, known_constraints_func=lambda p: [p["a"] - 9.0])
    study.sampler = sampler
    with pytest.raises(NothingFeasibleError):
        study.ask(SPACE)


def dependent(trial: optuna.Trial) -> float:
    a = trial.suggest_int("a", 1, 20)
    return float((a - 15) ** 2 + (trial.suggest_int("b", 0, a) - 9) ** 2)


def test_a_range_that_depends_on_another_parameter_locks_nothing_in() -> None:
    study = optuna.create_study(sampler=FactorGPSampler(n_startup_trials=2))
    study.optimize(dependent, n_trials=3)
    same: dict[str, BaseDistribution] = {"a": IntDistribution(1, 20), "b": IntDistribution(0, 3)}
    for _ in range(12):  # a while in which the range stays the same
        study.add_trial(create_trial(params={"a": 3, "b": 1}, distributions=same, value=200.0))
    study.optimize(dependent, n_trials=1)
    last = study.trials[-1]
    assert set(study.sampler.infer_relative_search_space(study, last)) == {"a"}


@pytest.mark.slow
def test_conditional_parameters_do_not_keep_the_others_from_being_learnt() -> None:
    def conditional(trial: optuna.Trial) -> float:
        kind = trial.suggest_categorical("kind", ("sgd", "adam"))
        extra = trial.suggest_float("momentum", 0, 1) if kind == "sgd" else trial.suggest_float("beta", 0, 1)
        return float((np.log10(trial.suggest_float("rate", 1e-5, 1, log=True)) + 3) ** 2 + 0.1 * extra)

    study = optuna.create_study(sampler=FactorGPSampler())
    study.optimize(conditional, n_trials=16)
    late = [abs(np.log10(t.params["rate"]) + 3) for t in study.trials[8:]]
    assert np.median(late) < 0.7


def test_a_trial_cut_short_before_all_its_parameters_does_not_shrink_the_space() -> None:
    study = optuna.create_study(sampler=FactorGPSampler(n_startup_trials=1))

    def cut(trial: optuna.Trial) -> float:
        a = trial.suggest_int("a", 0, 9)
        if trial.number % 2:
            raise RuntimeError("before b")
        return float(a + trial.suggest_int("b", 0, 9))

    study.optimize(cut, n_trials=6, catch=RuntimeError)
    space = study.sampler.infer_relative_search_space(study, study.ask()._cached_frozen_trial)
    assert set(space) == {"a", "b"}


@pytest.mark.parametrize("n_jobs", [1, 3])
def test_objectives_see_the_number_of_threads_that_was_set(n_jobs: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        seen: list[int] = []

        def counting(trial: optuna.Trial) -> float:
            seen.append(torch.get_num_threads())
            value = objective(trial)
            seen.append(torch.get_num_threads())
            return value

        study = optuna.create_study(sampler=FactorGPSampler(SPACE, n_startup_trials=2))
        study.optimize(counting, n_trials=9, n_jobs=n_jobs)
        assert set(seen) == {3}
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def fails(where: Callable[[dict[str, Any]], bool]) -> Callable[[optuna.Trial], float]:
    def failing(trial: optuna.Trial) -> float:
        value = objective(trial)
        if where(trial.params):
            raise RuntimeError("it always fails there")
        return value

    return failing


@pytest.mark.slow
def test_a_point_that_failed_is_not_tried_again_nor_are_many_like_it() -> None:
    study = optuna.create_study(sampler=FactorGPSampler(SPACE))
    # The best points lie where it fails.
    study.optimize(fails(lambda p: 2 <= p["a"] <= 6), n_trials=24, catch=RuntimeError)
    failed = [t.state == TrialState.FAIL for t in study.trials]
    assert len({str(t.params) for t in study.trials}) == 24
    assert sum(failed[10:]) <= 7  # of 14; uniformly drawn, 5 in 11 fail, and the objective draws them there


def test_where_every_point_has_been_tried_the_failed_ones_are_not_tried_again() -> None:
    space: dict[str, BaseDistribution] = {"a": IntDistribution(0, 5)}
    study = optuna.create_study(direction="maximize", sampler=FactorGPSampler(space))
    for _ in range(12):
        trial = study.ask(space)
        if trial.params["a"] > 3:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, trial.params["a"])
    assert sum(t.state == TrialState.FAIL for t in study.trials) == 2


def test_a_failure_that_is_not_the_points_fault_says_nothing() -> None:
    space: dict[str, BaseDistribution] = {"a": IntDistribution(0, 1)}
    for counts, again in ((None, False), (lambda _: False, True)):
        study = optuna.create_study(sampler=FactorGPSampler(space, failure_counts=counts))
        study.enqueue_trial({"a": 0})
        study.tell(study.ask(space), state=TrialState.FAIL)
        study.tell(study.ask(space), 1.0)
        assert (study.trials[0].params in [t.params for t in (study.trials[1], study.ask(space))]) is again
