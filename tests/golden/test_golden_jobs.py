"""A database of version 3 of the tables (v3/jobs.sql, made at c8ae6c3), with jobs, opens and goes on."""

import sqlite3
from contextlib import closing
from pathlib import Path

from nas.service.job_queue import begin_next
from nas.service.job_table import JobTable

GOLDEN = Path(__file__).parent / "v3" / "jobs.sql"


def test_the_jobs_of_version_3_are_searches_and_run(tmp_path):
    with closing(sqlite3.connect(tmp_path / "nas.db")) as made:
        made.executescript(GOLDEN.read_text())
    with JobTable(f"sqlite:///{tmp_path}/nas.db") as table:
        waiting, ended = table.page(user="ann")
        assert (ended.kind, ended.name, ended.state, ended.result) == ("search", "first", "done", None)
        assert (waiting.kind, waiting.options, waiting.priority) == ("search", {"budget": ["300M-MACs"]}, 3)
        held = begin_next(table, host="here")
        assert held is not None
        assert held.job.id == waiting.id
