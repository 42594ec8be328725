"""A training whose files lie behind a URL goes on anywhere, waits for outages, gives way to its successor."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import search_spaces
from nas.files.remote_files import RemoteFiles
from nas.files.remote_training import run_with_uploads
from tests.chaos import havoc
from trials.training.epoch_result import EpochResult
from trials.training.errors import SupersededError
from trials.training.file_names import CHECKPOINT, WEIGHTS
from trials.training.recipe import Recipe
from trials.training.run_trial import TrialConfig

pytestmark = pytest.mark.slow


class KilledError(Exception):
    """Stands for the end of a process: nothing after it runs."""


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    havoc.furnish(tmp_path)
    space, rng = search_spaces.load(str(tmp_path / "tiny.yaml")), np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(20)]
    smallest = min(drawn, key=lambda a: search_spaces.count(a, num_classes=3, in_channels=1).macs)
    return TrialConfig(
        architecture=smallest,
        num_classes=3,
        in_channels=1,
        data=str(tmp_path / "tiny.npz"),
        data_seed=0,
        recipe=Recipe(name="short", epochs=3, batch_size=64, recalibration_batches=1),
        seed=0,
        trial=0,
        threads=1,
        folder=str(tmp_path / "whole"),
    )


def files_in(url: str, tmp_path: Path) -> RemoteFiles:
    return RemoteFiles(url, tmp_path / "own")


def test_a_training_goes_on_from_what_is_behind_the_url(config, tmp_path):
    run_with_uploads(config, lambda _: None)  # in a folder, undisturbed
    url = f"file://{tmp_path}/there/trials/00000"
    first: list[EpochResult] = []

    def die(result: EpochResult) -> None:
        first.append(result)
        if result.epoch == 2:
            raise KilledError

    with pytest.raises(KilledError):
        run_with_uploads(replace(config, folder=url), die)
    assert [path.name for path in (tmp_path / "there" / "trials" / "00000").iterdir()] == [CHECKPOINT]
    again: list[EpochResult] = []
    run_with_uploads(replace(config, folder=url), again.append)
    assert again[:2] == first  # with the seconds that they took: they were not trained again
    assert [result.epoch for result in again] == [1, 2, 3]
    whole, there = tmp_path / "whole", tmp_path / "there" / "trials" / "00000"
    assert (there / WEIGHTS).read_bytes() == (whole / WEIGHTS).read_bytes()
    assert (there / f"{WEIGHTS}.sha256").read_bytes() == (whole / f"{WEIGHTS}.sha256").read_bytes()


def test_a_damaged_checkpoint_behind_the_url_begins_the_training_anew(config, tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    (there / CHECKPOINT).write_bytes(b"nas-ckp\x01 cut short")
    results: list[EpochResult] = []
    run_with_uploads(replace(config, folder=f"file://{there}"), results.append)
    assert [result.epoch for result in results] == [1, 2, 3]
    assert (there / WEIGHTS).exists()


def test_an_attempt_gives_way_to_a_later_one_and_writes_nothing_more(config, tmp_path):
    study = files_in(f"file://{tmp_path}/there", tmp_path)
    attempt = study.begin_attempt(0)
    there = tmp_path / "there" / "trials" / "00000"
    kept: list[bytes] = []

    def taken_over(_: EpochResult) -> None:
        study.begin_attempt(0)
        kept.append((there / CHECKPOINT).read_bytes())

    with pytest.raises(SupersededError):
        run_with_uploads(replace(config, folder=study.place("trials/00000"), attempt=attempt), taken_over)
    assert kept == [(there / CHECKPOINT).read_bytes()]


def test_a_server_that_goes_away_is_waited_for(config, tmp_path, sftp_of_its_own, caplog):
    url, server = sftp_of_its_own
    results: list[EpochResult] = []

    def outage(result: EpochResult) -> None:
        results.append(result)
        if result.epoch == 1:
            server.stop()
            threading.Timer(2.0, server.start).start()

    run_with_uploads(replace(config, folder=f"{url}/trials/00000"), outage)
    assert [result.epoch for result in results] == [1, 2, 3]
    assert "does not answer; retrying for up to 15 min" in caplog.text
    assert "answers again" in caplog.text
    study = files_in(url, tmp_path)
    assert set(study.sizes()) == {f"trials/00000/{n}" for n in (CHECKPOINT, WEIGHTS, f"{WEIGHTS}.sha256")}
