"""Studies are read for many readers at most once a second, and once more when a job has ended."""

from dataclasses import replace

import optuna
import pytest

from nas.service.study_reader import StudyReader
from nas.storage.current_studies import CurrentStudies
from nas.storage.optuna_internals import study_id_of
from nas.storage.optuna_storage import open_storage
from tests.nas.study.test_study import begin


def test_the_search_of_a_job_that_has_ended_is_read_after_its_end(table, tokens):
    del tokens
    running = replace(table.submit("ann", "ann.first", {}), state="running")
    reader = StudyReader(table.url, clock=lambda: 100.0)  # no cached result grows old
    assert reader.result(running) is None
    storage = open_storage(table.url)
    begin(storage, name="ann.first")
    assert reader.result(running) is None
    ended = replace(running, state="done")
    assert reader.result(ended) is not None
    assert reader.result(running) is not None
    optuna.delete_study(study_name="ann.first", storage=storage)
    assert reader.result(ended) is not None  # read since, and kept for a second
    assert reader.result(replace(ended, id="of another job")) is None


def test_the_next_study_has_nothing_of_a_deleted_one_of_its_number(table):
    reader, storage = StudyReader(table.url), open_storage(table.url)
    first = begin(storage, name="ann.first")
    trial, number = first.ask(), study_id_of(first)
    trial.report(0.5, 1)
    first.tell(trial, 0.5)
    assert reader.epochs("ann.first") == 1
    optuna.delete_study(study_name="ann.first", storage=storage)
    second = begin(storage, name="bob.mine")
    assert study_id_of(second) == number
    assert reader.epochs("bob.mine") == 0
    second.ask().report(0.25, 1)
    assert reader.epochs("bob.mine") == 1
    storage.engine.dispose()


def test_numbers_of_studies_hold_for_one_generation(table):
    storage = open_storage(table.url)
    studies = CurrentStudies(storage)
    number = study_id_of(begin(storage, name="kept"))
    other = study_id_of(begin(storage, name="gone"))
    optuna.load_study(study_name="kept", storage=storage).ask()
    assert len(studies.get_all_trials(number)) == 1
    generation = studies.generation()
    storage.delete_study(other)
    assert studies.generation() == generation  # nothing of it was read
    storage.delete_study(number)
    assert studies.generation() != generation
    with pytest.raises(KeyError):
        studies.get_all_trials(number)
    assert study_id_of(begin(storage, name="kept")) == number
    assert studies.get_all_trials(number) == []
    storage.engine.dispose()
