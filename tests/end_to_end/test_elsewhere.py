"""A search to a URL, killed in mid-training, goes on in a folder that has none of its files."""

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from safetensors.torch import load_file

import nas
from nas.administration.consistency import findings
from nas.storage.optuna_storage import open_storage
from nas.study.places import folder_of
from nas.study.study import find
from tests.chaos import havoc

IMAGES = 800  # so that an epoch takes long enough to be killed in
REACHED = havoc.EPOCHS - 1


def half_trained(trials):
    return {
        trial.number: trial.intermediate_values
        for trial in trials
        if trial.state.name == "RUNNING" and len(trial.intermediate_values) == REACHED
    }


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_search_goes_on_and_exports_where_none_of_its_files_are(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    here, elsewhere, there = tmp_path / "here", tmp_path / "elsewhere", f"file://{tmp_path}/there"
    for folder in (here, elsewhere):
        folder.mkdir()
        havoc.furnish(folder, IMAGES)
    first, second = (f"sqlite:///{folder}/nas.db" for folder in (here, elsewhere))
    process = havoc.started(here, first, 2, "--storage-path", there)
    deadline = time.monotonic() + havoc.LIMIT_S
    while not half_trained(havoc.trials_of(first)):
        assert time.monotonic() < deadline
        assert process.poll() is None, (here / "err.txt").read_text()
        time.sleep(0.1)
    havoc.kill_all(process)
    before = havoc.trials_of(first)
    assert half_trained(before)
    with (
        closing(sqlite3.connect(here / "nas.db")) as kept,
        closing(sqlite3.connect(elsewhere / "nas.db")) as copy,
    ):
        kept.backup(copy)
    shutil.rmtree(here)

    process = havoc.started(elsewhere, second, 2)  # the study knows where its files lie
    process.communicate(timeout=havoc.LIMIT_S)
    assert process.returncode == 0, (elsewhere / "err.txt").read_text()
    after = havoc.trials_of(second)
    havoc.check_counts(after, 2, havoc.finished(before))
    for number, curve in half_trained(before).items():
        assert {step: after[number].intermediate_values[step] for step in curve} == curve
    storage = open_storage(second)
    study = find(storage, "chaos")
    assert folder_of(study) == f"{there}/chaos"
    assert findings(study, second) == ()
    assert not (elsewhere / "nas-runs" / "chaos" / "trials").exists()
    storage.engine.dispose()
    exported = nas.export("chaos", to=elsewhere / "my_net", storage=second)
    assert load_file(next(path for path in exported if path.suffix == ".safetensors"))
