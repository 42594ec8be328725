"""A small priced space and real studies on disk."""

from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage


@pytest.fixture(scope="session")
def tiny_prices():
    from search_spaces.architecture import options_of
    from search_spaces.menu import StageSpace
    from search_spaces.pricing import Prices
    from search_spaces.space import SearchSpace

    block: dict[str, tuple[str | int | float | bool | None, ...]] = {
        "mixer": ("depthwise", "attention"),
        "kernel": (3, 5),
        "expansion": (1, 2),
    }
    space = SearchSpace(
        name="tiny",
        resolution=(8, 16),
        width=(1.0, 2.0),
        conv_depth=(0.5, 1.0, 2.0),
        attention_depth=(0.5, 1.0, 2.0),
        options=options_of({"stem_channels": 16, "stem_stride": 1, "head_channels": 0}),
        stages=(
            StageSpace(channels=16, depth=(1,), stride=2, options=block),
            StageSpace(channels=32, depth=(2,), stride=2, options=block),
        ),
    )
    return Prices(space, num_classes=10, in_channels=1)


@pytest.fixture
def storage(tmp_path: Path) -> RDBStorage:
    from nas.storage.opening import open_storage

    return open_storage(f"sqlite:///{tmp_path / 'nas.db'}")


@pytest.fixture
def study(storage: RDBStorage) -> optuna.Study:
    return optuna.create_study(
        storage=storage,
        study_name="tiny",
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2),
    )
