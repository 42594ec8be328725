"""Real places behind URLs: a folder, an sshd, and where moto and s3fs are installed a server of S3."""

import getpass
import socket
import subprocess
import sys
import time

import fsspec
import pytest

from nas.files.locating import files_at
from tests.chaos.havoc import below, kill
from tests.ssh_server import known, ssh_server, start


@pytest.fixture(scope="session")
def sshd(tmp_path_factory):
    """Return the port of an sshd and the folder of its keys."""
    pytest.importorskip("paramiko")
    folder = tmp_path_factory.mktemp("sftp")
    with ssh_server(folder) as (port, _):
        yield port, folder


class Server:
    """An sshd that is stopped, with its connections, and started again."""

    def __init__(self, port, process, folder):
        self._port, self._process, self._folder = port, process, folder

    def stop(self):
        for pid, _ in below(self._process.pid):  # each connection has processes of its own
            kill(pid)
        self._process.kill()
        self._process.wait(30)

    def start(self):
        self._process = start(self._port, self._folder)


@pytest.fixture
def sftp_of_its_own(tmp_path, monkeypatch):
    """Return the URL of a folder behind an sshd that nobody else uses, and that server."""
    pytest.importorskip("paramiko")
    (tmp_path / "keys").mkdir()
    with ssh_server(tmp_path / "keys") as (port, process):
        server = Server(port, process, tmp_path / "keys")
        try:
            yield _known(port, tmp_path / "keys", tmp_path, monkeypatch), server
        finally:
            server.stop()


@pytest.fixture
def sftp(sshd, tmp_path, monkeypatch):
    """Return the URL of a folder behind the sshd, whose key this user knows."""
    port, keys = sshd
    return _known(port, keys, tmp_path, monkeypatch)


def _known(port, keys, tmp_path, monkeypatch):
    """Let this user know the host and have a key, and return the URL of a folder behind it."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "known_hosts").write_text(known(port, keys / "host.pub"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setitem(fsspec.config.conf, "sftp", {"key_filename": str(keys / "user")})
    return f"sftp://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/there"


@pytest.fixture(scope="session")
def s3_server():
    """Return the address of a server that speaks S3."""
    pytest.importorskip("s3fs", reason="s3fs is not installed (pip install s3fs 'moto[server]')")
    pytest.importorskip("moto.server", reason="moto is not installed (pip install s3fs 'moto[server]')")
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and server.poll() is None:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def s3(s3_server, tmp_path, monkeypatch):
    """Return the URL of a folder in a bucket of its own."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "me",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"b{abs(hash(tmp_path))}"
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(bucket)
    return f"s3://{bucket}/there"


@pytest.fixture(params=["folder", "file", "sftp", "s3"])
def place(request, tmp_path):
    """Return where the files of all studies lie, a path or a URL, for every kind of place."""
    if request.param == "folder":
        return str(tmp_path / "there")
    if request.param == "file":
        return f"file://{tmp_path}/there"
    return request.getfixturevalue(request.param)


@pytest.fixture
def files(place, tmp_path):
    """Return the files of a study in a place of every kind."""
    return files_at(f"{place}/mine", "mine", f"sqlite:///{tmp_path}/nas.db")
