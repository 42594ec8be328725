"""Target ``ssh``: another machine, ``ssh://user@host:port``.

The machine needs sh, tar, Python 3.10 and onnxruntime, or ai-edge-litert for LiteRT. Keys, known hosts and
jump hosts are those of the user's ssh configuration; there are no prompts.

Options: ``threads``, ``dtype`` and ``runtime`` as for cpu; ``provider`` of ONNX Runtime there; ``python``,
the interpreter there; ``connect_s`` and ``time_limit_s``, the longest times to wait; ``config``, another
configuration file of ssh.
"""

import io
import re
import shlex
import subprocess
import tarfile
from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from search_spaces.errors import TargetError
from search_spaces.paths import expanded
from trials.latency.latency import Condition
from trials.targets import Job
from trials.targets._agent_target import AgentTarget, check_in_time, last_line

_ADDRESS: Final = re.compile(
    r"(?P<host>(?:[\w.+-]+@)?(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_][\w.-]*))(?::(?P<port>\d+))?"
)
_SCRIPT: Final = (
    'folder=$(mktemp -d) && trap \'rm -rf "$folder"\' EXIT && cd "$folder" && tar xf - && '
    "{python} agent.pyz {options}"
)
_ADVICE: Final = {
    "REMOTE HOST IDENTIFICATION HAS CHANGED": "Its host key changed: check why, then ssh-keygen -R its name",
    "Host key verification failed": "Its host key is not known: connect once by hand",
    "Permission denied": "Set up a key that needs no password",
    "Could not resolve": "Check the name",
}


class Ssh(AgentTarget):
    """Times networks on another machine, with one connection for each measurement."""

    defaults: Mapping[str, Condition] = {**AgentTarget.defaults, "connect_s": 10, "config": ""}
    addressed = True

    @override
    def name(self, job: Job) -> str:
        return f"ssh://{job.address}"

    @override
    def run(self, job: Job, files: Mapping[str, bytes], options: str) -> str:
        script = _SCRIPT.format(python=_interpreter(job), options=shlex.quote(options))
        time_limit_s = int(str(job.options["time_limit_s"])) + int(str(job.options["connect_s"]))
        try:
            ended = subprocess.run(
                [*_connection(job), f"exec sh -c {shlex.quote(script)}"],
                input=_tar(files),
                capture_output=True,
                timeout=time_limit_s,
                check=False,
            )
        except FileNotFoundError as error:
            raise TargetError(
                "The target needs the program 'ssh': expected it on the PATH. Install OpenSSH."
            ) from error
        except subprocess.TimeoutExpired as error:
            raise TargetError(
                f"The target 'ssh://{job.address}' did not answer within {time_limit_s} s. Raise "
                f"time_limit_s if it needs longer."
            ) from error
        return _printed(job, ended)


def _interpreter(job: Job) -> str:
    """Return the interpreter as a word of the shell there, where ``~`` is the home folder there."""
    python = str(job.options["python"])
    return f'"$HOME"/{shlex.quote(python[2:])}' if python.startswith("~/") else shlex.quote(python)


def _connection(job: Job) -> list[str]:
    address = _ADDRESS.fullmatch(job.address)
    if address is None:
        raise TargetError(f"Cannot read the target 'ssh://{job.address}': expected ssh://user@host:port.")
    config = ["-F", str(expanded(str(job.options["config"])))] if job.options["config"] else []
    port = ["-p", address["port"]] if address["port"] else []
    quiet = ["-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={job.options['connect_s']}"]
    host = address["host"].replace("[", "").replace("]", "")
    return ["ssh", *config, *quiet, *port, "--", host]


def _printed(job: Job, ended: "subprocess.CompletedProcess[bytes]") -> str:
    errors = ended.stderr.decode(errors="replace").strip()
    if ended.returncode == 255:  # of ssh itself
        advice = next((advice for sign, advice in _ADVICE.items() if sign in errors), "Is it running?")
        raise TargetError(
            f"The target 'ssh://{job.address}' cannot be reached: {last_line(errors)}. {advice}."
        )
    check_in_time(job, f"ssh://{job.address}", ended.returncode)
    if ended.returncode:
        raise TargetError(
            f"The target 'ssh://{job.address}' could not run the timing (status {ended.returncode}): "
            f"{last_line(errors)}. Expected sh, tar and {job.options['python']} there."
        )
    return ended.stdout.decode(errors="replace")


def _tar(files: Mapping[str, bytes]) -> bytes:
    packet = io.BytesIO()
    with tarfile.open(fileobj=packet, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packet.getvalue()


TARGET: Final = Ssh()
