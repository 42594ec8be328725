"""Several drivers of one study in a real PostgreSQL: each trial is held by one of them."""

import os
import subprocess
import sys
import threading

import pytest

from nas.coordination.leases import BEAT_S, Driver, Leases, live_driver
from nas.coordination.trial_ownership import NoTurnError
from nas.storage.store import Store
from nas.study.processes import has_ended, machine_id, start_time, this_process


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        return self.now_s

    def pass_a_beat(self, *drivers):
        self.now_s += BEAT_S
        for driver in drivers:
            driver.beat()


def never():
    return False


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def join(postgresql_database, clock):
    """Return what lets a driver of another machine join study 1."""
    joined = []
    with Store(postgresql_database):
        pass  # the tables are there

    def joining(name, process=1, identity="elsewhere 1"):
        driver = Driver(id=name, host=name, process=process, machine=identity)
        leases = Leases(postgresql_database, 1, driver, silence_s=60, clock=clock)
        leases.beat()
        joined.append(leases)
        return leases

    yield joining
    for leases in joined:
        leases.__exit__()


def test_a_trial_has_one_holder_and_the_others_know(join):
    first, second = join("first"), join("second")
    with first.turn(never) as others:
        assert others == frozenset()
        first.take(7)
    with second.turn(never) as others:
        assert others == {7}
    assert first.holds(7)
    assert not second.holds(7)
    first.drop(7)
    with second.turn(never) as others:
        assert others == frozenset()


def test_a_driver_that_beats_keeps_its_leases_however_long_it_takes(join, clock):
    first, second = join("first"), join("second")
    first.take(0)
    for _ in range(100):
        clock.pass_a_beat(first, second)
    with second.turn(never) as others:
        assert others == {0}


def test_the_leases_of_a_driver_that_fell_silent_are_taken_over_and_it_learns_so(join, clock):
    silent, second = join("silent"), join("second")
    silent.take(0)
    for _ in range(11):
        clock.pass_a_beat(second)
    with second.turn(never) as others:
        assert others == {0}  # 55 seconds are not a minute
    for _ in range(2):
        clock.pass_a_beat(second)
    with second.turn(never) as others:
        assert others == frozenset()
        second.take(0)
    assert not silent.holds(0)
    silent.drop(0)  # not its own any more
    silent.beat()  # and lives again
    assert second.holds(0)


def test_time_in_which_nobody_could_look_does_not_count(join, clock):
    first, second = join("first"), join("second")
    first.take(0)
    clock.now_s += 3600  # the database was away, or this host slept
    second.beat()
    with second.turn(never) as others:
        assert others == {0}


def test_a_driver_that_leaves_gives_its_leases_back(join):
    first, second = join("first"), join("second")
    first.take(0)
    first.__exit__()
    with second.turn(never) as others:
        assert others == frozenset()


def test_a_driver_that_lives_is_found_by_its_beats(join, postgresql_database):
    first, silent = join("first"), join("silent")
    found = live_driver(postgresql_database, 1, sleep=lambda _: first.beat())
    assert found is not None
    assert found.host == "first"
    first.__exit__()
    assert live_driver(postgresql_database, 1, sleep=lambda _: None) is None
    silent.__exit__()
    assert live_driver(postgresql_database, 1) is None  # at once: nobody is left to watch


def test_a_driver_of_this_machine_whose_process_ended_is_buried_at_once(join):
    number, identity = this_process()
    if not machine_id():
        pytest.skip("this system does not say which processes live")
    killed = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert killed.stdin is not None
    dead = join("dead", killed.pid, f"{machine_id()} {start_time(killed.pid)}")
    alive = join("alive", number, identity)
    dead.take(0)
    with alive.turn(never) as others:
        assert others == {0}
    killed.kill()
    killed.wait()
    killed.stdin.close()
    with alive.turn(never) as others:
        assert others == frozenset()


def test_one_at_a_time_has_the_turn_and_waiting_can_be_given_up(join):
    first, second = join("first"), join("second")
    order = []

    def wait():
        with second.turn(never):
            order.append("second")

    with first.turn(never):
        with pytest.raises(NoTurnError), second.turn(lambda: True):
            raise AssertionError("two have the turn")
        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(0.3)
        order.append("first")
    waiting.join(10)
    assert order == ["first", "second"]


def test_a_process_is_distinguished_from_a_later_one_with_the_same_pid():
    number, identity = this_process()
    if not identity:
        pytest.skip("this system does not say which processes live")
    assert not has_ended(number, identity)
    assert has_ended(number, f"{machine_id()} 1")
    assert not has_ended(number, "another machine 1")


def test_a_process_of_another_user_that_proc_hides_has_not_ended(tmp_path, monkeypatch):
    """Where ``/proc`` is mounted with hidepid=2 the files of other users' processes are missing."""
    number, identity = this_process()

    def denied(*_):
        raise PermissionError

    monkeypatch.setattr("nas.study.processes.machine_id", lambda: identity.rpartition(" ")[0])
    monkeypatch.setattr("nas.study.processes._PROC", tmp_path)
    assert has_ended(2**22 + 1, identity)
    monkeypatch.setattr("os.kill", denied)
    assert not has_ended(number, identity)
    assert number == os.getpid()
