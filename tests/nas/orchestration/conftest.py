"""A study whose networks can be retrained."""

from pathlib import Path

import numpy as np
import optuna
import pytest

from nas.study import study as studies
from nas.study import trial_attributes
from nas.study.settings import Settings
from search_spaces.budget import Budget
from search_spaces.sampling import fitting_codes
from tests.nas.opened import opened
from trials.datasets import open_images


@pytest.fixture
def searched(storage, tiny_prices, tmp_path: Path) -> optuna.Study:
    """A study of three networks of the tiny space that says it trained them on digits."""
    splits = open_images("digits", seed=0, cache=None)
    study = studies.begin(
        storage,
        "mine",
        Settings(
            space="tiny",
            space_digest="0",
            budgets=(Budget.parse("9M-MACs"),),
            data="digits",
            data_fingerprint=splits.fingerprint,
            recipe={"name": "proxy", "epochs": 1},
            sampler="random",
            seed=0,
        ),
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images={
            "classes": list(splits.classes),
            "channels": 1,
            "mean": list(splits.mean),
            "std": list(splits.std),
        },
        folder=str(tmp_path / "runs" / "mine"),
    )
    networks = tiny_prices.codes
    for number, code in enumerate(fitting_codes(tiny_prices, np.random.default_rng(0), 3, ())):
        trial = study.ask()
        costs = tiny_prices.costs(code[None])[0]
        trial_attributes.describe(opened(study), trial.number, networks.at(code), costs, [-0.5])
        trial.report(0.5 + 0.1 * number, 1)
        study.tell(trial, 0.5 + 0.1 * number)
    return study
