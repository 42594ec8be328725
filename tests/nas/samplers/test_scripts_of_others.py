"""What scripts of other people do with FactorGPSampler, through Optuna's interface alone."""

import contextlib
import itertools
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.bayesopt.column import Column
from nas.bayesopt.errors import ProblemError
from nas.bayesopt.history import Histories, History
from nas.bayesopt.observations import observations_of
from nas.samplers.factor_gp import FactorGPSampler

SPACE: dict[str, BaseDistribution] = {
    "layers": CategoricalDistribution((1, 2, 3, 4)),
    "width": IntDistribution(0, 9),
}


def study_of(sampler: optuna.samplers.BaseSampler | None = None, **options: Any) -> optuna.Study:
    return optuna.create_study(sampler=sampler or FactorGPSampler(), **options)


def bowl(trial: optuna.Trial, unit: float = 1.0) -> float:
    return unit * float(sum((trial.suggest_float(f"x{i}", 0, 1) - 0.3 * i) ** 2 for i in range(3)))


def test_the_unit_of_values_changes_no_proposal() -> None:
    found = []
    for unit in (1.0, 2.0**-47, 2.0**40):
        study = study_of()
        study.optimize(partial(bowl, unit=unit), n_trials=7)
        found.append([trial.params for trial in study.get_trials()])
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_it_proposes_where_gradients_are_off(context: Callable[[], contextlib.AbstractContextManager[None]]):
    plain, inside = study_of(), study_of()
    plain.optimize(bowl, n_trials=5)
    with context():
        inside.optimize(bowl, n_trials=5)
        assert not torch.is_grad_enabled()
    assert [t.params for t in inside.get_trials()] == [t.params for t in plain.get_trials()]


def test_a_used_sampler_is_pickled_and_goes_on_as_before() -> None:
    study = study_of()
    study.optimize(bowl, n_trials=4)
    before = study.sampler
    study.sampler = pickle.loads(pickle.dumps(before))
    proposed = study.ask()
    bowl(proposed)
    study.tell(proposed, state=TrialState.FAIL)
    copied = study_of()
    copied.add_trials(study.get_trials()[:4])
    again = copied.ask()
    bowl(again)
    assert again.params == proposed.params


@pytest.mark.parametrize("reported", [False, True])
def test_what_is_pruned_without_a_value_is_avoided_as_what_fails(reported: bool) -> None:
    def objective(trial: optuna.Trial, *, pruned: bool) -> float:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        if x > 0.6 and pruned:
            if reported:
                trial.report(float("nan"), 0)
            raise optuna.TrialPruned
        if x > 0.6:
            raise ValueError
        return float(x - (y - 0.4) ** 2)

    studies = [study_of(direction="maximize") for _ in range(2)]
    for study, pruned in zip(studies, (True, False), strict=True):
        study.optimize(partial(objective, pruned=pruned), n_trials=9, catch=ValueError)
    assert [t.params for t in studies[0].trials] == [t.params for t in studies[1].trials]
    assert studies[0].best_value > 0.3


def test_a_shared_point_is_tried_again_with_other_conditional_values() -> None:
    def objective(trial: optuna.Trial) -> float:
        kind, n = trial.suggest_categorical("kind", ["a", "b"]), trial.suggest_int("n", 0, 14)
        inner = trial.suggest_float(f"of {kind}", 0, 1)
        return float((kind == "b") * 20 + abs(n - 7) + 10 * abs(inner - 0.8))

    study = study_of()
    study.optimize(objective, n_trials=24)
    shared = [(t.params["kind"], t.params["n"]) for t in study.get_trials()]
    assert len(set(shared)) < len(shared)
    assert sum(kind == "b" for kind, _ in shared) <= 8


def test_points_announced_in_another_space_are_not_read_as_this_one() -> None:
    wide = {**SPACE, "layers": CategoricalDistribution((9, 8, 7, 6, 1, 2, 3, 4))}
    first = study_of(FactorGPSampler(wide))
    for _ in range(4):
        first.tell(first.ask(wide), 1.0)
    second = study_of(FactorGPSampler(SPACE))
    second.add_trials(first.get_trials())
    for number in range(3):
        trial = second.ask(SPACE)
        second.tell(trial, float(number))
        assert trial.params.keys() == SPACE.keys()


def test_parameters_that_only_some_trials_have_may_be_announced_together() -> None:
    study = study_of()
    trials = [study.ask() for _ in range(4)]
    for trial in trials[:2]:
        kind = trial.suggest_categorical("kind", ["a", "b"])
        trial.suggest_int("depth", 0, 9) if kind == "a" else trial.suggest_categorical("width", ["u", "v"])
    study.tell(trials[0], 1.0)
    more = [study.ask() for _ in range(4)]
    for trial in [*trials[2:], *more]:
        assert trial.suggest_categorical("kind", ["a", "b"]) in {"a", "b"}
        study.tell(trial, 2.0)


@pytest.mark.parametrize("made", [int, np.int64, float])
def test_trials_of_a_table_of_numbers_are_read(made: Callable[[int], Any]) -> None:
    rng = np.random.default_rng(0)
    points = [(int(a), int(b)) for a, b in rng.integers((1, 0), (5, 10), (12, 2))]
    study = study_of(FactorGPSampler(SPACE))
    for layers, width in points:
        params = {"layers": made(layers), "width": width}
        study.add_trial(create_trial(params=params, distributions=SPACE, value=float(layers + width)))
    found = study.ask(SPACE).params
    assert (found["layers"], found["width"]) not in points
    reference = study_of(FactorGPSampler(SPACE))
    for layers, width in points:
        params = {"layers": layers, "width": width}
        reference.add_trial(create_trial(params=params, distributions=SPACE, value=float(layers + width)))
    assert found == reference.ask(SPACE).params


def test_few_feasible_points_cost_few_calls_of_the_constraint() -> None:
    space: dict[str, BaseDistribution] = {f"x{i}": IntDistribution(0, 9) for i in range(6)}
    asked = []

    def over(point: dict[str, Any]) -> list[float]:
        asked.append(point)
        return [float(sum(point.values()) - 3)]  # 84 of a million points

    study = study_of(FactorGPSampler(space, known_constraints_func=over))
    for _ in range(4):
        trial = study.ask(space)
        assert sum(trial.params.values()) <= 3
        study.tell(trial, float(trial.params["x0"]))
    assert len(asked) < 400_000


def _rising(params: dict[str, Any]) -> list[float]:
    return [params["x"] + params["y"] - 1.5]


def test_constraints_wait_until_a_trial_has_shown_all_parameters() -> None:
    study = study_of(FactorGPSampler(known_constraints_func=_rising))
    first, second = study.ask(), study.ask()
    first.suggest_float("x", 0, 1)  # what a second worker sees of the first
    for trial in (second, first):
        for name in ("x", "y"):
            trial.suggest_float(name, 0, 1)
        study.tell(trial, 1.0)
    cut_short = study.ask()
    cut_short.suggest_float("x", 0, 1)
    study.tell(cut_short, state=TrialState.FAIL)
    for number in range(6):
        trial = study.ask()
        values = {name: trial.suggest_float(name, 0, 1) for name in ("x", "y")}
        assert _rising(values)[0] <= 0
        study.tell(trial, float(number))


def test_constraints_on_a_parameter_of_some_trials_alone_are_an_error_that_names_it() -> None:
    study = study_of(FactorGPSampler(known_constraints_func=_rising))
    for names in (("x", "y"), ("x",)):
        trial = study.ask()
        for name in names:
            trial.suggest_float(name, 0, 1)
        study.tell(trial, 1.0)
    with pytest.raises(ProblemError, match=r"read the parameter 'y'.*as search_space"):
        study.ask().suggest_float("x", 0, 1)


def test_workers_that_ask_at_the_same_moment_get_different_points() -> None:
    """Each reads the study before the others have announced theirs, as workers on one storage may."""
    study = study_of()
    study.optimize(bowl, n_trials=8)
    trials = [study.ask() for _ in range(3)]
    read, have_read = Histories.read, set[int]()

    def of_before(self: Histories, study: optuna.Study, me: FrozenTrial) -> History:
        history = read(self, study, me)
        if me.number in have_read:
            return history
        have_read.add(me.number)
        return replace(history, pending=history.pending[:0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Histories, "read", of_before)
        for trial in trials:
            bowl(trial)
    points = [[trial.params[f"x{i}"] for i in range(3)] for trial in trials]
    apart = [np.abs(np.subtract(a, b)).max() for a, b in itertools.combinations(points, 2)]
    assert min(apart) > 0.02


def test_one_diverged_trial_of_an_earlier_study_does_not_hide_the_others() -> None:
    earlier = study_of(optuna.samplers.RandomSampler(seed=0))
    earlier.optimize(bowl, n_trials=30)
    values = [1e6 if t.number == 12 else t.value for t in earlier.get_trials()]
    told = study_of()
    for trial, value in zip(earlier.get_trials(), values, strict=True):
        told.add_trial(create_trial(params=trial.params, distributions=trial.distributions, value=value))
    space = earlier.get_trials()[0].distributions
    study = study_of(FactorGPSampler(space, evidence=[observations_of(told)]))
    study.optimize(bowl, n_trials=3)
    median = float(np.median([t.value for t in earlier.get_trials() if t.value is not None]))
    assert study.get_trials()[0].values[0] < median / 2  # it begins where that study was good


def test_without_a_seed_two_samplers_differ() -> None:
    drawn = [study_of(FactorGPSampler(SPACE, seed=None)).ask(SPACE).params for _ in range(6)]
    assert any(one != drawn[0] for one in drawn)


def test_a_logarithmic_range_of_less_than_a_factor_of_two_uses_its_whole_scale() -> None:
    column = Column.of("n", IntDistribution(1000, 1100, log=True))
    assert column.positions(np.array([0.0, 100.0])).tolist() == [0.0, 1.0]
    assert column.at(np.array([0.0, 1.0])).tolist() == [0.0, 100.0]
