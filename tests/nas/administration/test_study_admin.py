"""Studies are listed with their disk, renamed with their folder, and deleted with nothing else."""

import errno
import io

import optuna
import pytest

import nas
from nas.__main__ import run
from nas.administration import renaming, study_admin
from nas.coordination.study_lock import study_lock
from nas.storage.store import Store
from nas.study import study as studies
from nas.study.naming import NODE_TOKEN
from search_spaces.errors import FilesError, StudyError


def of_a_later_version(storage, name: str) -> None:
    """Let a study have a setting that this version does not know."""
    study = studies.find(storage, name)
    study.set_user_attr(studies.SETTINGS, {**study.user_attrs[studies.SETTINGS], "of_a_later_version": 1})


def test_each_study_is_listed_with_the_disk_it_uses(storage, kept):
    kept("mine")
    optuna.create_study(storage=storage, study_name="foreign")
    (found,) = study_admin.study_summaries(storage)
    assert (found.study, found.budgets, found.trained, found.disk_bytes) == ("mine", ("1M-MACs",), 0, 5_000)
    assert found.accuracy is None


def test_a_study_that_cannot_be_read_does_not_hide_the_others(storage, kept, caplog):
    for name in ("mine", "later"):
        kept(name)
    of_a_later_version(storage, "later")
    assert [one.study for one in study_admin.study_summaries(storage)] == ["mine"]
    assert "'later' is left out" in caplog.text
    renaming.rename(storage, "mine", "yours")
    assert [one.study for one in study_admin.study_summaries(storage)] == ["yours"]


def test_a_study_that_cannot_be_read_is_checked_too_and_its_problem_said_once(storage, kept, capsys):
    for name in ("mine", "later"):
        kept(name)
    of_a_later_version(storage, "later")
    (found,) = nas.check_studies(storage=storage.url)
    assert (found.study, found.trial) == ("later", None)
    assert "its settings cannot be read" in found.problem
    assert run(["studies", "check", "--storage", storage.url]) == 2
    assert "1 inconsistency." in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["y\n", "n\n", None])
def test_a_study_that_cannot_be_read_is_not_deleted_unasked(storage, kept, capsys, monkeypatch, answer):
    folder = kept("later")
    of_a_later_version(storage, "later")
    stdin = io.StringIO(answer or "")
    monkeypatch.setattr(stdin, "isatty", lambda: answer is not None, raising=False)
    monkeypatch.setattr("sys.stdin", stdin)
    assert run(["studies", "delete", "later", "--storage", storage.url]) == (2 if answer is None else 0)
    said = capsys.readouterr().err
    assert ("Add --yes" if answer is None else f"Delete 'later' with {folder}?") in said
    assert folder.exists() is (answer != "y\n")


def test_a_deleted_study_leaves_other_studies_and_files_of_others_alone(storage, kept):
    folder, other = kept("mine"), kept("yours")
    (folder / "notes.txt").write_text("not ours")
    for place in (folder, other):  # as a search on a cluster leaves it
        (place / NODE_TOKEN).write_text("sign")
    study_admin.delete(storage, "mine")
    assert [s.study for s in study_admin.study_summaries(storage)] == ["yours"]
    assert [f.name for f in folder.iterdir()] == ["notes.txt"]
    study_admin.delete(storage, "yours")
    assert not other.exists()


def test_a_study_with_a_file_that_cannot_be_deleted_is_deleted_by_the_next_attempt(
    storage, kept, monkeypatch
):
    folder = kept("mine")

    def denied(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("nas.files.local_files.shutil.rmtree", denied)
        with pytest.raises(FilesError, match=r"Cannot delete .*trials.*give the command again"):
            study_admin.delete(storage, "mine")
    assert studies.find(storage, "mine").study_name == "mine"
    study_admin.delete(storage, "mine")
    assert not folder.exists()


@pytest.mark.parametrize("change", [study_admin.delete, lambda s, name: renaming.rename(s, name, "other")])
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
        renaming.rename(storage, "mine", "yours")
        assert [e.name for e in store.exports("yours")] == ["net"]
        study_admin.delete(storage, "yours")
        assert store.exports("yours") == []


def test_the_command_lists_renames_and_deletes_but_asks_first(storage, kept, capsys, monkeypatch):
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
