"""A search's winner learns from a network by name, and what that said lives as long as a study uses it."""

import json
from pathlib import Path

import optuna
import pytest

import nas
from nas.administration import study_admin
from nas.files.study_images import image_cache_of
from nas.orchestration.teacher_choice import taught, typed
from nas.study.places import folder_of
from nas.study.reproduce_command import search_command
from nas.study.retrained import final
from nas.study.settings import Settings
from nas.study.study import find
from search_spaces.errors import RecipeError, StudyError
from tests.nas.study.test_study import SETTINGS
from trials.training.output_folders import FOLDER
from trials.training.recipe import Recipe

RECIPE = Recipe(name="longer", epochs=2)
QUICK = (
    "epochs: 1\nbatch_size: 256\nprecision: fp32\nrecalibration_batches: 1\nwarmup_epochs: 0\nshift: 0.1\n"
)


@pytest.fixture
def url(searched: optuna.Study, tmp_path: Path, monkeypatch) -> str:
    assert searched.study_name == "mine"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick.yaml").write_text(QUICK)
    return f"sqlite:///{tmp_path / 'nas.db'}"


def again(url: str, trial: int, **options):
    lines: list[str] = []
    nas.retrain("mine", trial=trial, recipe="quick.yaml", storage=url, report_line=lines.append, **options)
    return lines


@pytest.mark.slow
def test_a_winner_learns_from_an_exported_network_whose_word_is_kept(url: str, storage, tmp_path: Path):
    again(url, 0)
    nas.export("mine", to=tmp_path / "net", trial=0, storage=url, name="net")
    lines = again(url, 1, teacher="net/net.onnx")
    (said,) = [line for line in lines if line.startswith("Teacher  ")]
    assert "asked once about each image of 1 epochs" in said
    study = find(storage, "mine")
    retrained = final(study, 1)
    assert retrained is not None
    assert retrained.recipe["augmentation_seed"] == 0
    assert retrained.teacher == str(tmp_path / "net" / "net.onnx")
    config = json.loads((tmp_path / "net" / "config.json").read_text())
    assert config["label_names"]
    outputs = image_cache_of(study) / FOLDER
    (folder,) = outputs.iterdir()
    about = json.loads((folder / "about.json").read_text())
    assert about["augmentation_seed"] == 0
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("epoch*")}
    again(url, 2, teacher=str(tmp_path / "net" / "net.onnx"))  # sees the same images, so nothing is asked
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("epoch*")} == before
    for teacher in ("net", "mine#0"):  # the same network, by another name and with other bytes
        again(url, 1, teacher=teacher)
    assert len(list(outputs.iterdir())) == 2
    study_admin.delete(storage, "mine")
    assert not outputs.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("teacher", "expected"),
    [
        ("mine#9", "9"),
        ("yours#1", "yours"),
        ("absent.onnx", "absent.onnx"),
        ("nobody", "may also be an .onnx file"),
        ("mine#1", "expected its weights on this machine"),
    ],
)
def test_a_teacher_that_is_not_there_is_told_before_anything_is_written(url, storage, teacher, expected):
    with pytest.raises((RecipeError, StudyError), match=expected) as caught:
        again(url, 0, teacher=teacher)
    assert "\n" not in str(caught.value)
    assert not Path(folder_of(find(storage, "mine"))).exists()


def test_a_search_with_a_teacher_is_another_study_and_its_command_names_it(storage, tmp_path: Path):
    from dataclasses import replace

    from nas.study import study as studies

    own = replace(SETTINGS, teacher=str(tmp_path / "net.onnx"))
    assert own.default_name() == f"{SETTINGS.default_name()}-taught-by-net.onnx"
    assert SETTINGS.difference(own) == f"its teacher is 'none', not '{tmp_path / 'net.onnx'}'"
    assert "teacher" not in SETTINGS.to_json()
    assert Settings.from_json(own.to_json()) == own
    study = studies.begin(
        storage,
        "mine",
        own,
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images={"classes": ["a", "b"], "channels": 1, "mean": [0.5], "std": [0.5]},
        folder=str(tmp_path / "runs" / "mine"),
    )
    assert f"--teacher {tmp_path / 'net.onnx'}" in search_command(study, trained=1)
    assert str(tmp_path) not in str(
        study.user_attrs["nas:settings"]["teacher"]
    )  # moved along with the project


def test_a_recipes_own_seed_of_augmentation_is_kept(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'nas.db'}"
    own = Recipe.from_json({**RECIPE.to_json(), "augmentation_seed": 5})
    assert taught(own, "a:b", url).augmentation_seed == 5
    assert taught(RECIPE, "a:b", url).augmentation_seed == 0
    assert taught(RECIPE, None, url) == RECIPE
    assert typed("a:b", "sqlite:///none.db") == "a:b"
    assert typed("net.onnx", "sqlite:///none.db") == str(Path.cwd() / "net.onnx")
