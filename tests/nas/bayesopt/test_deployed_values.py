"""Values as deployed: what deployment costs is learnt from networks valued in both forms."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.bayesopt.deployed_values import as_deployed, expecting
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Grid
from nas.bayesopt.history import Histories, History
from nas.bayesopt.region_surrogate import surrogate_of
from nas.bayesopt.scoring import inputs
from nas.samplers.factor_gp import FactorGPSampler

SPACE: dict[str, BaseDistribution] = {"a": IntDistribution(0, 9), "b": IntDistribution(0, 9)}
REGION = Region(Grid(SPACE), {})


def drop_of(trial: FrozenTrial) -> float | None:
    drop: float | None = trial.user_attrs.get("drop")
    return drop


def complete(a: int, b: int, fp32: float, drop: float | None) -> FrozenTrial:
    attrs = {} if drop is None else {"drop": drop}
    value, curve = fp32 - (drop or 0.0), {1: fp32 - 0.1, 2: fp32}
    params = {"a": a, "b": b}
    return create_trial(
        params=params, distributions=SPACE, value=value, intermediate_values=curve, user_attrs=attrs
    )


def stopped(a: int, b: int, fp32: float) -> FrozenTrial:
    return create_trial(
        params={"a": a, "b": b},
        distributions=SPACE,
        state=TrialState.PRUNED,
        intermediate_values={1: fp32},
    )


def read(trials: Sequence[FrozenTrial], *, valued: bool = True) -> History:
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    nobody = create_trial(state=TrialState.RUNNING)
    return Histories(REGION, drop_of=drop_of if valued else None).read(study, nobody)


def test_a_curve_is_reduced_by_what_deployment_takes_off_its_own_network() -> None:
    history = read([complete(1, 1, 0.9, 0.02), stopped(2, 2, 0.7)])
    found = {
        (int(n), round(f, 2)): v
        for n, f, (v,) in zip(history.trials, history.fidelity, history.values, strict=True)
    }
    assert found[0, 1.0] == pytest.approx(0.88)
    assert found[0, 0.67] == pytest.approx(0.78)
    assert history.drops is not None
    assert np.isnan(history.drops[history.trials == 1]).all()


def test_a_study_of_an_earlier_version_with_values_in_fp32_is_read_as_deployed() -> None:
    one = complete(1, 1, 0.9, 0.02)
    one.value = 0.9
    history = read([one])
    assert history.values[history.fidelity == 1.0].item() == pytest.approx(0.88)


def test_without_values_in_both_forms_nothing_changes() -> None:
    trials = [complete(1, 1, 0.9, None), complete(3, 1, 0.8, None), stopped(2, 2, 0.7)]
    history, before = read(trials), read(trials, valued=False)
    assert history.drops is None
    values, noise = as_deployed(history, expecting(REGION, surrogate_of(REGION, 0)))
    assert noise is None
    assert np.array_equal(values, before.values)


def test_what_is_expected_of_others_follows_the_factors_that_it_depends_on() -> None:
    """Deployment costs 6 points where a is high, else 1."""
    rng = np.random.default_rng(0)
    points = [(int(a), int(b)) for a, b in rng.integers(0, 10, (24, 2))]
    trials = [complete(a, b, 0.9, 0.06 if a > 4 else 0.01) for a, b in dict.fromkeys(points)]
    history = read([*trials, stopped(0, 5, 0.9), stopped(9, 5, 0.9)])
    values, noise = as_deployed(history, expecting(REGION, surrogate_of(REGION, 0)))
    assert noise is not None
    assert history.drops is not None
    unknown = np.isnan(history.drops)
    low, high = 0.9 - values[unknown, 0]
    assert low == pytest.approx(0.01, abs=0.01)
    assert high == pytest.approx(0.06, abs=0.01)
    assert (noise[unknown] > 0).all()
    assert not noise[~unknown].any()


def test_values_of_larger_known_noise_say_less() -> None:
    surrogate, rows = surrogate_of(REGION, 0), np.array([[0.0, 0.0], [9.0, 9.0], [5.0, 5.0], [2.0, 7.0]])
    values, seen = np.array([0.1, 0.9, 0.5, 0.4]), inputs(REGION, rows)
    exact = surrogate.fitted(seen, values, None, 5)
    noisy = replace(seen, noise=np.array([0.0, 4.0, 0.0, 0.0]))
    doubted = surrogate.fitted(noisy, values, exact.hyper_parameters, 0)
    at = inputs(REGION, rows[1:2])
    assert doubted.predict(at)[1][0] > exact.predict(at)[1][0]
    assert abs(doubted.predict(at)[0][0] - 0.9) > abs(exact.predict(at)[0][0] - 0.9)


def test_a_search_prefers_what_is_best_as_deployed() -> None:
    """In training the value rises with a, and deployment takes more than that off where a is high."""

    def deployed(a: int) -> tuple[float, float]:
        fp32 = 0.6 + 0.02 * a
        return fp32, 0.3 if a > 4 else 0.0

    study = optuna.create_study(direction="maximize", sampler=FactorGPSampler(SPACE, seed=0, drop_of=drop_of))
    for number in range(16):
        trial = study.ask(SPACE)
        fp32, drop = deployed(trial.params["a"])
        trial.report(fp32, 1)
        if number % 2 and trial.params["a"] <= 4:  # every other one is stopped early
            study.tell(trial, state=TrialState.PRUNED)
            continue
        trial.set_user_attr("drop", drop)
        study.tell(trial, fp32 - drop)
    assert study.best_trial.params["a"] <= 4
    late = [t.params["a"] for t in study.trials[8:]]
    assert sum(a <= 4 for a in late) >= 5
