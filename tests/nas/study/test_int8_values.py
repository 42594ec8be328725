"""What the int8 forms of networks reach is stored beside what they reach in fp32, and is their value."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
import pytest

import search_spaces
from nas.administration.consistency import _of_trial
from nas.study import trial_attributes
from nas.study.int8_values import int8_drop, value_of
from nas.study.opened_study import OpenedStudy
from search_spaces.loading import load

EPOCH = {"epoch": 1, "accuracy": 0.9, "standard_error": 0.01, "macro_f1": 0.8, "macro_f1_error": 0.02}
INT8 = {"accuracy": 0.87, "standard_error": 0.012, "macro_f1": 0.7, "macro_f1_error": 0.03}


@pytest.fixture
def opened() -> OpenedStudy:
    storage = optuna.storages.InMemoryStorage()
    return OpenedStudy(optuna.create_study(storage=storage, direction="maximize"), storage)


def told(opened: OpenedStudy, epoch: Mapping[str, Any], metric: str = "accuracy") -> optuna.trial.FrozenTrial:
    """Return a trial of one epoch, told as a search tells it."""
    number = opened.study.ask().number
    space = load("hybrid_small")
    network = space.sample(np.random.default_rng(0))
    costs = search_spaces.count(network, num_classes=10, in_channels=3)
    trial_attributes.describe(opened, number, network, costs, [-0.5])
    whole = {**epoch, "seconds": 1.0}
    trial_attributes.report_epoch(opened, opened.stored_trial(number), whole, now_s=0.0, metric=metric)
    opened.study.tell(number, value_of(opened.stored_trial(number)))
    return opened.stored_trial(number)


def test_the_value_is_that_of_the_int8_form_and_fp32_stays_beside_it(opened: OpenedStudy) -> None:
    trial = told(opened, {**EPOCH, "int8": INT8})
    network = trial_attributes.network_of(trial)
    assert trial.value == 0.87
    assert trial.intermediate_values == {1: 0.9}
    assert (network.accuracy, network.standard_error, network.fp32_accuracy) == (0.87, 0.012, 0.9)
    assert network.int8_drop == int8_drop(trial) == pytest.approx(0.03)
    assert network.to_json()["int8_drop"] == network.int8_drop
    assert not list(_of_trial(trial))


def test_a_study_of_an_earlier_version_with_values_in_fp32_is_sound(opened: OpenedStudy) -> None:
    trial = told(opened, {**EPOCH, "int8": INT8})
    trial.value = 0.9
    assert not list(_of_trial(trial))
    trial.value = 0.8
    assert list(_of_trial(trial)) == ["its value is not that of its last epoch; another program wrote it"]


def test_it_is_of_the_metric_of_the_search(opened: OpenedStudy) -> None:
    network = trial_attributes.network_of(told(opened, {**EPOCH, "int8": INT8}, "macro_f1"))
    assert (network.accuracy, network.standard_error, network.fp32_accuracy) == (0.7, 0.03, 0.8)


def test_networks_that_are_deployed_in_fp32_have_none_of_its_keys(opened: OpenedStudy) -> None:
    trial = told(opened, EPOCH)
    network = trial_attributes.network_of(trial)
    assert not [name for name in trial.user_attrs if "int8" in name]
    assert (network.accuracy, network.fp32_accuracy, network.int8_drop) == (0.9, None, None)
    assert not {"fp32_accuracy", "int8_drop"} & set(network.to_json())
