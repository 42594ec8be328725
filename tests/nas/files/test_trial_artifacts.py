"""Artifacts are what Optuna itself lists, take no further room, and give way to newer exports."""

import json
from pathlib import Path

import optuna
import pytest
from optuna.artifacts import get_all_artifact_meta
from optuna.artifacts.exceptions import ArtifactNotFound

from dashboards.artifacts import ArtifactFolder, Artifacts
from nas.files.local_files import LocalFiles
from nas.files.trial_artifacts import TrialArtifacts
from tests.dashboards.searches import architectures
from tests.nas.opened import opened


@pytest.fixture
def artifacts(tmp_path: Path) -> TrialArtifacts:
    return TrialArtifacts(LocalFiles(tmp_path), num_classes=10, in_channels=1)


def names(holder: optuna.Trial | optuna.Study) -> list[str]:
    return [meta.filename for meta in get_all_artifact_meta(holder)]


def test_a_trial_has_its_picture_its_architecture_and_its_weights(
    artifacts: TrialArtifacts, study: optuna.Study, tmp_path: Path
):
    trial, (architecture,) = study.ask(), architectures(1)
    for _ in range(2):  # the second time as after a crash
        artifacts.begin(opened(study), trial.number, architecture)
    weights = tmp_path / "trials" / "00000" / "weights.safetensors"
    weights.write_bytes(b"weights")
    artifacts.end(opened(study), trial.number)
    assert sorted(names(trial)) == [
        "architecture.json",
        "network.svg",
        "weights.safetensors",
    ]
    store = Artifacts(lambda: [LocalFiles(tmp_path).artifacts()])
    ids = {m.filename: m.artifact_id for m in get_all_artifact_meta(trial)}
    with store.open_reader(ids["architecture.json"]) as file:
        assert json.load(file) == json.loads(architecture.to_json())
    assert (tmp_path / "artifacts" / ids["weights.safetensors"]).samefile(weights)


def test_an_export_is_attached_to_the_study_and_replaced_by_the_next(
    artifacts: TrialArtifacts, study: optuna.Study, tmp_path: Path
):
    exported = tmp_path / "my_net.py"
    for text in ("one", "two"):
        exported.write_text(text)
        artifacts.attach_export(study, (exported,))
    assert names(study) == ["my_net.py"]
    (meta,) = get_all_artifact_meta(study)
    kept = tmp_path / "artifacts" / meta.artifact_id
    assert kept.read_text() == "two"
    assert not kept.samefile(exported)  # a user edits what was exported


def test_nothing_outside_the_folders_is_handed_out(tmp_path: Path):
    (tmp_path / "secret").write_text("no")
    store = Artifacts(lambda: [ArtifactFolder(tmp_path / "artifacts")])
    for name in ("../secret", "secret", ".."):
        with pytest.raises(ArtifactNotFound):
            store.open_reader(name)
