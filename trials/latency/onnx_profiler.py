"""Times the layers of an ONNX model with ONNX Runtime's profiler on this machine.

Needs only numpy, onnxruntime and modules that are packed into ``agent.pyz``
(`trials.latency.timing_agent`), so that it also runs on a board.
"""

import json
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import onnxruntime

from trials.latency.onnx_timing import CPU, random_images, session_options
from trials.latency.pinned_threads import pinned
from trials.usable_cores import usable_cores

_WARM_RUNS: Final = 5
_LEAST_RUNS: Final = 20
_KERNEL: Final = "_kernel_time"

Layer = dict[str, Any]
"""The ``name``, ``kind``, ``moved_bytes`` and ``time_ms`` of `trials.latency.layer_times.LayerTime`."""


def time_layers(
    model: bytes, peak: bytes, stream: bytes, *, threads: int, provider: str = CPU, seconds: float
) -> dict[str, Any]:
    """Return ``layers`` of a model, ``peak_ms`` of the model `peak`, and ``stream_bytes_per_ms`` of `stream`.

    Args:
        model: ONNX file with one input of a fixed shape.
        peak: ONNX file of a model that computes at the peak rate of the machine.
        stream: ONNX file of a model that moves more data than fits into the caches.
        threads: Number of threads that the runtime may use.
        provider: Execution provider of ONNX Runtime.
        seconds: Approximate duration of running the model.
    """
    with pinned(usable_cores()[:1]):
        layers, peak_layers, stream_layers = (
            layers_of(_events(m, threads=threads, provider=provider, seconds=s))
            for m, s in ((model, seconds), (peak, seconds / 4), (stream, seconds / 4))
        )
    return {
        "layers": layers,
        "peak_ms": sum(layer["time_ms"] for layer in peak_layers),
        "stream_bytes_per_ms": max(layer["moved_bytes"] / layer["time_ms"] for layer in stream_layers),
    }


def layers_of(runs: Sequence[Sequence[dict[str, Any]]]) -> list[Layer]:
    """Return the layers in the profile of some runs of one model, each with its median time.

    Operations of one module are one layer; operations that the runtime inserted between modules, such as
    a change of the memory layout, belong to the module before them.

    Args:
        runs: Operations of each run, as the profiler reports them.
    """
    quickest = sorted(runs, key=lambda run: sum(event["dur"] for event in run))[: max(1, len(runs) // 2)]
    times_us: dict[str, list[float]] = defaultdict(list)
    for run in quickest:
        for event in run:
            times_us[event["name"]].append(event["dur"])
    found: dict[str, Layer] = {}
    longest: dict[str, float] = defaultdict(float)
    path = "input"
    for event in quickest[0]:
        path = module_path(event["name"]) or path
        time_ms = max(statistics.median(times_us[event["name"]]), 0.5) / 1000  # the clock ticks in µs
        layer = found.setdefault(path, {"name": path, "kind": "", "moved_bytes": 0, "time_ms": 0.0})
        layer["moved_bytes"] += _moved_bytes(event["args"])
        layer["time_ms"] += time_ms
        if time_ms > longest[path]:
            longest[path], layer["kind"] = time_ms, event["args"]["op_name"]
    return list(found.values())


def module_path(node: str) -> str | None:
    """Return the path of the module of an operation from torch's tracing exporter; None if it has none.

    ``/stages/stages.1/stages.1.0/mlp/mlp.3/Conv_kernel_time`` is in ``stages.1.0.mlp.3``.
    """
    if not node.startswith("/"):
        return None
    found: list[str] = []
    for scope in node.split("/")[1:-1]:
        if found and scope.startswith(found[-1] + "."):
            found[-1] = scope  # an element of a Sequential names its parent again
        elif "Fusion" not in scope:
            found.append(scope)
    operations = {"Mul", "Sigmoid", "MatMul"}  # a fused operation keeps the name of one of its parts
    while found and found[-1].split("_")[0] in operations:
        found.pop()
    return ".".join(found) or None


def _events(model: bytes, *, threads: int, provider: str, seconds: float) -> list[list[dict[str, Any]]]:
    """Return the operations of each of some runs, after a warm-up."""
    with tempfile.TemporaryDirectory() as folder:
        options = session_options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = onnxruntime.InferenceSession(model, options, providers=[provider])
        images = random_images(session)
        count, end = 0, time.monotonic() + seconds
        while count < _WARM_RUNS + _LEAST_RUNS or (time.monotonic() < end and count < 1000):
            session.run(None, images)
            count += 1
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    kernels = [e for e in events if e.get("cat") == "Node" and e["name"].endswith(_KERNEL)]
    length = len(kernels) // count
    return [kernels[i * length : (i + 1) * length] for i in range(_WARM_RUNS, count)]


def _moved_bytes(args: dict[str, Any]) -> int:
    """Return the bytes of activations read and written; the profiler does not report packed weights."""
    return sum(int(args.get(name, 0)) for name in ("activation_size", "output_size"))
