"""What is expected of networks is stored with the study while it is searched."""

import numpy as np
import optuna
import pytest

from nas.bayesopt.space_problem import problem_of
from nas.orchestration.posterior_update import PosteriorUpdate
from nas.samplers import SAMPLERS
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from nas.study.posterior import posterior_of
from search_spaces.budget import Budget

BUDGETS = (Budget.parse("9M-MACs"),)


def train(opened: OpenedStudy, prices, accuracies: list[float], *, images: int = 360) -> None:
    """Propose networks at random, and tell what they reached as a search does."""
    study = opened.study
    study.sampler = SAMPLERS["random"](problem_of(prices, BUDGETS, seed=0))
    problem = problem_of(prices, BUDGETS, seed=0)
    for accuracy in accuracies:
        trial = study.ask(dict(problem.distributions))
        codes = prices.codes.of([trial.params])
        architecture = prices.codes.at(codes[0])
        trial_attributes.describe(opened, trial.number, architecture, prices.costs(codes)[0], [-0.5])
        error = float(np.sqrt(accuracy * (1 - accuracy) / images))
        epoch = {"epoch": 1, "accuracy": accuracy, "standard_error": error, "seconds": 1.0}
        trial_attributes.report_epoch(opened, opened.stored_trial(trial.number), epoch, now_s=0.0)
        study.tell(trial, accuracy)


@pytest.mark.parametrize("networks", [1, 3, 12])
def test_the_posterior_of_every_finished_network_is_stored(opened: OpenedStudy, tiny_prices, networks: int):
    rng = np.random.default_rng(0)
    accuracies = (0.9 + 0.02 * rng.standard_normal(networks)).clip(0.8, 0.97).tolist()
    train(opened, tiny_prices, accuracies)
    PosteriorUpdate(opened.study, tiny_prices, BUDGETS, seed=0).update()
    stored = posterior_of(opened.study.user_attrs).values
    assert sorted(stored) == list(range(networks))
    assert all(0.0 < deviation < 0.03 for _, deviation in stored.values())
    if networks > 1:  # the best is in part the luckiest, the worst the unluckiest
        best, worst = int(np.argmax(accuracies)), int(np.argmin(accuracies))
        assert stored[best][0] < accuracies[best]
        assert stored[worst][0] > accuracies[worst]


def test_it_is_computed_again_only_for_new_networks(opened: OpenedStudy, tiny_prices):
    train(opened, tiny_prices, [0.9, 0.92])
    update = PosteriorUpdate(opened.study, tiny_prices, BUDGETS, seed=0)
    update.update(over=True)
    first = posterior_of(opened.study.user_attrs).values
    update.update(over=True)
    assert posterior_of(opened.study.user_attrs).values == first
    train(opened, tiny_prices, [0.94])
    update.update(over=True)
    assert len(posterior_of(opened.study.user_attrs).values) == 3


def test_what_ends_between_two_updates_is_shrunk_as_the_others_were(opened: OpenedStudy, tiny_prices):
    train(opened, tiny_prices, [0.9, 0.92, 0.91, 0.905])
    PosteriorUpdate(opened.study, tiny_prices, BUDGETS, seed=0).update()
    stored = posterior_of(opened.study.user_attrs)
    mean, deviation = stored.of(99, 0.97)
    assert mean is not None
    assert max(m for m, _ in stored.values.values()) < mean < 0.97
    assert deviation == max(sd for _, sd in stored.values.values())


def test_a_study_that_stored_no_errors_gets_no_posterior(
    study: optuna.Study, opened: OpenedStudy, tiny_prices
):
    train(opened, tiny_prices, [1.0])  # an error of 0, as earlier versions stored it
    PosteriorUpdate(study, tiny_prices, BUDGETS, seed=0).update(over=True)
    assert posterior_of(study.user_attrs).values == {}
