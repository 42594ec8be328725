"""Studies are listed with their disk, renamed with their folder, and deleted with nothing else."""

from pathlib import Path

import optuna
import pytest

from nas.administration import study_admin
from nas.coordination.study_lock import study_lock
from nas.storage.store import Store
from nas.study import study as studies
from nas.study.places import folder_of
from search_spaces.errors import StudyError
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


def test_each_study_is_listed_with_the_disk_it_uses(storage, kept):
    kept("mine")
    optuna.create_study(storage=storage, study_name="foreign")
    (found,) = study_admin.study_summaries(storage)
    assert (found.study, found.budgets, found.trained, found.disk_bytes) == ("mine", ("1M-MACs",), 0, 5_000)
    assert found.accuracy is None


def test_a_renamed_study_keeps_its_trials_and_takes_its_folder_along(storage, kept):
    folder = kept("mine")
    studies.find(storage, "mine").ask()
    study_admin.rename(storage, "mine", "yours")
    found = studies.find(storage, "yours")
    assert len(found.get_trials()) == 1
    assert Path(folder_of(found)) == folder.with_name("yours")
    assert (folder.with_name("yours") / "trials" / "00000" / "checkpoint.pt").exists()
    assert not folder.exists()
    with pytest.raises(StudyError, match="No study is called 'mine'"):
        studies.find(storage, "mine")


@pytest.mark.parametrize(
    ("new", "expected"), [("yours", "is called 'yours' already"), ("../x", "Cannot call")]
)
def test_a_name_that_is_taken_or_no_name_is_refused_and_nothing_changes(
    storage, kept, new: str, expected: str
):
    folder = kept("mine")
    kept("yours")
    with pytest.raises(StudyError, match=expected):
        study_admin.rename(storage, "mine", new)
    assert folder.exists()
    assert folder_of(studies.find(storage, "mine")) == str(folder)


def test_a_deleted_study_leaves_other_studies_and_files_of_others_alone(storage, kept):
    folder, other = kept("mine"), kept("yours")
    (folder / "notes.txt").write_text("not ours")
    study_admin.delete(storage, "mine")
    assert [s.study for s in study_admin.study_summaries(storage)] == ["yours"]
    assert [f.name for f in folder.iterdir()] == ["notes.txt"]
    study_admin.delete(storage, "yours")
    assert not other.exists()


@pytest.mark.parametrize("change", [study_admin.delete, lambda s, name: study_admin.rename(s, name, "other")])
def test_a_study_that_is_being_searched_is_left_alone(storage, kept, change):
    folder = kept("mine")
    with study_lock(folder, "mine"), pytest.raises(StudyError, match="is being searched by process"):
        change(storage, "mine")
    assert (folder / "trials" / "00000" / "checkpoint.pt").exists()
    assert studies.find(storage, "mine")


def test_exports_follow_a_study_to_its_new_name(storage, kept):
    from datetime import UTC, datetime

    from nas.storage.records import Export
    from search_spaces.published import reference

    kept("mine")
    network = reference("mobilenet_v2_1.0_224")
    export = Export(
        architecture=network, study="mine", trial=0, name="net", folder="net", exported_at=datetime.now(UTC)
    )
    with Store(storage.url) as store:
        store.add_export(export)
        study_admin.rename(storage, "mine", "yours")
        assert [e.name for e in store.exports("yours")] == ["net"]
        study_admin.delete(storage, "yours")
        assert store.exports("yours") == []


def test_the_command_lists_renames_and_deletes_but_asks_first(storage, kept, capsys, monkeypatch):
    from nas.__main__ import run

    folder = kept("mine")
    monkeypatch.setenv("NAS_STORAGE", storage.url)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert run(["studies"]) == 0
    assert "4.88 KiB" in capsys.readouterr().out
    assert run(["studies", "rename", "mine", "yours"]) == 0
    assert run(["studies", "delete", "yours"]) == 2
    assert "Add --yes" in capsys.readouterr().err
    assert folder.with_name("yours").exists()
    assert run(["studies", "delete", "yours", "--yes"]) == 0
    assert not folder.with_name("yours").exists()
    assert run(["studies", "delete", "yours", "--yes"]) == 2
    assert "Begin with: nas search" in capsys.readouterr().err
