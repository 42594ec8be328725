"""Studies are read for many readers at most once a second, and once more when a job has ended."""

from dataclasses import replace

import optuna

from nas.service.study_reader import StudyReader
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
