"""The best few keep their weights, what runs keeps its checkpoint, the rest goes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import Trial, TrialState

from dashboards.network_filters import unbeaten
from dashboards.result import best_first
from nas.files.checkpoint_retention import CheckpointRetention
from nas.files.local_files import LocalFiles
from nas.files.trial_artifacts import TrialArtifacts
from nas.study import posterior, trial_attributes
from nas.study import study as studies
from nas.study.posterior import StoredPosterior
from nas.study.results import result_of
from search_spaces.sampling import fitting_codes
from tests.nas.opened import opened
from tests.nas.study.test_study import SETTINGS
from trials.training.file_names import CHECKPOINT, WEIGHTS

COMPLETE, PRUNED, FAIL, RUNNING = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL, TrialState.RUNNING
ENDS = [(COMPLETE, 0.7), (COMPLETE, 0.9), (PRUNED, 0.5), (COMPLETE, 0.8), (FAIL, 0.1), (RUNNING, 0.2)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "mine"


@pytest.fixture
def ended(storage, tiny_prices, folder: Path) -> optuna.Study:
    study = studies.begin(
        storage,
        "mine",
        SETTINGS,
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images={"classes": ["a", "b"], "channels": 1, "mean": [0.5], "std": [0.5]},
        folder=str(folder),
    )
    artifacts = TrialArtifacts(LocalFiles(folder), num_classes=2, in_channels=1)
    codes = fitting_codes(tiny_prices, np.random.default_rng(0), len(ENDS), ())
    for code, (state, accuracy) in zip(codes, ENDS, strict=True):
        trial, architecture = study.ask(), tiny_prices.codes.at(code)
        trial_attributes.describe(
            opened(study), trial.number, architecture, tiny_prices.costs(code[None])[0], [-0.5]
        )
        trial.report(accuracy, 1)
        artifacts.begin(opened(study), trial.number, architecture)
        place = folder / "trials" / f"{trial.number:05d}"
        (place / CHECKPOINT).write_bytes(b"c" * 3_000)
        if state == COMPLETE:
            (place / WEIGHTS).write_bytes(b"w" * 1_000)
        if state in {COMPLETE, PRUNED}:
            artifacts.end(opened(study), trial.number)
        if state != RUNNING:
            study.tell(trial, accuracy if state == COMPLETE else None, state=state)
    return study


def left(folder: Path) -> dict[int, set[str]]:
    return {
        int(place.name): {f.name for f in place.iterdir()} & {WEIGHTS, CHECKPOINT}
        for place in (folder / "trials").iterdir()
    }


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (1, {1: {WEIGHTS}}),
        (2, {1: {WEIGHTS}, 3: {WEIGHTS}}),
        (4, {0: {WEIGHTS}, 1: {WEIGHTS}, 2: {CHECKPOINT}, 3: {WEIGHTS}}),
    ],
)
def test_the_best_few_keep_their_weights_and_what_runs_its_checkpoint(
    ended: optuna.Study, folder: Path, kept: int, expected: dict[int, set[str]]
):
    CheckpointRetention(opened(ended), LocalFiles(folder), kept=kept).sweep_all(result_of(ended).networks)
    assert {number: names for number, names in left(folder).items() if names} == {5: {CHECKPOINT}, **expected}
    weights = [f for f in (folder / "artifacts").iterdir() if f.read_bytes()[:1] in {b"w", b"c"}]
    assert len(weights) == len(expected)  # no other name keeps what was removed on the disk


def test_what_a_network_is_stays_when_its_weights_go(ended: optuna.Study, folder: Path):
    CheckpointRetention(opened(ended), LocalFiles(folder), kept=1).sweep_all(())
    assert all((place / "architecture.json").exists() for place in (folder / "trials").iterdir())


def test_sweeps_in_turn_keep_what_one_sweep_keeps(
    ended: optuna.Study, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("nas.files.checkpoint_retention._RESERVE", 2)
    checkpoints = CheckpointRetention(opened(ended), LocalFiles(folder), kept=1)
    checkpoints.sweep()
    (running,) = (t for t in ended.get_trials(deepcopy=False) if t.state == RUNNING)
    (folder / "trials" / f"{running.number:05d}" / WEIGHTS).write_bytes(b"w" * 1_000)
    Trial(ended, running._trial_id).report(0.85, 2)
    ended.tell(running.number, 0.85)
    checkpoints.sweep()
    assert {n: names for n, names in left(folder).items() if names} == {1: {WEIGHTS}, 5: {WEIGHTS}}


def test_while_a_search_goes_on_every_network_that_may_win_keeps_its_weights(
    ended: optuna.Study, folder: Path
):
    checkpoints = CheckpointRetention(opened(ended), LocalFiles(folder), kept=1)
    checkpoints.sweep()
    assert all(WEIGHTS in left(folder)[number] for number in (0, 1, 3))
    missed = [replace(n, fits=n.trial != 1) for n in result_of(ended).networks]
    checkpoints.sweep_all(best_first(missed))
    kept = {n for n, names in left(folder).items() if WEIGHTS in names}
    assert kept == {3, *(n.trial for n in unbeaten(missed))}
    assert 1 not in kept


def test_the_best_by_expectation_and_the_best_by_its_own_value_keep_their_weights(
    ended: optuna.Study, folder: Path
):
    posterior.store(ended, StoredPosterior({0: (0.69, 0.02), 1: (0.75, 0.02), 3: (0.78, 0.02)}))
    CheckpointRetention(opened(ended), LocalFiles(folder), kept=1).sweep_all(result_of(ended).networks)
    assert {n for n, names in left(folder).items() if WEIGHTS in names} == {1, 3}


def test_what_is_written_after_a_trial_was_swept_goes_in_the_end(ended: optuna.Study, folder: Path):
    checkpoints = CheckpointRetention(opened(ended), LocalFiles(folder), kept=1)
    checkpoints.sweep()
    late = folder / "trials" / "00002" / CHECKPOINT
    late.write_bytes(b"c")
    checkpoints.sweep_all(result_of(ended).networks)
    assert not late.exists()


def test_networks_on_the_pareto_front_keep_their_weights_however_many_are_better(
    ended: optuna.Study, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("nas.files.checkpoint_retention._RESERVE", 1)
    found = result_of(ended).networks
    smallest = [replace(n, costs={**n.costs, "macs": 1} if n.trial == 0 else n.costs) for n in found]
    assert 0 in {n.trial for n in unbeaten(smallest)}
    monkeypatch.setattr("nas.files.checkpoint_retention.networks_of", lambda *_: tuple(smallest))
    checkpoints = CheckpointRetention(opened(ended), LocalFiles(folder), kept=1)
    checkpoints.sweep()
    assert WEIGHTS in left(folder)[0]
    checkpoints.sweep_all(smallest)
    assert {n.trial for n in unbeaten(smallest)} == {
        n for n, names in left(folder).items() if WEIGHTS in names
    }
