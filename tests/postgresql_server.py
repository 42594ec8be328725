"""A real throwaway PostgreSQL server, started by the tests as an ordinary process."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest


def _binaries():
    """Return the folder of PostgreSQL's programs, None where there is no server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _run(*command, folder):
    """Run one of PostgreSQL's programs; it refuses root, so root becomes its own user."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    subprocess.run([*prefix, *map(str, command)], cwd=folder, check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="session")
def postgresql():
    """Return the URL of a fresh cluster's database, with a password that must never be shown."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="nas-pg-", dir="/tmp"))  # sockets need a short path
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
    data = folder / "data"
    try:
        options = ["-U", "nas", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        _run(binaries / "initdb", "-D", data, *options, folder=folder)
        _run(
            binaries / "pg_ctl",
            "-D",
            data,
            "-w",
            "-l",
            folder / "log",
            "-o",
            settings,
            "start",
            folder=folder,
        )
        try:
            yield f"postgresql+psycopg://nas:secret@127.0.0.1:{port}/"
        finally:
            _run(binaries / "pg_ctl", "-D", data, "-m", "fast", "stop", folder=folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
