"""What FactorGPSampler makes of histories, good and bad."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial

from nas.bayesopt.errors import NothingFeasibleError, ProblemError
from nas.bayesopt.problem import Params
from nas.samplers.factor_gp import FactorGPSampler

SPACE: dict[str, BaseDistribution] = {
    **{f"layer{i}": CategoricalDistribution(("skip", "small", "big")) for i in range(5)},
    "width": IntDistribution(1, 8),
}


def quality(point: Params) -> float:
    sizes = [("skip", "small", "big").index(point[f"layer{i}"]) for i in range(5)]
    return float(-abs(sum(sizes) - 6.0) - 0.2 * abs(point["width"] - 5) + 0.1 * sizes[0])


def study_of(sampler: FactorGPSampler | None = None, **options: Any) -> optuna.Study:
    options = options or {"direction": "maximize"}
    return optuna.create_study(sampler=sampler or FactorGPSampler(SPACE), **options)


def run(study: optuna.Study, trials: int) -> list[dict[str, Any]]:
    for _ in range(trials):
        trial = study.ask(SPACE)
        study.tell(trial, quality(trial.params))
    return [trial.params for trial in study.get_trials()]


@pytest.mark.slow
def test_it_learns() -> None:
    points = run(study_of(), 16)
    late = np.mean([quality(point) for point in points[8:]])
    early = np.mean([quality(point) for point in points[:4]])
    assert max(map(quality, points)) >= -0.3
    assert late > early


@pytest.mark.slow
@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e300, -1e300])
def test_infinite_and_enormous_values_are_survived(value: float) -> None:
    study = study_of()
    run(study, 5)
    for extreme in (value, value):
        study.tell(study.ask(SPACE), extreme)
    assert len({str(point) for point in run(study, 2)}) == 9


def test_all_values_equal_are_survived() -> None:
    study = study_of()
    for _ in range(8):
        study.tell(study.ask(SPACE), 1.0)
    assert len({str(trial.params) for trial in study.get_trials()}) == 8


def test_a_value_that_is_not_a_number_fails_its_trial_and_nothing_else() -> None:
    study = study_of()
    run(study, 5)
    with pytest.warns(UserWarning, match="not acceptable"):
        study.tell(study.ask(SPACE), math.nan)
    assert study.get_trials()[-1].state == TrialState.FAIL
    run(study, 2)


def test_trials_of_another_sampler_count_even_where_they_break_the_budget() -> None:
    def known(points: Sequence[Params]) -> NDArray[np.float64]:
        return np.array([[point["width"] - 4.0] for point in points])

    study = study_of(FactorGPSampler(SPACE, known_constraints_batch=known))
    foreign = {**{f"layer{i}": "big" for i in range(5)}, "width": 8}
    study.add_trial(create_trial(params=foreign, distributions=SPACE, value=9.0))
    study.add_trial(
        create_trial(params={"other": 1.0}, distributions={"other": FloatDistribution(0, 1)}, value=3.0)
    )
    run(study, 8)
    assert all(trial.params["width"] <= 4 for trial in study.get_trials()[2:])


def test_duplicates_in_the_history_are_survived() -> None:
    study = study_of()
    point = {**{f"layer{i}": "big" for i in range(5)}, "width": 3}
    for value in (1.0, 1.1, 0.9, 1.05, 1.0, 0.95):
        study.add_trial(create_trial(params=point, distributions=SPACE, value=value))
    assert point not in run(study, 3)[6:]


@pytest.mark.slow
def test_parameters_that_come_later_are_survived() -> None:
    study = optuna.create_study(sampler=FactorGPSampler(n_startup_trials=2))

    def objective(trial: optuna.Trial) -> float:
        value = float(trial.suggest_int("a", 0, 9))
        if trial.number > 5:
            value += trial.suggest_float("b", 0.0, 1.0)
        return value

    study.optimize(objective, n_trials=18)
    assert len(study.get_trials()[-1].params) == 2


def test_without_a_search_space_the_first_trial_is_the_smallest_and_the_rest_fit() -> None:
    calls: list[dict[str, Any]] = []

    def known(point: dict[str, Any]) -> Sequence[float]:
        calls.append(point)
        return [point["a"] * point["b"] - 6.0]

    def objective(trial: optuna.Trial) -> float:
        return float(trial.suggest_int("a", 1, 5) * trial.suggest_categorical("b", (1, 2, 4)))

    study = optuna.create_study(direction="maximize", sampler=FactorGPSampler(known_constraints_func=known))
    study.optimize(objective, n_trials=9)
    assert study.get_trials()[0].params == {"a": 1, "b": 1}
    assert all(trial.params["a"] * trial.params["b"] <= 6 for trial in study.get_trials())
    assert len({str(trial.params) for trial in study.get_trials()}) == 9
    assert calls


@pytest.mark.slow
def test_measured_constraints_are_learnt() -> None:
    study = study_of()
    for _ in range(20):
        trial = study.ask(SPACE)
        trial.set_constraint("latency", trial.params["width"] - 3.0)
        if trial.params["width"] > 3:  # measured before training: recorded, never trained
            study.tell(trial, state=TrialState.PRUNED)
        else:
            study.tell(trial, quality(trial.params))
    late = [trial.params["width"] <= 3 for trial in study.get_trials()[10:]]
    assert np.mean(late) >= 0.8


@pytest.mark.slow
def test_constraints_that_nothing_satisfies_and_that_differ_in_number_are_survived() -> None:
    study = study_of()
    for number in range(8):
        trial = study.ask(SPACE)
        trial.set_constraint("latency", 1.0 + trial.params["width"])
        if number % 2:
            trial.set_constraint("energy", math.inf)
        study.tell(trial, quality(trial.params))
    assert len({str(trial.params) for trial in study.get_trials()}) == 8


@pytest.mark.slow
def test_an_early_value_never_poses_as_a_final_one() -> None:
    """Pruned trials report far higher values than any trial has at its end."""
    study = study_of()
    for number in range(14):
        trial = study.ask(SPACE)
        trial.report(quality(trial.params) + 50.0, step=1)
        if number % 3 == 2:
            study.tell(trial, state=TrialState.PRUNED)
            continue
        trial.report(quality(trial.params) + 20.0, step=2)
        study.tell(trial, quality(trial.params))
    points = run(study, 6)
    assert np.mean([quality(point) for point in points[-6:]]) > np.mean(
        [quality(point) for point in points[:4]]
    )


@pytest.mark.parametrize("others", [TrialState.PRUNED, TrialState.RUNNING])
def test_early_values_inform(others: TrialState) -> None:
    """With four whole trainings only, stopped ones tell which width is good, and so do those that go on."""
    study = study_of(FactorGPSampler(SPACE, n_startup_trials=0))
    rng = np.random.default_rng(0)
    for number in range(24):
        point: dict[str, Any] = {
            **{f"layer{i}": ("skip", "small", "big")[rng.integers(3)] for i in range(5)},
            "width": 1 + number % 8,
        }
        final = quality(point) - 3.0 * abs(point["width"] - 5)
        whole = number in {1, 2, 9, 16}
        study.add_trial(
            create_trial(
                params=point,
                distributions=SPACE,
                value=final if whole else None,
                state=TrialState.COMPLETE if whole else TrialState.PRUNED if number == 0 else others,
                intermediate_values={1: final - 10.0} | ({6: final} if whole else {}),
            )
        )
    widths = [study.ask(SPACE).params["width"] for _ in range(3)]
    assert all(4 <= width <= 6 for width in widths)


def test_a_stored_fit_is_where_the_next_one_begins() -> None:
    study = study_of()
    run(study, 6)
    fit = study.get_trials()[-1].system_attrs["factor_gp:fit"]
    assert fit["n"] == [5.0]
    assert len(fit["objective0"]) > 5


def test_many_workers_of_one_study_propose_different_points() -> None:
    study = study_of()
    study.optimize(
        lambda trial: quality({name: trial._suggest(name, d) for name, d in SPACE.items()}),
        n_trials=12,
        n_jobs=3,
    )
    assert len({str(trial.params) for trial in study.get_trials()}) == 12


@pytest.mark.slow
@pytest.mark.parametrize("n_objectives", [2, 3, 4])
def test_fronts_are_spread(n_objectives: int) -> None:
    study = study_of(directions=["maximize"] * n_objectives)
    for _ in range(10):
        trial = study.ask(SPACE)
        study.tell(
            trial, [quality(trial.params), *[-(trial.params["width"] ** p) for p in range(1, n_objectives)]]
        )
    assert len({str(trial.params) for trial in study.get_trials()}) == 10


@pytest.mark.slow
def test_an_impossible_budget_in_a_space_too_large_to_list_is_said_so() -> None:
    space: dict[str, BaseDistribution] = {f"x{i}": FloatDistribution(0, 1) for i in range(4)}

    def known(points: Sequence[Params]) -> NDArray[np.float64]:
        return np.array([[point["x0"] + 1.0] for point in points])

    with pytest.raises(NothingFeasibleError, match="Raise the budget"):
        study_of(FactorGPSampler(space, known_constraints_batch=known)).ask(space)


@pytest.mark.slow
def test_a_rare_region_is_found() -> None:
    space: dict[str, BaseDistribution] = {f"x{i}": IntDistribution(0, 9) for i in range(8)}

    def known(point: dict[str, Any]) -> list[float]:
        return [float(sum(point.values())) - 6.0]  # 3 in 100,000 points

    study = study_of(FactorGPSampler(space, known_constraints_func=known))
    for _ in range(5):
        trial = study.ask(space)
        study.tell(trial, float(sum(trial.params.values())))
        assert sum(trial.params.values()) <= 6


@pytest.mark.parametrize("options", [{"seed": -1}, {"n_startup_trials": -3}])
def test_an_option_out_of_range_is_said_so(options: dict[str, Any]) -> None:
    with pytest.raises(ProblemError, match="expected 0 or more"):
        FactorGPSampler(SPACE, **options)


def test_a_constraint_function_of_the_wrong_shape_is_said_so() -> None:
    sampler = FactorGPSampler(SPACE, known_constraints_batch=lambda points: np.zeros(len(points)))
    with pytest.raises(ProblemError, match="one row per point"):
        study_of(sampler).ask(SPACE)


@pytest.mark.slow
@pytest.mark.parametrize("choices", [("sqrt", 1, 1.0), (False, 0, 0.1, 0.5)])
def test_choices_that_optuna_stores_as_one_are_proposed_as_one(choices: tuple[Any, ...]) -> None:
    space = {"a": CategoricalDistribution(choices), "b": IntDistribution(0, 9)}
    study = study_of(FactorGPSampler(space))
    for _ in range(16):
        trial = study.ask(space)
        study.tell(trial, -float(abs(trial.params["b"] - 5)))
    assert len({str(trial.params) for trial in study.get_trials()}) == 16


def test_a_queued_value_of_another_kind_fails_its_trial_and_nothing_else() -> None:
    study = study_of(FactorGPSampler())

    def objective(trial: optuna.Trial) -> float:
        return trial.suggest_float("a", 0, 1) + trial.suggest_int("b", 0, 5)

    study.optimize(objective, n_trials=3)
    study.enqueue_trial({"a": 0.5, "b": "many"})
    study.enqueue_trial({"a": 0.25})
    study.optimize(objective, n_trials=4, catch=(ValueError,))
    states = [trial.state for trial in study.get_trials()]
    assert states.count(TrialState.FAIL) == 1
    assert states.count(TrialState.COMPLETE) == 6
