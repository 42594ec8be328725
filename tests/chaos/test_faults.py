"""When something around a search fails, it waits, or leaves in one line and goes on later."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.chaos import havoc

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy host takes several times as long


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/nas.db"


def ended(process, limit_s=havoc.LIMIT_S):
    process.communicate(timeout=limit_s)
    return process.returncode


def commanded(folder, *words):
    """Run a command in a folder to its end."""
    command = [sys.executable, "-m", "nas", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)


def errors(folder):
    return (folder / "err.txt").read_text()


@pytest.mark.chaos
def test_a_preempted_search_leaves_within_thirty_seconds_and_goes_on(tmp_path, url):
    havoc.furnish(tmp_path)
    search = havoc.started(tmp_path, url, 400)
    havoc.wait_for(url, search, 2)
    search.send_signal(signal.SIGTERM)
    assert ended(search, 30) == 130
    assert "The same command goes on from here" in errors(tmp_path)
    seen = havoc.finished(havoc.trials_of(url))
    assert ended(havoc.started(tmp_path, url, len(seen) + 2)) == 0
    havoc.check_counts(havoc.trials_of(url), len(seen) + 2, seen)
    assert "Traceback" not in errors(tmp_path)


def test_a_database_that_goes_away_is_waited_for_and_its_password_is_nowhere(tmp_path, killable_postgresql):
    url = killable_postgresql.url + "postgres"
    havoc.furnish(tmp_path)
    search = havoc.started(tmp_path, url, 5)
    havoc.wait_for(url, search, 2)
    seen = havoc.finished(havoc.trials_of(url))
    killable_postgresql.kill()
    deadline = time.monotonic() + havoc.LIMIT_S
    while "The database does not answer; retrying" not in errors(tmp_path):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    time.sleep(3)
    assert search.poll() is None
    killable_postgresql.start()
    assert ended(search) == 0, errors(tmp_path)
    havoc.check_counts(havoc.trials_of(url), 5, seen)
    assert "The database answers again" in errors(tmp_path)
    assert not (tmp_path / "nas.db").exists()
    assert "Traceback" not in errors(tmp_path)
    for words in (["show"], ["report"], ["export", "--to", "winner"], ["studies", "check"]):
        done = commanded(tmp_path, *words, "--storage", url)
        assert done.returncode == 0, done.stderr
        assert "secret" not in done.stdout + done.stderr
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or b"secret" not in path.read_bytes(), f"{path} holds the password"


@pytest.mark.chaos
def test_a_full_disk_ends_the_search_in_a_line_and_room_lets_it_go_on(tmp_path, url):
    small = tmp_path / "small"
    small.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(small)]
    if os.getuid() != 0 or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be made by root")
    try:
        havoc.furnish(tmp_path)
        search = havoc.started(tmp_path, url, 400, "--storage-path", str(small))
        assert ended(search) == 2, errors(tmp_path)
        last = errors(tmp_path).strip().splitlines()[-1]
        assert "disk is full" in last
        assert "give the same command again" in last
        assert "Traceback" not in errors(tmp_path)
        seen = havoc.finished(havoc.trials_of(url))
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        wanted = len(seen) + 2
        assert ended(havoc.started(tmp_path, url, wanted, "--storage-path", str(small))) == 0
        havoc.check_counts(havoc.trials_of(url), wanted, seen)
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


@pytest.mark.chaos
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_search_whose_ray_has_gone_or_hangs_leaves_in_a_line_and_goes_on(tmp_path, url, number):
    havoc.furnish(tmp_path)
    search = havoc.started(tmp_path, url, 400)
    havoc.wait_for(url, search, 1)
    (head,) = havoc.victims(search, "head")
    os.kill(head, number)
    assert ended(search, 60) == 2
    havoc.kill(head)
    assert "Ray on this machine has gone" in errors(tmp_path).strip().splitlines()[-1]
    seen = havoc.finished(havoc.trials_of(url))
    wanted = len(seen) + 2  # as many may have been left running
    assert ended(havoc.started(tmp_path, url, wanted)) == 0
    havoc.check_counts(havoc.trials_of(url), wanted, seen)
