"""A search begins with what an earlier one saw, and only as far as that holds."""

import json
from dataclasses import replace

import numpy as np
import optuna
import pytest

from nas.bayesopt.space_problem import problem_of
from nas.orchestration.search_request import SearchRequest, read_request
from nas.samplers import SAMPLERS
from nas.study.earlier_studies import evidence_of, read_transfer, store_transfer, transfer_source
from nas.study.settings import Settings
from nas.study.study import settings_of
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError, StudyError
from tests.nas.explained import studied

SMALL = [Budget.parse("400k-MACs")]


def attends(params, costs, rng):
    gain = 0.02 * (params["stage2.mixer"] == "attention") + 0.02 * (params["stage1.mixer"] == "attention")
    return 0.5 + gain + 0.01 * np.log(costs.macs) + 0.001 * rng.standard_normal()


def noise(_params, _costs, rng):
    return 0.8 + 0.01 * rng.standard_normal()


def url_of(study):
    return study._storage._backend.url


def first_points(prices, taken, n):
    """Return the first proposals for a small budget, each with the result of a formula."""
    problem = problem_of(prices, SMALL, seed=0)
    if taken is not None:
        earlier = [transfer_source(record, prices) for record in taken]
        problem = replace(problem, evidence=[*problem.evidence, *earlier])
    study = optuna.create_study(direction="maximize", sampler=SAMPLERS["factor_gp"](problem))
    points = []
    for _ in range(n):
        trial = study.ask(dict(problem.distributions))
        points.append(trial.params)
        costs = prices.costs(prices.codes.of([trial.params]))[0]
        assert costs.macs <= 400_000
        study.tell(trial, attends(trial.params, costs, np.random.default_rng(trial.number)))
    return points


@pytest.mark.slow
def test_the_first_proposal_is_what_the_earlier_study_found_good(storage, tiny_prices):
    old = studied(storage, tiny_prices, attends, trials=40)
    taken = json.loads(json.dumps(read_transfer(url_of(old), "new", ["trained"], tiny_prices)))
    first, _ = first_points(tiny_prices, taken, 2)
    assert (first["stage1.mixer"], first["stage2.mixer"]) == ("attention", "attention")


@pytest.mark.slow
def test_a_study_that_predicts_none_of_its_own_networks_changes_nothing(storage, tiny_prices):
    old = studied(storage, tiny_prices, noise, trials=40)
    taken = read_transfer(url_of(old), "new", ["trained"], tiny_prices)
    assert first_points(tiny_prices, taken, 4) == first_points(tiny_prices, None, 4)


def test_what_was_taken_is_kept_though_the_earlier_study_goes_on(storage, tiny_prices):
    old = studied(storage, tiny_prices, attends, trials=10)
    new = studied(storage, tiny_prices, attends, trials=1, name="new")
    taken = read_transfer(url_of(old), "new", ["trained"], tiny_prices)
    store_transfer(new, taken)
    trial = old.ask()
    old.tell(trial, state=optuna.trial.TrialState.FAIL)
    optuna.delete_study(study_name="trained", storage=storage)
    assert read_transfer(url_of(new), "new", ["trained"], tiny_prices) == taken
    assert len(set(taken[0]["networks"])) == 10


def test_several_studies_are_learnt_from_and_kept_one_as_it_was_before(storage, tiny_prices):
    old = studied(storage, tiny_prices, attends, trials=10)
    other = studied(storage, tiny_prices, noise, trials=10, name="other")
    url = url_of(old)
    taken = read_transfer(url, "new", ["trained", "other"], tiny_prices)
    assert [record["study"] for record in taken] == ["trained", "other"]
    new = studied(storage, tiny_prices, attends, trials=1, name="new")
    store_transfer(new, taken)
    names = [
        transfer_source(record, tiny_prices).name for record in read_transfer(url, "new", [], tiny_prices)
    ]
    assert names == ["study trained", "study other"]
    assert [source.name for source in evidence_of(new)][-2:] == names
    store_transfer(other, taken[:1])
    assert other.user_attrs["nas:earlier"] == taken[0]
    with pytest.raises(StudyError, match="'trained' is named twice"):
        read_transfer(url, "newer", ["trained", "trained"], tiny_prices)


def test_too_few_networks_are_refused(storage, tiny_prices):
    old = studied(storage, tiny_prices, noise, trials=4)
    with pytest.raises(StudyError, match=r"4 of its trained networks .* expected at least 10"):
        read_transfer(url_of(old), "new", ["trained"], tiny_prices)
    with pytest.raises(StudyError, match="cannot learn from itself"):
        read_transfer(url_of(old), "trained", ["trained"], tiny_prices)


def test_learning_from_another_study_is_another_search(storage, tiny_prices):
    settings = settings_of(studied(storage, tiny_prices, noise, trials=1))
    other = replace(settings, learn_from=("old",))
    assert settings.difference(other) == "its study to learn from is 'none', not 'old'"
    assert other.default_name() == f"{settings.default_name()}-from-old"
    record = settings.to_json()
    del record["learn_from"]  # as studies were written before
    assert Settings.from_json(record) == settings
    assert Settings.from_json({**record, "learn_from": None}) == settings
    assert Settings.from_json({**record, "learn_from": "old"}) == other
    assert other.to_json()["learn_from"] == "old"
    both = replace(settings, learn_from=("old", "older"))
    assert Settings.from_json(json.loads(json.dumps(both.to_json()))) == both
    assert both.default_name() == f"{settings.default_name()}-from-old-from-older"


def test_only_a_sampler_that_can_learn_is_asked_to():
    with pytest.raises(InvalidValueError, match="'tpe' cannot learn from a study: expected factor_gp"):
        read_request(SearchRequest(budget=["300M-MACs"], trials=1, sampler="tpe", learn_from=["old"]))
