"""Databases of PostgreSQL in other encodings than UTF-8 are used, or refused in one line."""

import uuid

import psycopg
import pytest

from nas.storage.optuna_storage import open_storage
from nas.storage.store import Store
from nas.study.study import find
from search_spaces.errors import StudyError
from tests.nas.study.test_study import begin


@pytest.fixture
def database_in(postgresql):
    def make(encoding: str) -> str:
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(postgresql.replace("+psycopg", "") + "postgres", autocommit=True) as connection:
            connection.execute(
                f"CREATE DATABASE \"{name}\" ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0"
            )
        return str(postgresql) + name

    return make


def test_a_database_without_an_encoding_holds_any_study(database_in):
    url = database_in("SQL_ASCII")
    storage = open_storage(url)
    begin(storage, name="実験±")
    assert find(storage, "実験±").study_name == "実験±"
    with Store(url):
        pass
    storage.engine.dispose()


def test_a_name_that_the_database_cannot_hold_is_refused_in_one_line(database_in):
    storage = open_storage(database_in("LATIN1"))
    begin(storage, name="Prüfung")
    with pytest.raises(StudyError, match=r"encoding 'LATIN1': .* --study") as caught:
        begin(storage, name="実験")
    assert "\n" not in str(caught.value)
    assert find(storage, None).study_name == "Prüfung"
    storage.engine.dispose()
