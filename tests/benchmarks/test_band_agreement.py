"""The comparison of cheap values with long trainings, without the trainings."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import search_spaces
from nas.evaluators import SearchFacts
from nas.evaluators._weight_sharing import band_of, supernet_recipe
from search_spaces.budget import Budget
from search_spaces.pricing import prices
from tests.benchmarks import band_supernets, seven_budgets
from tests.benchmarks.band_agreement import PROXIES, Band, halved, proxy_lines
from tests.benchmarks.band_costs import Costs
from tests.benchmarks.band_trainings import (
    HIGH_MACS,
    KINDS,
    LONG_SEEDS,
    LOW_MACS,
    PROXY,
    SHORT_SEED,
    SPACE,
    begun,
    long_recipe,
    networks,
    recipes,
    settings,
    trainings,
)
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.rank_agreement import kendall
from trials.recipes import RECIPES

COSTS = Costs(trained=0.01, evaluated=0.002, supernet=1e4, reading=20.0, scores={}, validation=5_000)


def state_of(values: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """Return a state in which all trainings of some networks ended near these values."""
    rng, done = np.random.default_rng(seed), {}
    for recipe, seeds in (("long", LONG_SEEDS), ("proxy", (SHORT_SEED,)), ("short-3x10000", (SHORT_SEED,))):
        for of in seeds:
            for number, value in enumerate(values):
                curve = [[value + 0.1 * rng.standard_normal(), 1.0] for _ in range(6)]
                done[f"{recipe}/{of}/{number}"] = {"test": value, "epochs": [*curve, [value, 1.0]]}
    return {"trainings": done}


def test_networks_lie_in_the_band_and_more_of_them_begin_with_the_same():
    few, more = networks(3), networks(5)
    assert more[:3] == few
    assert len(set(more)) == 5
    for network in more:
        assert LOW_MACS <= search_spaces.count(network, num_classes=10).macs <= HIGH_MACS


def test_long_trainings_see_as_many_images_whatever_the_batch():
    for batch_size in (64, 128, 512):
        recipe = long_recipe(batch_size)
        assert recipe.epochs * (recipe.epoch_images or 0) == 300_000
        assert recipe.batch_size == batch_size


def test_only_epochs_and_images_vary_the_proxy():
    for recipe in recipes(64)["short"].values():
        same = {"name": PROXY.name, "epochs": PROXY.epochs, "rungs": PROXY.rungs}
        assert recipe.model_copy(update={**same, "epoch_images": PROXY.epoch_images}) == PROXY


def test_each_training_has_a_key_of_its_own():
    found = [training for kind in KINDS for training in trainings(kind, 3, 64)]
    assert len({training.key for training in found}) == len(found) == 3 * (2 + 1 + 6)


def test_a_state_of_other_settings_is_refused(tmp_path):
    path = tmp_path / "state.json"
    kept(path, begun(path, settings(128)))
    assert begun(path, settings(128)) == json.loads(path.read_text())
    with pytest.raises(SystemExit, match=r"begun with another batch_size.*expected 64, found 128"):
        begun(path, settings(64))


def test_the_supernet_is_that_of_a_search():
    space, budget = search_spaces.load(SPACE), Budget.parse("5M-MACs")
    facts = object.__new__(SearchFacts)
    table = prices(space.codes, num_classes=10)
    for name, value in {"prices": table, "budgets": (budget,), "seed": 0}.items():
        object.__setattr__(facts, name, value)
    assert band_of(facts) == band_supernets.band()
    assert supernet_recipe(PROXY) == band_supernets.RECIPE
    assert supernet_recipe(RECIPES["proxy"]) == band_supernets.RECIPE


def test_networks_that_end_early_rank_below_the_others():
    rng = np.random.default_rng(0)
    curves = rng.random((20, 6))
    ranked = halved(curves, 2)
    goes_on = curves[:, 1] >= np.median(curves[:, 1])
    assert ranked[goes_on].min() > ranked[~goes_on].max()
    assert kendall(ranked[goes_on], curves[goes_on, -1]) == 1
    assert kendall(ranked[~goes_on], curves[~goes_on, 1]) == 1


def test_a_proxy_costs_less_where_half_of_the_networks_end_early():
    band = Band(state_of(np.linspace(0.5, 0.7, 12)), 12)
    rows = [line for line in proxy_lines(band, COSTS, 45_000, 64) if line[2].isdigit()]
    cells = {name.strip(): float(cost.replace(",", "")) for _, name, cost, *_ in (r.split("|") for r in rows)}
    assert cells["6 x 20,000"] == pytest.approx(COSTS.training(PROXY, 6, 45_000), abs=1)
    assert cells["3 x 10,000"] < cells["6 x 20,000"]
    for name, cost in cells.items():
        assert ", half" not in name or cost < cells[name.split(", half")[0]]


def test_a_band_wants_both_long_trainings():
    state = state_of(np.linspace(0, 1, 9))
    del state["trainings"]["long/1/4"]
    assert Band(state, 9).numbers == [0, 1, 2, 3, 5, 6, 7, 8]
    del state["trainings"]["long/0/5"]
    with pytest.raises(SystemExit, match="7 networks have 2 long trainings: expected at least 8"):
        Band(state, 9)


def test_trials_of_seven_budgets_are_those_that_bring_the_mean_regret_down(monkeypatch):
    class Means:
        means = np.array([90.0, 91.0, 91.96, 92.0])

    monkeypatch.setattr(seven_budgets, "table", Means)
    found = seven_budgets.Found(np.array([[0, 2, 3], [1, 1, 2]]), np.zeros((2, 3)), 92.0)
    assert found.trials() == 3
    assert found.trials(np.array([0])) == 2
    assert replace(found, best=93.0).trials() is None


def test_the_present_proxy_is_among_the_recipes_and_is_that_of_a_search():
    present = PROXIES["proxy"]
    assert present.name in recipes(64)["short"]
    same = {"name": "proxy", "rungs": RECIPES["proxy"].rungs}
    assert present.model_copy(update=same) == RECIPES["proxy"]
