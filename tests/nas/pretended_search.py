"""Stores searches of digits that have trained nothing."""

from pathlib import Path
from typing import Any

import optuna
from optuna.storages import RDBStorage

from nas.storage.optuna_storage import open_storage
from nas.study import study as studies
from nas.study import trial_attributes
from nas.study.settings import Settings
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.counting import count
from tests.nas.opened import opened
from trials.datasets import open_images


def pretend_search(folder: Path, network: Architecture, budget: Budget, **settings: Any) -> None:
    """Store the search ``mine`` in the database ``nas.db`` of a folder.

    Args:
        folder: Where the database lies, and the files of the search.
        network: What it found, below its budget.
        budget: Its budget.
        settings: Fields of `Settings` with other values than the default ones.
    """
    storage = open_storage(f"sqlite:///{folder}/nas.db")
    study = begun_on_digits(storage, folder / "nas-runs" / "mine", budget, **settings)
    trial = study.ask()
    costs = count(network, num_classes=10, in_channels=1, deploy=True)
    trial_attributes.describe(opened(study), trial.number, network, costs, [-0.01])
    trial.report(0.5, 1)
    study.tell(trial, 0.5)


def begun_on_digits(storage: RDBStorage, folder: Path, budget: Budget, **settings: Any) -> optuna.Study:
    """Return the search ``mine`` of digits, which has tried nothing yet.

    Args:
        storage: Where it is stored.
        folder: Where its files lie.
        budget: Its budget.
        settings: Fields of `Settings` with other values than the default ones.
    """
    splits = open_images("digits", seed=0, cache=None)
    return studies.begin(
        storage,
        "mine",
        Settings(
            space="tiny",
            space_digest="0",
            budgets=(budget,),
            data="digits",
            data_fingerprint=splits.fingerprint,
            recipe={"name": "proxy", "epochs": 1},
            sampler="random",
            seed=0,
            **settings,
        ),
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images={
            "classes": list(splits.classes),
            "channels": 1,
            "mean": list(splits.mean),
            "std": list(splits.std),
        },
        folder=str(folder),
    )
