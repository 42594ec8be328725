"""Locks between real processes."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from search_spaces.errors import FilesError
from trials.device_lock import host_lock_path, measuring, training
from trials.latency.host_lock import host_lock

TRAINER = """
import sys, time
from pathlib import Path
from trials.device_lock import training
with training(Path(sys.argv[1])) as turns:
    print("training", flush=True)
    while not Path(sys.argv[2]).exists():
        time.sleep(0.01)
        turns.step()
    print(turns.waited_s, flush=True)
"""
MEASURER = """
import sys, time
from pathlib import Path
from trials.device_lock import measuring
with measuring(Path(sys.argv[1])) as waited_s:
    print(waited_s, flush=True)
    time.sleep(float(sys.argv[2]))
"""


@pytest.fixture
def start():
    """Return a function that starts a Python process and hands it over once it has the lock."""
    processes = []

    def run(code, *args):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout is not None
        return process, process.stdout.readline()

    yield run
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.slow
def test_a_measurement_gets_in_between_the_turns_of_two_trainings(tmp_path, start):
    lock, stop = tmp_path / "lock", tmp_path / "stop"
    trainers = [start(TRAINER, lock, stop)[0] for _ in range(2)]
    _, waited_s = start(MEASURER, lock, 0.5)
    assert float(waited_s) > 0.0
    stop.touch()
    waits_s = [float(trainer.stdout.readline()) for trainer in trainers]
    assert all(wait_s > 0.1 for wait_s in waits_s)  # the measurement held the host for 0.5 s


@pytest.mark.slow
def test_two_trainings_share_the_host_and_do_not_wait(tmp_path, start):
    lock, stop = tmp_path / "lock", tmp_path / "stop"
    first, _ = start(TRAINER, lock, stop)
    _, ready = start(TRAINER, lock, stop)
    assert ready == "training\n"
    assert first.poll() is None


@pytest.mark.slow
def test_two_measurements_follow_one_another(tmp_path, start):
    lock = tmp_path / "lock"
    start(MEASURER, lock, 0.5)
    with measuring(lock) as waited_s:
        assert waited_s > 0.1  # of the half second, part of which the process took to print


@pytest.mark.slow
def test_a_killed_process_lets_go(tmp_path, start):
    lock = tmp_path / "lock"
    holder, _ = start(MEASURER, lock, 600)
    holder.kill()
    with measuring(lock) as waited_s:
        assert waited_s < 60


def test_a_turn_lasts_a_second_and_its_waits_are_counted(tmp_path):
    times_s = iter([0.0, 0.0, 0.5, 1.5, 1.5, 1.75])
    with training(tmp_path / "lock", clock=lambda: next(times_s)) as turns:
        turns.step()  # at 0.5 s: the turn goes on
        turns.step()  # at 1.5 s: the next turn, for which it waits a quarter of a second
        assert turns.waited_s == 0.25


def test_nobody_who_trains_elsewhere_is_in_the_way(tmp_path):
    with training(tmp_path / "a"), measuring(tmp_path / "b") as waited_s:
        assert waited_s < 60


def test_the_lock_of_a_user_with_a_strict_umask_can_be_read_by_all(tmp_path):
    before = os.umask(0o077)
    try:
        with measuring(tmp_path / "lock"):
            pass
    finally:
        os.umask(before)
    for name in ("lock", "lock.gate"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o644
    assert len(list(tmp_path.iterdir())) == 2


def test_all_users_of_a_host_find_the_same_lock_whatever_their_temporary_folder(tmp_path, monkeypatch):
    before = host_lock_path()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert host_lock_path() == before
    monkeypatch.setattr("trials.device_lock._SHARED", tmp_path / "absent")
    assert host_lock_path().parent == tmp_path


def test_a_lock_that_another_user_keeps_to_himself_is_one_line(monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        for name in ("lock", "lock.gate"):
            (Path(folder) / name).touch(mode=0o000)
        monkeypatch.setattr("trials.device_lock.host_lock_path", lambda: Path(folder) / "lock")
        user = os.geteuid()
        os.seteuid(65534 if user == 0 else user)  # root may read everything
        try:
            with pytest.raises(FilesError, match=rf"Permission denied. .* Let user {user} run: chmod 644"):
                host_lock()
        finally:
            os.seteuid(user)
