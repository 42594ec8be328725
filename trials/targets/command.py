"""Target ``command``: a program of the user that times an ONNX file, for example through adb.

It is started with the path of an ONNX file after its own arguments (or in place of ``{model}``), runs the
network at batch 1 and prints one JSON object on its last line, either the runs or their summary:

    {"times_ms": [12.1, 12.0, 12.2, 12.1, 12.3, 12.1]}
    {"median_ms": 12.1, "low_ms": 12.0, "high_ms": 12.3, "p90_ms": 12.3}

optionally with ``device``, ``runtime``, ``version``, ``threads``, ``governor``, and a summary with
``p90_low_ms`` and ``p90_high_ms``. Its latency is the median of the runs, whatever clock it reads; that is
its median on the wall clock too.

Options: ``dtype`` (``fp32`` or ``int8``) of the file; ``time_limit_s``, after which the command and its child
processes are killed; ``local``, 1 for a command that runs networks on this host, which then waits for
trainings to pause.
"""

import contextlib
import json
import math
import os
import shlex
import signal
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from torch import nn
from typing_extensions import override

from search_spaces.errors import TargetError
from trials.device_lock import measuring
from trials.latency.latency import Condition, Latency, wall_conditions
from trials.latency.onnx_model import onnx_model, reference_model
from trials.latency.timing_protocol import STABLE_WIDTH, quantile_figure
from trials.targets import Job, Target

_FACTS: Final = ("device", "runtime", "version", "threads", "governor")
_SUMMARY: Final = ("median_ms", "low_ms", "high_ms", "p90_ms")
_P90: Final = ("p90_ms", "p90_low_ms", "p90_high_ms")
_LEAST_RUNS: Final = 6  # fewer give no 95 % interval
_ATTEMPTS: Final = 3


class Command(Target):
    """Runs a program of the user and checks its output: plausible times, within the time limit."""

    defaults: Mapping[str, Condition] = {"dtype": "fp32", "time_limit_s": 60.0, "local": 0}
    addressed = True

    @override
    def time(self, network: nn.Module, job: Job) -> Latency:
        dtype = str(job.options["dtype"])
        model = onnx_model(network, resolution=job.resolution, in_channels=job.in_channels, dtype=dtype)
        attempts: list[Latency] = []
        with _exclusive_host(job) as waited_s:
            while len(attempts) < _ATTEMPTS and not (attempts and attempts[-1].stable):
                attempts.append(_latency(job, _output_of(job, model)))
        best = min(attempts, key=lambda t: (not t.stable, (t.high_ms - t.low_ms) / t.median_ms))
        more = {"resolution": job.resolution, "waited_s": round(waited_s, 3), "attempts": len(attempts)}
        return replace(best, conditions={**best.conditions, **more})

    @override
    def probe(self, job: Job) -> Mapping[str, Condition]:
        with _exclusive_host(job):
            return _latency(job, _output_of(job, reference_model(str(job.options["dtype"])))).setting


@contextlib.contextmanager
def _exclusive_host(job: Job) -> Iterator[float]:
    """Hold the device lock if the command runs on this host; yields the seconds of waiting for it."""
    if job.options["local"]:
        with measuring(job.lock) as waited_s:
            yield waited_s
    else:
        yield 0.0


def _output_of(job: Job, model: bytes) -> dict[str, Any]:
    """Return the JSON object that the command prints for a model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(model)
        output = _run(job, _arguments(job.address, path))
    lines = output.strip().splitlines() or [""]
    try:
        fields = json.loads(lines[-1])
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise TargetError(
            f"The command '{job.address}' printed '{lines[-1][:60]}': expected one JSON object on its last "
            f'line, such as {{"times_ms": [12.1, 12.0, …]}}.'
        )
    return fields


def _run(job: Job, arguments: list[str]) -> str:
    """Return the output of the command within its time limit; kills everything that it started."""
    with _started(job, arguments) as process:
        try:
            output, errors = process.communicate(timeout=float(str(job.options["time_limit_s"])))
        except subprocess.TimeoutExpired as error:
            raise TargetError(
                f"The command '{job.address}' did not end within {error.timeout:g} s and was killed: "
                f"expected a time by then. Raise time_limit_s in targets.yaml if it needs longer."
            ) from error
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        last = (errors.strip().splitlines() or ["no message"])[-1]
        raise TargetError(
            f"The command '{job.address}' ended with status {process.returncode}: {last[:200]}. Expected "
            f"status 0 and a JSON object."
        )
    return output


def _started(job: Job, arguments: list[str]) -> "subprocess.Popen[str]":
    """Return the process of the command, in a process group of its own."""
    try:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise TargetError(
            f"Cannot start the command '{job.address}': {error.strerror}. Expected a program and its "
            f"arguments."
        ) from error


def _arguments(address: str, path: Path) -> list[str]:
    try:
        words = shlex.split(address)
    except ValueError as error:
        raise TargetError(f"Cannot read the command '{address}': {error}. Check its quotes.") from error
    if not words:
        raise TargetError("The target has no command: expected its 'address' to be a program to run.")
    words[0] = str(Path(words[0]).expanduser()) if words[0].startswith("~") else words[0]
    if any("{model}" in word for word in words):
        return [word.replace("{model}", str(path)) for word in words]
    return [*words, str(path)]


def _latency(job: Job, fields: dict[str, Any]) -> Latency:
    """Return the latency in the output of a command; raise TargetError if it has none."""
    figures: list[Any] = (
        _of_runs(fields["times_ms"]) if "times_ms" in fields else [fields.get(name) for name in _SUMMARY]
    )
    if not all(_is_time(f) for f in figures) or not figures[1] <= figures[0] <= figures[2]:
        raise TargetError(
            f"The command '{job.address}' printed {json.dumps(fields)[:120]}: expected times_ms, "
            f"{_LEAST_RUNS} or more milliseconds above zero, or median_ms within low_ms and high_ms, and "
            f"p90_ms."
        )
    median_ms, low_ms, high_ms, p90_ms = (float(f) for f in figures)
    given = {name: fields[name] for name in _FACTS if isinstance(fields.get(name), str | int | float)}
    defaults: dict[str, Condition] = {"device": job.address, "runtime": "command", "batch": 1}
    return Latency(
        median_ms=median_ms,
        low_ms=low_ms,
        high_ms=high_ms,
        p90_ms=max(median_ms, p90_ms),
        stable=(high_ms - low_ms) <= STABLE_WIDTH * median_ms,
        conditions=defaults | given | {"dtype": job.options["dtype"], **_wall(fields, figures)},
    )


def _of_runs(times_ms: Any) -> list[Any]:
    """Return the median, its interval and the 90 % quantile of runs; None for each if they are not valid."""
    if not isinstance(times_ms, list) or len(times_ms) < _LEAST_RUNS or not all(map(_is_time, times_ms)):
        return [None] * len(_SUMMARY)
    runs_ms = [[float(time_ms)] for time_ms in times_ms]
    median_ms, (_, low_ms, high_ms) = statistics.median(times_ms), quantile_figure(runs_ms, 0.5)
    return [median_ms, min(low_ms, median_ms), max(high_ms, median_ms), quantile_figure(runs_ms, 0.9)[0]]


def _wall(fields: Mapping[str, Any], figures: Sequence[float]) -> dict[str, Condition]:
    """Return the figures on the wall clock: the median, and p90 where its interval is known."""
    found = wall_conditions("median", figures[:3])
    if "times_ms" in fields:
        return found | wall_conditions("p90", quantile_figure([[float(t)] for t in fields["times_ms"]], 0.9))
    p90: list[Any] = [fields.get(name) for name in _P90]
    if not all(map(_is_time, p90)) or not p90[1] <= p90[0] <= p90[2]:
        return found
    return found | wall_conditions("p90", [float(time_ms) for time_ms in p90])


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and type(value) is not bool and math.isfinite(value) and value > 0


TARGET: Final = Command()
