"""A real sshd, started on loopback as an ordinary process."""

import os
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def keygen(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


def known(port, host_key):
    kind, key, *_ = host_key.read_text().split()
    return f"[127.0.0.1]:{port} {kind} {key}\n"


@contextmanager
def ssh_server(folder):
    """Run an sshd while the block runs, and yield its port and process; all its keys lie in `folder`."""
    if SSHD is None or shutil.which("ssh") is None:
        pytest.skip("no sshd is installed (apt-get install openssh-server openssh-client)")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd confines itself
    folder.chmod(0o700)
    (folder / "there").mkdir()
    for name in ("host", "user", "stranger"):
        keygen(folder / name)
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
        f"KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nSetEnv TMPDIR={folder}/there\n"
        f"Subsystem sftp internal-sftp\n"
    )
    server = start(port, folder)
    try:
        yield port, server
    finally:
        server.terminate()
        server.wait(30)


def start(port, folder):
    """Start the sshd that a folder configures, and return it when it listens."""
    assert SSHD is not None
    server = subprocess.Popen(
        [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as knock:
            if knock.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.05)
    pytest.fail(f"sshd did not start (status {server.poll()})")
