"""A small priced space, real studies on disk and real databases."""

import uuid
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage


@pytest.fixture(scope="session")
def tiny_prices():
    from search_spaces.architecture import options_of
    from search_spaces.pricing import Prices
    from search_spaces.space import SearchSpace
    from search_spaces.stage_choices import StageSpace

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
    return Prices(space.codes, num_classes=10, in_channels=1)


@pytest.fixture
def storage(tmp_path: Path) -> RDBStorage:
    from nas.storage.optuna_storage import open_storage

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


@pytest.fixture
def opened(study: optuna.Study):
    from tests.nas import opened as opening

    return opening.opened(study)


@pytest.fixture
def postgresql_database(postgresql):
    """Return the URL of an empty database in PostgreSQL."""
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(postgresql.replace("+psycopg", "") + "postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgresql + name


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """Return the URL of an empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/nas.db"
    return request.getfixturevalue("postgresql_database")
