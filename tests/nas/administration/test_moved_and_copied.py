"""A project is moved and copied, and what is done in one place harms nothing in another."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from nas.administration import renaming, study_admin
from nas.files.locating import files_of
from nas.files.ownership import claimed
from nas.storage.optuna_storage import open_storage
from nas.study.places import FOLDER, MARK, folder_of
from nas.study.study import begin, find, settings_of
from tests.nas.study.test_study import SETTINGS

WEIGHTS = "trials/00000/weights.safetensors"


def silent(_: str) -> None:
    """Say nothing."""


@pytest.fixture(params=["beside", "elsewhere", "url", "url below"])
def runs(request, tmp_path: Path) -> str:
    """Where the files of studies are: below the database's folder, elsewhere, or behind a URL."""
    return {
        "beside": str(tmp_path / "first" / "nas-runs"),
        "elsewhere": str(tmp_path / "disk" / "runs"),
        "url": f"file://{tmp_path}/bucket/runs",
        "url below": f"file://{tmp_path}/first/bucket",
    }[request.param]


def copy_database(source: Path, to: Path) -> None:
    """Copy an SQLite file with what its write-ahead log holds."""
    with closing(sqlite3.connect(source)) as kept, closing(sqlite3.connect(to)) as copy:
        kept.backup(copy)


def url_of(project: Path) -> str:
    return f"sqlite:///{project / 'nas.db'}"


def study_in(project: Path) -> optuna.Study:
    return find(open_storage(url_of(project)), "mine")


def searched(project: Path, runs: str) -> optuna.Study:
    """Begin a study in a project, with a trained network and its weights."""
    project.mkdir(parents=True, exist_ok=True)
    (project / "photos").mkdir(exist_ok=True)
    study = begin(
        open_storage(url_of(project)),
        "mine",
        replace(SETTINGS, data=str(project / "photos")),
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images={"classes": ["a", "b"], "channels": 1, "mean": [0.5], "std": [0.5]},
        folder=f"{runs}/mine",
    )
    files = claimed(study, silent)
    study.add_trial(optuna.trial.create_trial(value=0.5))
    files.write(WEIGHTS, "trained")
    return study


def has_weights(project: Path) -> bool:
    return files_of(study_in(project)).exists(WEIGHTS)


def test_deleting_in_a_copy_leaves_the_original_as_it_was(tmp_path: Path, runs: str):
    first, copy = tmp_path / "first", tmp_path / "copy"
    searched(first, runs)
    shutil.copytree(first, copy)
    assert has_weights(copy)
    study_admin.delete(open_storage(url_of(copy)), "mine")
    assert has_weights(first)
    assert study_admin.delete(open_storage(url_of(first)), "mine") == ()
    assert not list(tmp_path.rglob("*.safetensors"))


def test_deleting_in_a_copy_of_the_database_alone_leaves_the_files_and_says_so(tmp_path: Path, runs: str):
    first, copy = tmp_path / "first", tmp_path / "copy"
    place = folder_of(searched(first, runs))
    copy.mkdir()
    copy_database(first / "nas.db", copy / "nas.db")
    copy_database(first / "nas.db", first / "backup.db")
    if "first/bucket" not in runs:  # a URL below the database's folder is one beside the copy
        assert has_weights(copy)
        assert study_admin.delete(open_storage(url_of(copy)), "mine") == (place,)
    assert place in study_admin.delete(open_storage(f"sqlite:///{first / 'backup.db'}"), "mine")
    assert has_weights(first)


def test_a_copy_whose_file_happens_to_have_the_same_number_is_still_a_copy(tmp_path: Path):
    study = searched(tmp_path / "first", str(tmp_path / "disk"))
    copy = tmp_path / "copy"
    copy.mkdir()
    copy_database(tmp_path / "first" / "nas.db", copy / "nas.db")
    mark = Path(folder_of(study)) / MARK
    number = (copy / "nas.db").stat().st_ino  # as in another file system, which counts its own files
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "inode": number}))
    study_admin.delete(open_storage(url_of(copy)), "mine")
    assert has_weights(tmp_path / "first")


def test_a_moved_project_finds_its_files_and_deletes_them(tmp_path: Path, runs: str):
    searched(tmp_path / "first", runs)
    (tmp_path / "deep").mkdir()
    moved = (tmp_path / "first").rename(tmp_path / "deep" / "moved")
    assert has_weights(moved)
    assert settings_of(study_in(moved)).data == str(moved / "photos")
    assert claimed(study_in(moved), pytest.fail).exists(WEIGHTS)
    assert study_admin.delete(open_storage(url_of(moved)), "mine") == ()
    assert not list(tmp_path.rglob("*.safetensors"))


def test_a_search_in_a_copy_goes_on_with_files_of_its_own(tmp_path: Path, runs: str):
    first, copy = tmp_path / "first", tmp_path / "copy"
    searched(first, runs)
    shutil.copytree(first, copy)
    said: list[str] = []
    files = claimed(study_in(copy), said.append)
    assert files.location != folder_of(study_in(first))
    assert folder_of(study_in(copy)) == files.location
    assert len(said) == (0 if "first" in runs else 1)
    files.write(WEIGHTS, "trained longer")
    with files_of(study_in(first)).fetched(WEIGHTS) as kept:
        assert kept.read_text() == "trained"
    assert claimed(study_in(copy), pytest.fail).location == files.location
    study_admin.delete(open_storage(url_of(copy)), "mine")
    assert has_weights(first)


def test_renaming_in_a_copy_leaves_the_folder_of_the_original(tmp_path: Path, runs: str):
    first, copy = tmp_path / "first", tmp_path / "copy"
    searched(first, runs)
    shutil.copytree(first, copy)
    renaming.rename(open_storage(url_of(copy)), "mine", "yours")
    assert has_weights(first)
    renamed = find(open_storage(url_of(copy)), "yours")
    assert files_of(renamed).exists(WEIGHTS)
    study_admin.delete(open_storage(url_of(copy)), "yours")
    assert has_weights(first)


@pytest.mark.parametrize("taken", [False, True], ids=["free", "taken"])
def test_a_copy_of_the_database_finds_the_files_of_a_renamed_study_and_no_others(tmp_path: Path, taken: bool):
    first, copy = tmp_path / "first", tmp_path / "copy"
    searched(first, str(first / "nas-runs"))
    early = tmp_path / "early"
    for project in (early, copy):
        project.mkdir()
    copy_database(first / "nas.db", early / "nas.db")
    renaming.rename(open_storage(url_of(first)), "mine", "yours")
    if taken:  # by a study that was begun later
        searched(first, str(first / "nas-runs"))
    copy_database(first / "nas.db", copy / "nas.db")
    renamed = find(open_storage(url_of(copy)), "yours")
    assert Path(folder_of(renamed)) == first / "nas-runs" / "yours"
    assert files_of(renamed).exists(WEIGHTS)
    assert not has_weights(early)  # it was made before the renaming, and the old folder is another's


@pytest.mark.parametrize("where", ["aside", "above"])
def test_a_copy_of_a_study_with_a_whole_path_deletes_its_own_files_alone(tmp_path: Path, where: str):
    """Earlier versions stored whole paths and wrote no mark."""
    first = tmp_path / "home" / "first"
    study = searched(first, str(first / "nas-runs"))
    (first / "nas-runs" / "mine" / MARK).unlink()
    study.set_user_attr(FOLDER, str(first / "nas-runs" / "mine"))
    copy = tmp_path / "home" if where == "above" else tmp_path / "copy"
    shutil.copytree(first, copy, dirs_exist_ok=True)
    assert Path(folder_of(study_in(copy))) == copy / "nas-runs" / "mine"
    study_admin.delete(open_storage(url_of(copy)), "mine")
    assert not (copy / "nas-runs" / "mine").exists()
    assert has_weights(first)
    copy_database(first / "nas.db", copy / "nas.db")  # now without its files
    assert study_admin.delete(open_storage(url_of(copy)), "mine") == (str(first / "nas-runs" / "mine"),)
    assert has_weights(first)
    assert study_admin.delete(open_storage(url_of(first)), "mine") == ()
    assert not has_files(first / "nas-runs")


def has_files(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))


def test_a_link_to_the_folder_of_another_project_is_followed_and_spared(tmp_path: Path):
    first, copy = tmp_path / "first", tmp_path / "copy"
    searched(first, str(first / "nas-runs"))
    copy.mkdir()
    copy_database(first / "nas.db", copy / "nas.db")
    (copy / "nas-runs").symlink_to(first / "nas-runs")
    study_admin.delete(open_storage(url_of(copy)), "mine")
    assert has_weights(first)


def test_a_mark_that_cannot_be_read_protects_the_folder(tmp_path: Path):
    project = tmp_path / "first"
    study = searched(project, str(project / "nas-runs"))
    place = folder_of(study)
    (Path(place) / MARK).write_text("{")
    assert study_admin.delete(open_storage(url_of(project)), "mine") == (place,)


def test_the_mark_says_whose_the_folder_is_and_the_path_is_relative(tmp_path: Path):
    project = tmp_path / "first"
    study = searched(project, str(project / "nas-runs"))
    mark = json.loads((project / "nas-runs" / "mine" / MARK).read_text())
    assert (mark["version"], mark["study"], mark["database"]) == (1, "mine", "../../nas.db")
    assert study.user_attrs[FOLDER] == "./nas-runs/mine"
    assert study.user_attrs["nas:settings"]["data"] == "./photos"
