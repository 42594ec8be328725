"""Ray clusters made of ordinary processes on this machine, whose nodes can be killed and cut off."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos import havoc

_STARTS_S = 90
_QUICK_HEALTH = {  # Ray takes up to a minute by default to see that a node is cut off
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "4",
}


def can_be_cut_off():
    """Return whether this machine lets us have network namespaces with links between them."""
    made = "ip link add hub0 type bridge && ip link add one0 type veth peer name two0 && ip netns list"
    tried = ["unshare", "--net", "sh", "-c", made]
    return (
        bool(shutil.which("unshare"))
        and not subprocess.run(tried, capture_output=True, check=False).returncode
    )


class Nodes:
    """A cluster: ``with`` it, start the head, then others.

    Args:
        networks: Whether each node has a network namespace of its own, so that it can be cut off; else they
            have addresses on the loopback.
    """

    def __init__(self, *, networks=False):
        self._networks = networks
        self._folder = Path(tempfile.mkdtemp(prefix="ray"))  # short: sockets lie in it
        self._tag = f"n{os.getpid() % 100000}"
        self._net = f"10.77.{os.getpid() % 250}" if networks else f"127.{os.getpid() % 250}.7"
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._linked: set[int] = set()
        self.address = f"{self.at(1)}:{20000 + os.getpid() % 5000}"
        self.environment = {
            **os.environ,
            **_QUICK_HEALTH,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
        }

    def __enter__(self):
        if self._networks:
            _ip("link", "add", self._tag, "type", "bridge")
            _ip("addr", "add", f"{self._net}.254/24", "dev", self._tag)
            _ip("link", "set", self._tag, "up")
        return self

    def __exit__(self, *_):
        for number in list(self._running):
            self.kill(number)
        for number in self._linked:
            _ip("netns", "del", self._space(number))
        if self._networks:
            _ip("link", "del", self._tag)
        shutil.rmtree(self._folder, ignore_errors=True)

    def at(self, number):
        """Return the address of a node."""
        return f"{self._net}.{number}"

    def inside(self, number):
        """Return the words before a command that is to run on a node."""
        return ["ip", "netns", "exec", self._space(number)] if self._networks else []

    def start(self, number, *, cpus=1, resources=None, environment=None):
        """Start a node, number 1 the head first, and return when it has joined."""
        if self._networks and number not in self._linked:
            self._link(number)
        where = (
            ["--head", "--port", self.address.rpartition(":")[2], "--temp-dir", str(self._folder)]
            if number == 1
            else ["--address", self.address]
        )
        log = self._folder / f"node{number}-{time.monotonic_ns()}.txt"
        with log.open("wb") as out:
            self._running[number] = subprocess.Popen(
                [
                    *self.inside(number),
                    *(str(Path(sys.executable).with_name("ray")), "start", *where, "--block"),
                    *("--node-ip-address", self.at(number), "--num-cpus", str(cpus), "--num-gpus", "0"),
                    *("--include-dashboard", "false") * (number == 1),
                    *("--resources", json.dumps(resources or {}), "--object-store-memory", "100000000"),
                ],
                env=self.environment | (environment or {}),
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        deadline = time.monotonic() + _STARTS_S
        while b"Ray runtime started" not in log.read_bytes():
            ended = self._running[number].poll() is not None
            assert not ended, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)

    def processes(self, number):
        """Return the processes of a node."""
        node = self._running[number]
        return [node.pid, *(pid for pid, _ in havoc.below(node.pid))]

    def kill(self, number):
        """End all processes of a node at once."""
        pids = self.processes(number)
        for pid in pids:
            havoc.kill(pid)
        self._running.pop(number).wait()

    def cut_off(self, number):
        """Let a node reach no other one; its processes go on."""
        _ip("link", "set", f"{self._tag}-{number}", "down")

    def reconnect(self, number):
        """Let a node that was cut off reach the others again."""
        _ip("link", "set", f"{self._tag}-{number}", "up")

    def _space(self, number):
        return f"{self._tag}-{number}"

    def _link(self, number):
        space, link = self._space(number), f"{self._tag}-{number}"
        _ip("netns", "add", space)
        self._linked.add(number)
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("link", "set", link, "master", self._tag, "up")
        _ip("-n", space, "addr", "add", f"{self.at(number)}/24", "dev", "eth0")
        _ip("-n", space, "link", "set", "eth0", "up")
        _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", space, "route", "add", "default", "via", f"{self._net}.254")


def _ip(*words):
    subprocess.run(["ip", *words], check=True)
