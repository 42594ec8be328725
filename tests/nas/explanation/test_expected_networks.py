"""A study says which networks it lets expect best within other budgets, and trains and stores none."""

import csv
import json

import numpy as np
import pytest

import search_spaces
from dashboards.expectation import Expectations
from dashboards.expectation_tables import print_expectations
from dashboards.explanation import Comparison, Explanation
from nas import api
from nas.commands.search import COMMAND as SEARCH
from nas.explanation.evidence import of_studies, of_study
from nas.explanation.expected_networks import expectations_of, expected_within
from nas.explanation.explain_study import explain_study, write_figures
from nas.storage.optuna_storage import open_storage
from nas.study.study import SETTINGS, find
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError, NothingFitsError, StudyError
from tests.nas.explained import studied


def mixers_matter(params, costs, rng):
    """Attention gives two points, larger images one, and each doubling of MACs half a point."""
    attends = params["stage2.mixer"] == "attention"
    size = 0.005 * np.log2(costs.macs / 1e6)
    return 0.8 + 0.02 * attends + 0.01 * (params["resolution"] == 16) + size + 0.0005 * rng.standard_normal()


def noise(_params, _costs, rng):
    return 0.8 + 0.01 * rng.standard_normal()


@pytest.fixture(scope="module")
def url(tmp_path_factory, tiny_prices):
    url = f"sqlite:///{tmp_path_factory.mktemp('study') / 'nas.db'}"
    storage = open_storage(url)
    studied(storage, tiny_prices, mixers_matter, trials=14, name="trained")
    studied(storage, tiny_prices, noise, trials=14, name="noise")
    studied(storage, tiny_prices, noise, trials=4, name="few")
    studied(storage, tiny_prices, noise, trials=4, name="other")
    return url


def limit(tiny_prices, share):
    """Return a budget at a share of the way from the smallest to the largest network, in MACs."""
    low, high = tiny_prices.extremes("macs")
    return f"{int(low + share * (high - low))}-MACs"


COMPARED = Comparison(networks=14, factors=0.001, macs=0.01, mean=0.012, low=0.8, high=0.95)
"""How the factors of such a study predict; `compared` takes seconds to say so."""


def expected(url, budgets) -> Expectations:
    study = find(open_storage(url), "trained")
    combined = [[Budget.parse(text)] for text in budgets]
    return expected_within(study, of_study(study), combined, COMPARED, 5, seed=0)


@pytest.fixture(scope="module")
def proposed(url, tiny_prices) -> Expectations:
    return expected(url, [limit(tiny_prices, 0.5)])


def test_proposals_fit_and_their_costs_are_exact(proposed, tiny_prices):
    budget = Budget.parse(limit(tiny_prices, 0.5))
    assert 1 <= len(proposed.networks) <= 5
    assert len({n.architecture.fingerprint for n in proposed.networks}) == len(proposed.networks)
    for network in proposed.networks:
        costs = search_spaces.count(network.architecture, num_classes=10, in_channels=1, deploy=True)
        assert network.costs["macs"] == costs.macs
        assert budget.excess(costs.macs) <= 0
        assert network.low <= network.mean <= network.high
    assert [n.mean for n in proposed.networks] == sorted((n.mean for n in proposed.networks), reverse=True)


def test_what_made_the_accuracies_is_in_the_networks_expected_best(proposed):
    assert proposed.networks[0].architecture.stages[1].mixer == "attention"


@pytest.mark.slow
def test_the_command_trains_and_writes_nothing_and_says_that_nothing_was_measured(
    url, proposed, tiny_prices, capsys
):
    study = find(open_storage(url), "trained")
    before = (dict(study.user_attrs), len(study.trials))
    SEARCH([limit(tiny_prices, 0.5)], trials=0, learn_from=["trained"], storage=url, json=True)
    record = json.loads(capsys.readouterr().out)
    assert record["networks"] == json.loads(json.dumps(proposed.to_json()["networks"]))
    assert record["measured"] is False
    first = record["networks"][0]
    assert Architecture.from_json(json.dumps(first["architecture"])) == proposed.networks[0].architecture
    assert "accuracy" not in first
    study = find(open_storage(url), "trained")
    assert (dict(study.user_attrs), len(study.trials)) == before


def test_a_table_says_what_it_rests_on(proposed, capsys):
    print_expectations(proposed, as_json=False)
    out = capsys.readouterr().out
    assert "Expected, not measured: from 14 trained networks of trained" in out
    assert "90 % interval" in out


@pytest.mark.slow
def test_a_sweep_of_budgets_is_a_front_in_a_table_and_a_figure(url, tiny_prices, tmp_path):
    budgets = [limit(tiny_prices, share) for share in (0.3, 0.6)]
    found = expected(url, budgets)
    assert [n.budget for n in found.best] == budgets
    explanation = Explanation(
        study="trained",
        space="tiny",
        budgets=(),
        trained=14,
        accuracy=0.8,
        comparison=COMPARED,
        effects=(),
        joint_effects=(),
        rules=(),
        rest=0.0,
        expected=found,
    )
    write_figures(explanation, tmp_path)
    with (tmp_path / "expected_front.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["budget"] for row in rows} == set(budgets)
    assert all(float(row["expected_low_90"]) <= float(row["expected"]) for row in rows)
    assert "not measured" in (tmp_path / "expected_front.html").read_text()
    record = json.loads((tmp_path / "explanation.json").read_text())
    assert len(record["expected"]["networks"]) == len(rows)


@pytest.mark.long
def test_an_explanation_names_what_is_expected_best_within_budgets_that_were_asked_for(url, tiny_prices):
    study = find(open_storage(url), "trained")
    budget = Budget.parse(limit(tiny_prices, 0.5))
    found = explain_study(study, [budget]).expected
    assert found is not None
    assert {n.budget for n in found.networks} == {str(budget)}
    assert explain_study(study).expected is None


def test_what_cannot_be_expected_is_one_line(url, tiny_prices):
    half = limit(tiny_prices, 0.5)
    with pytest.raises(StudyError, match="has 4 trained networks"):
        api.propose(half, learn_from="few", storage=url)
    with pytest.raises(NothingFitsError, match="No network in"):
        api.propose("1-MACs", learn_from="trained", storage=url)
    with pytest.raises(InvalidValueError, match="has to be measured"):
        expectations_of([find(open_storage(url), "trained")], [[Budget.parse("5ms@cpu")]], count=1)
    with pytest.raises(InvalidValueError, match="--study with --trials 0"):
        SEARCH([half], study="x", trials=0, learn_from=["trained"], storage=url)
    with pytest.raises(StudyError, match="'few' is named twice"):
        api.propose(half, learn_from=["few", "few"], storage=url)
    other = find(open_storage(url), "other")
    other.set_user_attr(SETTINGS, {**other.user_attrs[SETTINGS], "metric": "macro_f1"})
    with pytest.raises(
        StudyError, match="'trained' and 'other' do not compare: its metric is 'accuracy', not"
    ):
        SEARCH([half], trials=0, learn_from=["trained", "other"], storage=url)


def test_studies_whose_values_compare_are_one_ground_and_each_network_keeps_its_own(url, tiny_prices):
    storage = open_storage(url)
    studies = [find(storage, name) for name in ("few", "trained")]
    alone, both = of_study(studies[1]), of_studies(studies)
    assert both.trained == 4 + alone.trained
    assert both.study == "few and trained"
    assert {study for study, _ in both.origins.values()} == {"few", "trained"}
    assert both.values[-len(alone.values) :].tolist() == alone.values.tolist()
    most = [[Budget.parse(limit(tiny_prices, 1.0))]]
    found = expected_within(studies[0], both, most, COMPARED, 50, seed=0)
    known = {(n.study, n.trial) for n in found.networks if n.trial is not None}
    assert known <= set(both.origins.values())
    print_expectations(found, as_json=False)


@pytest.mark.slow
def test_a_study_of_noise_lets_expect_nothing(url, tiny_prices):
    with pytest.raises(StudyError, match="no better than by their mean"):
        api.propose(limit(tiny_prices, 0.5), learn_from="noise", storage=url)
