"""Looking into SQLite files beside a database takes no lock of this process away."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from nas.storage.identity import studies_in

LOCKED = (
    "import fcntl, sys\n"
    "with open(sys.argv[1], 'rb+') as file:\n"
    "    try: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    "    except OSError: print('locked')\n"
)


def locked_for_others(file: Path) -> bool:
    command = [sys.executable, "-c", LOCKED, str(file)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout == "locked\n"


def test_a_database_stays_locked_while_the_files_around_it_are_looked_into(tmp_path: Path):
    file, shared = tmp_path / "nas.db", tmp_path / "nas.db-shm"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE numbers (number)")
        connection.commit()
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM numbers").fetchall()
        assert locked_for_others(shared)
        for path in sorted(tmp_path.iterdir()):
            assert list(studies_in(path)) == []
        assert locked_for_others(shared)


def test_what_is_no_database_has_no_studies(tmp_path: Path):
    (tmp_path / "text").write_text("SQLite format 3 it is not\n" * 100)
    (tmp_path / "empty").touch()
    assert [list(studies_in(tmp_path / name)) for name in ("text", "empty", "absent")] == [[], [], []]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "text"]
