"""Optuna's tables are created once, by however many that begin at the same moment."""

import threading
from concurrent.futures import ThreadPoolExecutor

from nas.storage.optuna_storage import open_storage

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
