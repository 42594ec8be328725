"""Ray's files lie in a short folder that goes with the session, whatever TMPDIR is."""

import fcntl
import os
import subprocess
import sys
import time
from typing import IO

import pytest

from nas.ray_backend.session_folder import MOST_BYTES, remove_abandoned, session_folder
from search_spaces.errors import UserError

SOCKET = "session_2026-11-26_03-14-38_100743_4194304/sockets/plasma_store"


def test_the_folder_is_short_where_the_temporary_folder_is_deep_and_is_removed(tmp_path, monkeypatch):
    deep = tmp_path / ("x" * 90)
    deep.mkdir()
    monkeypatch.setenv("TMPDIR", str(deep))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", None)
    with session_folder() as folder:
        assert len(os.fsencode(folder)) <= MOST_BYTES
        assert len(os.fsencode(folder / SOCKET)) <= 107
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "logs").mkdir()
        (folder / "logs" / "raylet.out").write_text("x")
    assert not folder.exists()
    assert not list(deep.iterdir())


def test_no_folder_that_can_be_used_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / ("y" * 60)))
    with pytest.raises(
        UserError, match=r"has \d+ characters. Expected one of at most \d+ .*RAY_TMPDIR"
    ) as told:
        session_folder().__enter__()
    assert "\n" not in str(told.value)
    monkeypatch.setenv("RAY_TMPDIR", "/nowhere")
    with pytest.raises(UserError, match="'/nowhere': No such file or directory"):
        session_folder().__enter__()


def test_the_folder_of_a_killed_driver_is_removed_and_one_in_use_is_kept():
    code = "import time; from nas.ray_backend.session_folder import session_folder\n"
    code += "with session_folder(['/tmp']) as folder: print(folder, flush=True); time.sleep(60)"
    place = session_folder(["/tmp"])
    with (
        place as own,
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as driver,
    ):
        assert driver.stdout is not None
        folder = own.with_name(driver.stdout.readline().strip().rpartition("/")[2])
        remove_abandoned(own.parent)
        assert folder.exists()
        driver.kill()
        driver.wait()
        remove_abandoned(own.parent)
        assert not folder.exists()
        assert own.exists()


def test_a_folder_without_a_lock_is_removed_only_once_it_is_old(tmp_path):
    folder = tmp_path / "nas-ray-12345678"
    folder.mkdir()
    remove_abandoned(tmp_path)
    assert folder.exists()
    os.utime(folder, (time.time() - 7200, time.time() - 7200))
    remove_abandoned(tmp_path)
    assert not folder.exists()


def test_a_folder_is_never_taken_for_abandoned_while_it_is_made(tmp_path, monkeypatch):
    lock = fcntl.flock

    def meanwhile(file: IO[str], operation: int) -> None:
        if not operation & fcntl.LOCK_NB:  # the lock of the new folder; another driver starts just now
            remove_abandoned(tmp_path)
        lock(file, operation)

    monkeypatch.setattr("nas.ray_backend.session_folder.fcntl.flock", meanwhile)
    monkeypatch.setattr("nas.ray_backend.session_folder.MOST_BYTES", 4096)
    with session_folder([str(tmp_path)]) as folder:
        assert folder.exists()
        remove_abandoned(tmp_path)
        assert folder.exists()
