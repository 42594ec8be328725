"""The storage tells whether a search runs, was interrupted or has ended."""

import subprocess
import sys
import time
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from dashboards.search_state import SearchState
from nas.coordination.heartbeat import heartbeat
from nas.storage.optuna_internals import study_id_of
from nas.study import heartbeat as kept
from nas.study.heartbeat import beat, search_state
from nas.study.processes import this_process

NOW = 1_000_000.0
BEAT_AND_DIE = """
import sys, optuna
from nas.storage.optuna_storage import open_storage
from nas.study.heartbeat import beat
storage = open_storage(sys.argv[1])
beat(storage, storage.get_study_id_from_name("tiny"), "running", now_s=float(sys.argv[2]))
"""


def put(study: optuna.Study, **fields: Any) -> None:
    process, machine = this_process()
    record: dict[str, Any] = {
        "state": "running",
        "at": NOW,
        "host": "here",
        "process": process,
        "machine": machine,
    }
    study._storage.set_study_system_attr(study_id_of(study), "nas:heartbeat", {**record, **fields})


def state(study: optuna.Study, ago_s: float) -> str:
    return str(search_state(study, now_s=NOW + ago_s))


def test_a_search_runs_while_its_process_lives_however_silent_it_is(study: optuna.Study):
    assert search_state(study) is None
    put(study)
    assert state(study, 1) == "running"
    assert state(study, 1000) == "running"


@pytest.mark.slow
def test_a_search_whose_process_was_killed_is_interrupted_at_once(study: optuna.Study, storage):
    call = [sys.executable, "-c", BEAT_AND_DIE, storage.url, str(NOW)]
    subprocess.run(call, check=True, timeout=120)
    assert state(study, 200) == "interrupted 3 min ago; the same command goes on"


def test_a_search_on_another_machine_is_interrupted_once_it_is_silent(study: optuna.Study):
    put(study, machine="another-boot pid:[1] 77")
    assert state(study, 59) == "running"
    assert state(study, 61) == "interrupted 1 min ago; the same command goes on"
    put(study, machine="")  # nothing is known of the machine
    assert state(study, 61).startswith("interrupted")


def test_the_block_says_how_a_search_ended(study: optuna.Study):
    number = study_id_of(study)
    with heartbeat(study._storage, number) as sign:
        assert search_state(study) == SearchState(state="running", last_sign_s=0, ago_s=0)
        sign.outcome = "ended"
    assert str(search_state(study)).startswith("ended 0 s ago")
    with pytest.raises(KeyboardInterrupt), heartbeat(study._storage, number):
        raise KeyboardInterrupt
    assert str(search_state(study)) == "interrupted 0 s ago; the same command goes on"


def test_signs_of_life_go_on_while_the_block_runs_and_survive_an_outage(study: optuna.Study, monkeypatch):
    times = iter(range(10**6))
    beats = []

    def failing(*args, now_s: float, **kwargs) -> None:
        beats.append(now_s)
        if len(beats) == 2:
            raise OSError("the database is away")
        beat(*args, now_s=now_s, **kwargs)

    monkeypatch.setattr("nas.coordination.heartbeat.beat", failing)
    with heartbeat(study._storage, study_id_of(study), every_s=0.01, clock=lambda: float(next(times))):
        ends = time.monotonic() + 120
        while len(beats) < 4 and time.monotonic() < ends:
            time.sleep(0.01)
    assert len(beats) >= 4


def test_a_driver_that_leaves_does_not_speak_for_another_that_goes_on(study: optuna.Study):
    put(study, machine="another-boot pid:[1] 77")
    number = study_id_of(study)
    beat(study._storage, number, "ended", now_s=NOW + 10)
    assert state(study, 20) == "running"
    beat(study._storage, number, "ended", now_s=NOW + 100)  # the other has been silent for long
    assert state(study, 110) == "ended 10 s ago"


def test_a_search_by_an_earlier_version_is_judged_by_its_trials(study: optuna.Study):
    assert search_state(study, now_s=time.time()) is None
    trial = study.ask()
    assert str(search_state(study, now_s=time.time() + 60)) == "running"
    after = str(search_state(study, now_s=time.time() + 3 * 3600 + 60))
    assert after == "interrupted 3 h ago; the same command goes on"
    study.tell(trial, state=TrialState.FAIL)
    assert search_state(study, now_s=time.time()) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (7300, "2 h"), (49 * 3600, "2 days")],
)
def test_how_long_ago_is_said_in_one_unit(seconds: float, words: str):
    found = SearchState(state="ended", last_sign_s=NOW, ago_s=seconds)
    assert str(found) == f"ended {words} ago"
    assert found.to_json() == {
        "state": "ended",
        "last_sign": "1970-01-12T13:46:40+00:00",
        "ago_s": round(seconds, 1),
    }


def test_the_key_is_not_shown_among_the_attributes_of_users(study: optuna.Study):
    put(study)
    assert kept._KEY not in study.user_attrs
