"""A real throwaway PostgreSQL server, started by the tests as an ordinary process."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest


def _binaries():
    """Return the folder of PostgreSQL's programs, None where there is no server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class Server:
    """One cluster in a folder of its own, with a password in its URL that must never be shown."""

    def __init__(self):
        binaries = _binaries()
        if binaries is None:
            pytest.skip("no PostgreSQL server is installed (apt-get install postgresql)")
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="nas-pg-", dir="/tmp"))  # sockets need a short path
        self._data = self._folder / "data"
        if os.getuid() == 0:
            shutil.chown(self._folder, "postgres")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        options = ["-U", "nas", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        self._run("initdb", "-D", self._data, *options)

    @property
    def url(self):
        """The URL of the server; a database's name is to follow."""
        return f"postgresql+psycopg://nas:secret@127.0.0.1:{self._port}/"

    def start(self):
        settings = f"-c listen_addresses=127.0.0.1 -p {self._port} -k {self._folder} -c fsync=off"
        log = self._folder / "log"
        self._run("pg_ctl", "-D", self._data, "-w", "-l", log, "-o", settings, "start")

    def stop(self):
        self._run("pg_ctl", "-D", self._data, "-m", "fast", "stop")

    def kill(self):
        """End the server and all that it started as a power cut would; return once they are gone."""
        head = int((self._data / "postmaster.pid").read_text().splitlines()[0])
        own = subprocess.run(["pgrep", "-P", str(head)], capture_output=True, text=True, check=False)
        processes = [head, *map(int, own.stdout.split())]
        for process in processes:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue
        while any(Path(f"/proc/{process}/cmdline").exists() for process in processes):
            time.sleep(0.05)

    def remove(self):
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program, *options):
        """Run one of PostgreSQL's programs; it refuses root, so root becomes its own user."""
        prefix = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        command = [*prefix, *map(str, (self._binaries / program, *options))]
        subprocess.run(command, cwd=self._folder, check=True, capture_output=True, timeout=120)


@pytest.fixture(scope="session")
def postgresql():
    """Return the URL of a fresh cluster's database, with a password that must never be shown."""
    server = Server()
    try:
        server.start()
        try:
            yield server.url
        finally:
            server.stop()
    finally:
        server.remove()


@pytest.fixture
def killable_postgresql():
    """Return a server of this test alone, which may be killed and started again."""
    server = Server()
    try:
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        server.remove()
