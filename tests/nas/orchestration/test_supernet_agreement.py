"""Readings are compared with trainings, beside MACs and blocks, with an honest interval."""

from pathlib import Path

import numpy as np
import optuna
import pytest
from scipy.stats import kendalltau

from dashboards.markdown_notes import study_note
from nas.ask_tell.stopping import SearchControl, StoppingCriteria
from nas.orchestration.supernet_agreement import LEAST, agreement_with, compare_readings
from nas.reporting.study_findings import FindingsCollector
from nas.resources import Capacity, Slots
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.expected_values import ExpectedValues, store_expected
from nas.study.results import result_of
from nas.study.study import keep_space, settings_of
from nas.study.supernet_record import agreement_of
from search_spaces.elastic import SharedWeights
from search_spaces.sampling import fitting_codes
from tests.nas.administration.test_supernet_consistency import ABOUT
from tests.nas.opened import opened
from trials.datasets import open_images
from trials.supernet import SupernetRecipe, read_networks
from trials.supernet.run_reading import ReadingConfig, run_reading
from trials.supernet.weights_file import write_supernet
from trials.training.file_names import SUPERNET
from trials.training.recipe import Recipe

COUNTS = [float(number) for number in range(8)]


def curves_of(values: list[float]) -> list[dict[int, float]]:
    return [{1: value} for value in values]


def test_it_is_kendalls_tau_b_of_values_at_the_last_epoch_that_two_networks_share():
    rng = np.random.default_rng(0)
    for _ in range(20):
        values, order = rng.integers(0, 6, (2, 9)).astype(float).tolist()
        expected = float(kendalltau(order, values).statistic)
        assert agreement_with("x", order, curves_of(values)).tau == pytest.approx(expected)
    # One stopped after the first epoch is compared by that epoch alone, where it is the best of all.
    curves = [{1: 0.1 * i, 2: 0.5 + 0.05 * i} for i in range(6)] + [{1: 0.9}]
    assert agreement_with("x", COUNTS[:7], curves).tau == 1.0


def test_the_interval_covers_no_agreement_as_often_as_it_says():
    """500 draws without agreement, .95 to be covered: below .91 has a false-alarm rate of 1e-4."""
    rng = np.random.default_rng(1)
    for count in (LEAST, 8, 16):
        drawn = rng.random((500, 2, count)).tolist()
        found = [agreement_with("x", order, curves_of(values)) for order, values in drawn]
        inside = [one.low < 0 < one.high for one in found if one.low is not None and one.high is not None]
        assert np.mean(inside) > 0.91
    whole = agreement_with("x", COUNTS[:6], curves_of(COUNTS[:6]))
    assert whole.tau == 1
    assert whole.low is not None
    assert whole.low < 0.75


def test_too_few_networks_and_orders_that_tell_none_apart_say_nothing():
    assert agreement_with("x", [1.0] * 8, curves_of(COUNTS)).tau is None
    assert agreement_with("x", [1.0, 2.0], curves_of([0.1, 0.2])).tau is None


@pytest.fixture
def read(searched: optuna.Study, tiny_prices) -> optuna.Study:
    """A study of nine trained networks whose evaluator has read all of them."""
    keep_space(searched, tiny_prices.codes.space)
    codes = fitting_codes(tiny_prices, np.random.default_rng(5), 6, ())
    for number, code in enumerate(codes):
        trial = searched.ask()
        costs = tiny_prices.costs(code[None])[0]
        trial_attributes.describe(opened(searched), trial.number, tiny_prices.codes.at(code), costs, [-0.5])
        trial.report(0.4 + 0.1 * number, 1)
        searched.tell(trial, 0.4 + 0.1 * number)
    trials = searched.get_trials()
    rows = [tiny_prices.codes.code_of(trial_attributes.architecture_of(trial)).tolist() for trial in trials]
    values = [trial.value or 0.0 for trial in trials]
    searched.set_user_attr("nas:settings", {**searched.user_attrs["nas:settings"], "evaluator": "supernet"})
    expected = ExpectedValues(source="supernet", codes=rows, values=values, budgets=(), about=ABOUT)
    store_expected(searched, expected)
    return searched


def compare(study: optuna.Study) -> None:
    capacity = Capacity(1)
    control = SearchControl(StoppingCriteria(trials=9, failures=3), capacity)
    slots = Slots(count=1, cpus=1, gpus=0.0, threads=1, device="cpu")
    compare_readings(study, settings_of(study), slots, control, cluster=None)


def test_a_study_keeps_how_its_readings_agree_and_shows_it_with_the_supernet(read, storage):
    compare(read)
    record = agreement_of(read.user_attrs)
    assert [order.name for order in record.orders] == ["supernet", "MACs", "blocks"]
    assert record.orders[0].tau == 1.0
    assert record.read == {}
    supernet = result_of(read).supernet
    assert supernet is not None
    assert supernet.compared == 9
    said = "9 networks read; Kendall with 9 trainings: supernet 1.00 (0."
    assert said in supernet.lines[1]
    with Store(storage.url) as store:
        findings = FindingsCollector(read._storage, store).of(read)
    assert said in study_note(findings)
    assert result_of(read).to_json()["supernet"]["agreement"][0]["name"] == "supernet"


def test_what_was_trained_and_not_read_is_left_out_where_the_supernet_is_gone(read):
    expected = ExpectedValues(source="supernet", codes=[], values=[], budgets=(), about=ABOUT)
    store_expected(read, expected)
    compare(read)
    assert agreement_of(read.user_attrs).trials == ()


@pytest.mark.slow
def test_a_worker_reads_given_networks_as_the_evaluator_does(tiny_prices, tmp_path: Path):
    splits = open_images("digits", seed=0, cache=None)
    shared = SharedWeights(tiny_prices.codes.space, num_classes=10, in_channels=1, seed=1)
    recipe = SupernetRecipe(name="s", training=Recipe(name="s", epochs=1, precision="fp32"))
    write_supernet(tmp_path / SUPERNET, shared, splits, recipe, band=None, seed=0)
    codes = fitting_codes(tiny_prices, np.random.default_rng(0), 2, ())
    networks = [tiny_prices.codes.at(code) for code in codes]
    config = ReadingConfig(
        weights=str(tmp_path / SUPERNET),
        architectures=[network.to_json() for network in networks],
        data="digits",
        data_seed=0,
        cache=None,
        metric="accuracy",
    )
    import torch

    own = read_networks(shared, networks, splits, recipe.training, device=torch.device("cpu"))
    assert run_reading(config.to_json(), print) == {"values": [value.accuracy for value in own]}
