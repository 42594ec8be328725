"""Optuna's tables are created once, and a database that goes away is told in one line."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy.exc import OperationalError

from nas.api._process_state import process_left_as_found
from nas.storage.optuna_storage import open_storage
from nas.storage.retry import Retry, is_outage
from search_spaces.errors import StorageError
from tests.chaos import havoc

AT_ONCE = 8


def test_searches_that_begin_at_once_in_an_empty_database_create_its_tables_once(url):
    together = threading.Barrier(AT_ONCE)

    def opened(_):
        together.wait()
        storage = open_storage(url)
        try:
            return storage.get_all_studies(), storage.get_current_version(), storage.get_head_version()
        finally:
            storage.engine.dispose()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(opened, range(AT_ONCE)))
    assert all(studies == [] and current == head for studies, current, head in found)


def test_a_database_that_goes_away_while_it_is_read_is_told_in_one_line(killable_postgresql):
    storage = open_storage(havoc.database(killable_postgresql, "away"))
    try:
        killable_postgresql.kill()
        with pytest.raises(StorageError, match="The database does not answer") as caught:
            process_left_as_found()(storage.get_all_studies)()
    finally:
        killable_postgresql.start()
        storage.engine.dispose()
    assert len(str(caught.value).splitlines()) == 1
    assert is_outage(caught.value)


def test_other_errors_of_a_database_are_not_called_an_outage(url):
    storage = open_storage(url)
    try:
        with pytest.raises(KeyError):
            process_left_as_found()(storage.get_study_id_from_name)("missing")
    finally:
        storage.engine.dispose()


def test_a_database_that_answers_with_a_refusal_answers_again():
    lines: list[str] = []
    outage = OperationalError("SELECT 1", {}, Exception("connection refused"))
    answers = iter([outage, KeyError("no such trial")])

    def operation():
        raise next(answers)

    with pytest.raises(KeyError):
        Retry(lines.append, lambda: False, sleep=lambda _: None)(operation)
    assert [line.partition(";")[0].partition(" after")[0] for line in lines] == [
        "The database does not answer",
        "The database answers again",
    ]
