"""Times the layers of an ONNX model with ONNX Runtime's own profiler, on the machine that this runs on.

Like `trials.latency.onnx_timing`, it needs numpy and onnxruntime and nothing else of ours than files that
travel to a board with it.
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

from trials.latency import host
from trials.latency.onnx_timing import CPU, pinned, random_images, session_options

_WARM_RUNS: Final = 5
_LEAST_RUNS: Final = 20
_KERNEL: Final = "_kernel_time"

Layer = dict[str, Any]
"""The ``name``, ``kind``, ``moved_bytes`` and ``time_ms`` of `trials.latency.layer_times.LayerTime`."""


def time_layers(
    model: bytes, peak: bytes, stream: bytes, *, threads: int, provider: str = CPU, seconds: float
) -> dict[str, Any]:
    """Return the ``layers`` of a model, the ``peak_ms`` of one that computes and ``stream_bytes_per_ms``.

    Args:
        model: An ONNX file with one input of a fixed shape.
        peak: A model that computes as fast as the machine can.
        stream: A model that moves more than fits its caches.
        threads: How many the runtime may use.
        provider: Of ONNX Runtime.
        seconds: About how long the model is run.
    """
    with pinned(host.cores()[:1]):
        layers, dense, moving = (
            layers_of(_events(m, threads=threads, provider=provider, seconds=s))
            for m, s in ((model, seconds), (peak, seconds / 4), (stream, seconds / 4))
        )
    return {
        "layers": layers,
        "peak_ms": sum(layer["time_ms"] for layer in dense),
        "stream_bytes_per_ms": max(layer["moved_bytes"] / layer["time_ms"] for layer in moving),
    }


def layers_of(runs: Sequence[Sequence[dict[str, Any]]]) -> list[Layer]:
    """Return the layers in the profile of some runs of one model, each with its median time.

    Operations of one module are one layer; what the runtime put between modules, such as a change of
    the memory layout, belongs to the module before it.

    Args:
        runs: The operations of each run, as the profiler tells them.
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
    """Return the module that an operation of torch's tracing exporter belongs to, None where none is named.

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
    operations = {"Mul", "Sigmoid", "MatMul"}  # a fused operation keeps the name of one that it swallowed
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
        told = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    kernels = [e for e in told if e.get("cat") == "Node" and e["name"].endswith(_KERNEL)]
    length = len(kernels) // count
    return [kernels[i * length : (i + 1) * length] for i in range(_WARM_RUNS, count)]


def _moved_bytes(args: dict[str, Any]) -> int:
    """Return the bytes of maps read and written; weights that were packed beforehand are not told."""
    return sum(int(args.get(name, 0)) for name in ("activation_size", "output_size"))
