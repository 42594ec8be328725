"""A searched study with a latency budget, and measurements that are written without measuring."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import RDBStorage

from nas.storage.records import Measurement
from nas.storage.store import Store
from nas.study import study as studies
from nas.study import trial_attributes
from nas.study.settings import Settings
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.sampling import fitting_codes
from tests.nas.opened import opened
from trials.latency.latency import Latency

Measure = Callable[..., None]
BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def latency(ms: float, *, stable: bool = True) -> Latency:
    """Return a latency on the CPU that is known to one per cent."""
    return Latency(
        median_ms=ms,
        low_ms=0.99 * ms,
        high_ms=1.01 * ms,
        p90_ms=1.1 * ms,
        stable=stable,
        conditions={"target": "cpu"},
    )


def architecture_of(study: optuna.Study, trial: int) -> Architecture:
    return trial_attributes.architecture_of(study.get_trials(deepcopy=False)[trial])


@pytest.fixture
def searched(storage: RDBStorage, tiny_prices, tmp_path: Path) -> optuna.Study:
    """A study of three networks, of which #2 was the most accurate and all met 5 ms before training."""
    study = studies.begin(
        storage,
        "mine",
        Settings(
            space="tiny",
            space_digest="0",
            budgets=(Budget.parse("9M-MACs"), Budget.parse("5ms@cpu")),
            data="digits",
            data_fingerprint="0",
            recipe={"name": "proxy", "epochs": 1},
            sampler="random",
            seed=0,
        ),
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images={"classes": list("0123456789"), "channels": 1, "mean": [0.3], "std": [0.3]},
        folder=str(tmp_path / "runs" / "mine"),
    )
    networks = tiny_prices.codes
    for number, code in enumerate(fitting_codes(tiny_prices, np.random.default_rng(0), 3, ())):
        trial = study.ask()
        costs = tiny_prices.costs(code[None])[0]
        trial_attributes.describe(opened(study), trial.number, networks.at(code), costs, [-0.5, -0.2])
        trial.report(0.5 + 0.1 * number, 1)
        study.tell(trial, 0.5 + 0.1 * number)
    return study


@pytest.fixture
def measure(searched: optuna.Study, storage: RDBStorage) -> Measure:
    """Return a function that stores a latency of a network, measured some hours after the search."""

    def store(trial: int, ms: float, *, hours: float = 1.0, stable: bool = True) -> None:
        measurement = Measurement(
            architecture=architecture_of(searched, trial),
            num_classes=10,
            in_channels=1,
            latency=latency(ms, stable=stable),
            measured_at=BEGUN + timedelta(hours=hours),
        )
        with Store(str(storage.url)) as tables:
            tables.add_measurement(measurement)

    return store
