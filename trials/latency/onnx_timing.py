"""Times an ONNX model with ONNX Runtime on the machine that this runs on.

Needs numpy and onnxruntime and nothing else of ours than `trials.latency.timing`, `trials.latency.host` and
`trials.device_lock`, so that `python3 agent.pyz` can do it on a board.
"""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from trials.latency import host
from trials.latency.timing import Run, Timing, time_network

CPU: Final = "CPUExecutionProvider"


def time_onnx(
    model: bytes,
    reference: bytes,
    *,
    threads: int,
    provider: str = CPU,
    seconds: float,
    nominal_ms: float | None = None,
) -> Timing:
    """Return the time of one run of `model` at batch 1, on pinned threads.

    Args:
        model: An ONNX file with one input of a fixed shape.
        reference: Likewise, the network that the drift of the machine is seen in.
        threads: How many the runtime may use.
        provider: Of ONNX Runtime, for example ``CPUExecutionProvider``.
        seconds: See `trials.latency.timing.time_network`.
        nominal_ms: See `trials.latency.timing.time_network`.

    Raises:
        ValueError: if there are fewer cores than threads, or no such provider.
    """
    check_runtime(threads=threads, provider=provider)
    runs = [onnx_run(m, threads=threads, provider=provider) for m in (model, reference)]
    with pinned(host.cores()[:1]):
        return time_network(*runs, seconds=seconds, nominal_ms=nominal_ms)


def check_runtime(*, threads: int, provider: str = CPU) -> None:
    """Check that this machine can run as asked.

    Raises:
        ValueError: if there are fewer cores than threads, or no such provider.
    """
    if not 1 <= threads <= len(host.cores()):
        raise ValueError(f"threads={threads}: expected 1 to {len(host.cores())}, the cores there")
    if provider not in onnxruntime.get_available_providers():
        known = ", ".join(onnxruntime.get_available_providers())
        raise ValueError(f"provider={provider}: expected one of {known}")


def onnx_run(model: bytes, *, threads: int, provider: str = CPU) -> Run:
    """Return what runs the model so many times and gives the milliseconds of each.

    One thread on a CPU is timed by its own clock, which stands still while another process has the
    core; several threads, or another device, are timed by the wall clock.
    """
    session = onnxruntime.InferenceSession(model, session_options(threads), providers=[provider])
    images = random_images(session)
    clock = time.thread_time_ns if clock_of(threads, provider) == "thread" else time.perf_counter_ns

    def run(count: int) -> Sequence[float]:
        times_ms = []
        for _ in range(count):
            start = clock()
            session.run(None, images)
            times_ms.append((clock() - start) / 1e6)
        return times_ms

    return run


def random_images(session: onnxruntime.InferenceSession) -> dict[str, NDArray[Any]]:
    """Return what the one input of a model is given, the same numbers each time."""
    (entry,) = session.get_inputs()
    kind = np.float16 if entry.type == "tensor(float16)" else np.float32
    return {entry.name: np.random.default_rng(0).standard_normal(entry.shape).astype(kind)}


def clock_of(threads: int, provider: str = CPU) -> str:
    """Return ``thread`` or ``wall``: which clock times a run."""
    return "thread" if threads == 1 and provider == CPU else "wall"


def conditions(*, threads: int, provider: str = CPU) -> dict[str, Any]:
    """Return what a figure of this machine holds for, and what it was like meanwhile."""
    return {
        "device": host.processor(),
        "runtime": "onnxruntime" if provider == CPU else f"onnxruntime {provider}",
        "version": onnxruntime.__version__,
        "threads": threads,
        "batch": 1,
        "clock": clock_of(threads, provider),
        "governor": host.governor(),
        "load": round(host.load(), 2),
    }


def session_options(threads: int) -> Any:
    """Return the options of a session on so many threads, each kept on a core of its own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if threads > 1 and hasattr(os, "sched_setaffinity"):
        others = ";".join(str(core + 1) for core in host.cores()[1:threads])  # counted from 1 there
        options.add_session_config_entry("session.intra_op_thread_affinities", others)
    return options


@contextmanager
def pinned(cores: Sequence[int]) -> Iterator[None]:
    """Keep the calling thread on some cores for a while, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
