"""A study with a folder of checkpoints, begun without a search."""

from pathlib import Path

import optuna
import pytest

from nas.study import study as studies
from tests.nas.study.test_study import SETTINGS


@pytest.fixture
def kept(storage, tmp_path: Path):
    def make(name: str) -> Path:
        folder = tmp_path / "runs" / name
        (folder / "trials" / "00000").mkdir(parents=True)
        (folder / "trials" / "00000" / "checkpoint.pt").write_bytes(b"x" * 5_000)
        studies.begin(
            storage,
            name,
            SETTINGS,
            sampler=optuna.samplers.RandomSampler(),
            pruner=optuna.pruners.NopPruner(),
            images={"classes": ["a", "b"], "channels": 1, "mean": [0.5], "std": [0.5]},
            folder=str(folder),
        )
        return folder

    return make
