"""Whoever may only read a search reads it; commands that read create nothing, and others say why not."""

import os
import shutil
from pathlib import Path

import pytest

import nas
from nas.__main__ import run
from nas.storage import snapshot
from nas.storage.optuna_storage import existing_storage, open_storage
from search_spaces.errors import StudyError
from tests.nas.study.test_study import begin

READING = [
    ["show"],
    ["report"],
    ["explain"],
    ["export", "--to", "net"],
    ["dashboard", "--port", "0"],
    ["studies", "rename", "a", "b"],
    ["studies", "delete", "a", "--yes"],
    ["retrain"],
    ["measure", "resnet50"],
    ["measure", "resnet50", "--layers"],
    ["scale", "resnet50", "--budget", "10M-MACs"],
]


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return the URL of a search in a folder that may only be read, to root too."""
    shared = tmp_path / "shared"
    shared.mkdir()
    url = f"sqlite:///{shared / 'nas.db'}"
    storage = open_storage(url)
    begin(storage)
    storage.engine.dispose()
    real = os.access

    def access(path, mode, **options):
        return not (mode & os.W_OK and Path(path).is_relative_to(shared)) and real(path, mode, **options)

    monkeypatch.setattr(os, "access", access)
    for path in (shared / "nas.db", shared):
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {p.name: p.stat().st_mtime_ns for p in shared.iterdir()}
    yield url
    assert {p.name: p.stat().st_mtime_ns for p in shared.iterdir()} == before
    shared.chmod(0o755)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_command_that_reads_creates_nothing(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAS_STORAGE", raising=False)
    assert run(words) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_has_no_studies_and_stays_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert nas.studies(storage="sqlite:///nas.db") == ()
    assert nas.check_studies(storage="sqlite:///nas.db") == ()
    with pytest.raises(StudyError, match=r"No search in sqlite:///nas\.db yet"):
        existing_storage("sqlite:///nas.db")
    assert list(tmp_path.iterdir()) == []


def test_a_search_that_may_only_be_read_is_shown(read_only: str):
    assert nas.show(storage=read_only).study == "mine"
    assert [s.study for s in nas.studies(storage=read_only)] == ["mine"]
    assert nas.check_studies(storage=read_only)[0].study == "mine"
    address, server = nas.dashboard(storage=read_only, port=0)
    server.server_close()
    assert "/dashboard/studies/" in address


@pytest.mark.parametrize(
    "words", [["studies", "delete", "mine", "--yes"], ["studies", "rename", "mine", "x"], ["retrain"]]
)
def test_what_would_write_says_that_it_cannot(
    read_only: str, words: list[str], capsys: pytest.CaptureFixture[str]
):
    assert run([*words, "--storage", read_only]) == 2
    assert "can be read and not written" in capsys.readouterr().err
    assert nas.show(storage=read_only).study == "mine"


def test_what_a_write_ahead_log_holds_is_read_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "live").mkdir()
    storage = open_storage(f"sqlite:///{tmp_path / 'live' / 'nas.db'}")
    begin(storage)
    shared = tmp_path / "shared"
    shutil.copytree(tmp_path / "live", shared, ignore=shutil.ignore_patterns("*-shm"))
    assert (shared / "nas.db-wal").stat().st_size > 0
    monkeypatch.setattr("nas.storage.database.may_be_written", lambda _: False)
    assert nas.show(storage=f"sqlite:///{shared / 'nas.db'}").study == "mine"


def test_each_state_of_a_file_has_one_copy(tmp_path: Path):
    file = tmp_path / "nas.db"
    open_storage(f"sqlite:///{file}").engine.dispose()
    first = snapshot.snapshot(file)
    assert snapshot.snapshot(file) == first != file
    storage = open_storage(f"sqlite:///{file}")
    begin(storage)
    storage.engine.dispose()
    assert snapshot.snapshot(file) != first
