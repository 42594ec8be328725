"""Times an ONNX model with ONNX Runtime on this machine, on pinned threads.

Needs only numpy, onnxruntime and modules that are packed into ``agent.pyz``
(`trials.latency.timing_agent`), so that it also runs on a board.
"""

import os
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from trials.latency import host
from trials.latency.pinned_threads import check_threads, pinned, timed
from trials.latency.timing_protocol import QUICKEST, Run, Timing, time_network
from trials.usable_cores import usable_cores

CPU: Final = "CPUExecutionProvider"


def time_onnx(
    model: bytes,
    reference: bytes,
    *,
    threads: int,
    provider: str = CPU,
    seconds: float,
    nominal_ms: float | None = None,
    figure: str = QUICKEST,
) -> Timing:
    """Return the time of one run of `model` at batch 1, on pinned threads.

    Args:
        model: ONNX file with one input, of a fixed shape but for the batch.
        reference: ONNX file of the reference network, whose times show the drift of the machine.
        threads: Number of threads that the runtime may use.
        provider: Execution provider of ONNX Runtime, for example ``CPUExecutionProvider``.
        seconds: See `trials.latency.timing_protocol.time_network`.
        nominal_ms: See `trials.latency.timing_protocol.time_network`.
        figure: See `trials.latency.timing_protocol.time_network`.

    Raises:
        ValueError: if there are fewer cores than threads, or no such provider.
    """
    check_runtime(threads=threads, provider=provider)
    runs = [onnx_run(m, threads=threads, provider=provider) for m in (model, reference)]
    with pinned(usable_cores()[:1]):
        return time_network(*runs, seconds=seconds, nominal_ms=nominal_ms, figure=figure)


def check_runtime(*, threads: int, provider: str = CPU) -> None:
    """Check that this machine has the cores and the provider.

    Raises:
        ValueError: if there are fewer cores than threads, or no such provider.
    """
    check_threads(threads)
    if provider not in onnxruntime.get_available_providers():
        known = ", ".join(onnxruntime.get_available_providers())
        raise ValueError(f"provider={provider}: expected one of {known}")


def onnx_run(model: bytes, *, threads: int, provider: str = CPU) -> Run:
    """Return a function that runs the model a number of times and returns the milliseconds of each run.

    One thread on a CPU is timed by its thread clock too, which stops while another process has the core;
    several threads, or another device, are timed by the wall clock alone.
    """
    session = onnxruntime.InferenceSession(model, session_options(threads), providers=[provider])
    images = random_images(session)
    return timed(lambda: session.run(None, images), clock_of(threads, provider))


def random_images(session: onnxruntime.InferenceSession) -> dict[str, NDArray[Any]]:
    """Return one random image for the one input of a model, the same each time."""
    (entry,) = session.get_inputs()
    shape = [side if isinstance(side, int) else 1 for side in entry.shape]  # a file for any batch names it
    kind = np.float16 if entry.type == "tensor(float16)" else np.float32
    return {entry.name: np.random.default_rng(0).standard_normal(shape).astype(kind)}


def clock_of(threads: int, provider: str = CPU) -> str:
    """Return the clock that times a run, ``thread`` or ``wall``."""
    return "thread" if threads == 1 and provider == CPU else "wall"


def conditions(*, threads: int, provider: str = CPU) -> dict[str, Any]:
    """Return the conditions of a measurement on this machine, with its present load and governor."""
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
    """Return the options of a session whose threads are pinned to one core each."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if threads > 1 and hasattr(os, "sched_setaffinity"):
        others = ";".join(str(core + 1) for core in usable_cores()[1:threads])  # counted from 1 there
        options.add_session_config_entry("session.intra_op_thread_affinities", others)
    return options
