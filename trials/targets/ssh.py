"""Another machine, over ssh: ``ssh://user@host:port``.

Sends one self-contained file and two ONNX models and starts it; there it needs sh, tar, Python 3.10 and
onnxruntime. Keys, known hosts and jump hosts are those of the user's own ssh configuration; nothing is
ever asked for.

Options: ``threads`` and ``dtype`` as for cpu; ``provider`` of ONNX Runtime there; ``python``, the program
there; ``connect_s`` and ``time_limit_s``, how long to wait; ``config``, another configuration file of ssh.
"""

import io
import json
import re
import shlex
import subprocess
import tarfile
from collections.abc import Mapping
from typing import Any, Final

from torch import nn
from typing_extensions import override

from search_spaces.errors import TargetError
from trials.latency import Condition, Latency
from trials.layer_times import LayerTimes, layer_times
from trials.modules import modules_of
from trials.onnx_agent import packed
from trials.onnx_model import onnx_model, reference_model
from trials.roofs import peak_macs, peak_model, stream_model
from trials.targets import Job, Target
from trials.timing import Timing

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


class Ssh(Target):
    """Runs networks on another machine, one connection for each measurement."""

    defaults: Mapping[str, Condition] = {
        "threads": 1,
        "dtype": "fp32",
        "provider": "CPUExecutionProvider",
        "python": "python3",
        "connect_s": 10,
        "time_limit_s": 120,
        "config": "",
    }

    @override
    def time(self, network: nn.Module, job: Job) -> Latency:
        dtype = str(job.options["dtype"])
        files = {
            "agent.pyz": packed(),
            "network.onnx": onnx_model(
                network, resolution=job.resolution, in_channels=job.in_channels, dtype=dtype
            ),
            "reference.onnx": reference_model(dtype),
        }
        answer = _answer(job, files, seconds=job.seconds)
        try:
            timing, conditions = Timing(**answer["timing"]), dict(answer["conditions"])
        except (KeyError, TypeError) as error:
            raise _nonsense(job, json.dumps(answer)) from error
        return Latency.of(timing, conditions | {"dtype": dtype, "resolution": job.resolution})

    @override
    def layers(self, network: nn.Module, job: Job) -> LayerTimes:
        dtype = str(job.options["dtype"])
        shape = {"resolution": job.resolution, "in_channels": job.in_channels}
        model, modules = onnx_model(network, **shape, dtype=dtype), modules_of(network, **shape)
        files = {
            "agent.pyz": packed(),
            "network.onnx": model,
            "peak.onnx": peak_model(dtype),
            "stream.onnx": stream_model(),
        }
        answer = _answer(job, files, seconds=job.seconds)
        try:
            told, conditions = answer["layers"], dict(answer["conditions"])
            more = {"dtype": dtype, "resolution": job.resolution}
            return layer_times(told, modules, peak_macs(), conditions | more)
        except (KeyError, TypeError) as error:
            raise _nonsense(job, json.dumps(answer)) from error

    @override
    def probe(self, job: Job) -> Mapping[str, Condition]:
        answer = _answer(job, {"agent.pyz": packed()}, seconds=0.0)
        return {**answer["conditions"], "dtype": job.options["dtype"]}


def _answer(job: Job, files: Mapping[str, bytes], *, seconds: float) -> dict[str, Any]:
    """Return what the agent there says when it is sent these files."""
    asked = {name: job.options[name] for name in ("threads", "provider", "time_limit_s")}
    options = json.dumps({**asked, "seconds": seconds, "nominal_ms": job.nominal_ms})
    script = _SCRIPT.format(python=shlex.quote(str(job.options["python"])), options=shlex.quote(options))
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
        raise TargetError("The target needs the program 'ssh': expected it on the PATH.") from error
    except subprocess.TimeoutExpired as error:
        raise TargetError(
            f"The target 'ssh://{job.address}' did not answer within {time_limit_s} s. Raise time_limit_s if "
            f"it needs longer."
        ) from error
    return _read(job, ended)


def _connection(job: Job) -> list[str]:
    address = _ADDRESS.fullmatch(job.address)
    if address is None:
        raise TargetError(f"Cannot read the target 'ssh://{job.address}': expected ssh://user@host:port.")
    config = ["-F", str(job.options["config"])] if job.options["config"] else []
    port = ["-p", address["port"]] if address["port"] else []
    quiet = ["-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={job.options['connect_s']}"]
    host = address["host"].replace("[", "").replace("]", "")
    return ["ssh", *config, *quiet, *port, "--", host]


def _read(job: Job, ended: "subprocess.CompletedProcess[bytes]") -> dict[str, Any]:
    output = ended.stdout.decode(errors="replace").strip()
    complaints = ended.stderr.decode(errors="replace").strip()
    if ended.returncode == 255:  # of ssh itself
        advice = next((advice for sign, advice in _ADVICE.items() if sign in complaints), "Is it running?")
        raise TargetError(
            f"The target 'ssh://{job.address}' cannot be reached: {_last(complaints)}. {advice}."
        )
    if ended.returncode:
        raise TargetError(
            f"The target 'ssh://{job.address}' could not run the timing (status {ended.returncode}): "
            f"{_last(complaints)}. Expected sh, tar and {job.options['python']} there."
        )
    try:
        answer = json.loads(_last(output))
    except ValueError as error:
        raise _nonsense(job, output) from error
    if not isinstance(answer, dict):
        raise _nonsense(job, output)
    if "error" in answer:
        raise TargetError(
            f"The target 'ssh://{job.address}' cannot time networks: {answer['error']}. Expected onnxruntime "
            f"there (python3 -m pip install onnxruntime), and options that it can run."
        )
    return answer


def _nonsense(job: Job, output: str) -> TargetError:
    return TargetError(
        f"The target 'ssh://{job.address}' printed '{output[:80]}': expected the figures of a timing. Does a "
        f"start-up file there print something?"
    )


def _last(text: str) -> str:
    return (text.splitlines() or ["it said nothing"])[-1].strip().rstrip(".")


def _tar(files: Mapping[str, bytes]) -> bytes:
    packet = io.BytesIO()
    with tarfile.open(fileobj=packet, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packet.getvalue()


TARGET: Final = Ssh()
