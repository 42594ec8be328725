"""Times a LiteRT model on this machine, on pinned threads, and measures the arena of its activations.

Needs only numpy, ai-edge-litert and modules that are packed into ``agent.pyz``
(`trials.latency.timing_agent`), so that it also runs on a board.
"""

from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from trials.latency import host
from trials.latency.pinned_threads import check_threads, pinned, timed
from trials.latency.timing_protocol import QUICKEST, Run, Timing, time_network
from trials.usable_cores import usable_cores


def time_litert(
    model: bytes,
    reference: bytes,
    *,
    threads: int,
    seconds: float,
    nominal_ms: float | None = None,
    figure: str = QUICKEST,
) -> Timing:
    """Return the time of one run of `model` at batch 1, on pinned threads.

    Args:
        model: LiteRT file (``.tflite``) with one input of a fixed shape.
        reference: LiteRT file of the reference network, whose times show the drift of the machine.
        threads: Number of threads that the runtime may use.
        seconds: See `trials.latency.timing_protocol.time_network`.
        nominal_ms: See `trials.latency.timing_protocol.time_network`.
        figure: See `trials.latency.timing_protocol.time_network`.

    Raises:
        ValueError: if there are fewer cores than threads, or the runtime lacks an operator of the model.
    """
    check_threads(threads)
    with pinned(usable_cores()[:threads]):  # its threads are started here, and stay on these cores
        runs = [litert_run(m, threads=threads) for m in (model, reference)]
        return time_network(*runs, seconds=seconds, nominal_ms=nominal_ms, figure=figure)


def opened(model: bytes, *, threads: int = 1) -> Interpreter:
    """Return a LiteRT file that is ready to run.

    Raises:
        ValueError: if the runtime lacks an operator of the model, or the file is none.
    """
    try:
        interpreter = Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
    except RuntimeError as error:
        raise ValueError(" ".join(str(error).split())) from error
    return interpreter


def outputs(interpreter: Interpreter, images: NDArray[Any]) -> NDArray[Any]:
    """Return the scores of images, [n, r, r, c] -> [n, classes], one image at a time, both fp32.

    Images and scores of an int8 file are rounded and scaled as the file says.

    Raises:
        ValueError: if the runtime cannot compute one, as where int8 has rounded a divisor to 0.
    """
    (entry,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for image in images:
        interpreter.set_tensor(entry["index"], _stored(image[None], entry))
        _run(interpreter)
        found.append(_real(interpreter.get_tensor(scores["index"])[0], scores))
    return np.stack(found)


def _run(interpreter: Interpreter) -> None:
    try:
        interpreter.invoke()
    except RuntimeError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _stored(values: NDArray[Any], tensor: dict[str, Any]) -> NDArray[Any]:
    """Return fp32 values as a tensor of a file holds them."""
    scale, zero = tensor["quantization"]
    if not scale:
        return values
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.round(values / scale) + zero, limits.min, limits.max).astype(tensor["dtype"])


def _real(values: NDArray[Any], tensor: dict[str, Any]) -> NDArray[Any]:
    """Return the fp32 values that a tensor of a file stands for."""
    scale, zero = tensor["quantization"]
    return (values.astype(np.float32) - zero) * np.float32(scale) if scale else values


def litert_run(model: bytes, *, threads: int) -> Run:
    """Return a function that runs the model a number of times and returns the milliseconds of each run."""
    interpreter = opened(model, threads=threads)
    (entry,) = interpreter.get_input_details()
    image = np.random.default_rng(0).standard_normal(entry["shape"]).astype(np.float32)
    interpreter.set_tensor(entry["index"], _stored(image, entry))
    return timed(partial(_run, interpreter), clock_of(threads))


def arena_bytes(model: bytes) -> int:
    """Return the bytes that the runtime's own planner lays out for the activations of a model at batch 1.

    Its plain kernels are asked, which microcontrollers run too; the kernels for processors (XNNPACK) allocate
    for themselves. It holds the scratch memory of kernels, which the closed form of ``peak`` does not count.
    """
    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=model, num_threads=1, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    spans = list(_arena_spans(interpreter, model))
    return max(end for _, end in spans) - min(start for start, _ in spans)


def _arena_spans(interpreter: Interpreter, model: bytes) -> Iterator[tuple[int, int]]:
    """Yield first and last address of each tensor outside the file, where the constants are."""
    file = np.frombuffer(model, np.uint8)
    for tensor in interpreter.get_tensor_details():
        try:
            found = interpreter.tensor(tensor["index"])()
        except ValueError:  # an operator that was folded left it without memory
            continue
        if not isinstance(found, np.ndarray):  # a single number, whose address numpy does not tell
            continue
        start = found.ctypes.data
        if not file.ctypes.data <= start < file.ctypes.data + file.nbytes:
            yield start, start + found.nbytes


def clock_of(threads: int) -> str:
    """Return the clock that times a run, ``thread`` or ``wall``."""
    return "thread" if threads == 1 else "wall"


def conditions(*, threads: int) -> dict[str, Any]:
    """Return the conditions of a measurement on this machine, with its present load and governor."""
    return {
        "device": host.processor(),
        "runtime": "litert",
        "version": version("ai-edge-litert"),
        "threads": threads,
        "batch": 1,
        "clock": clock_of(threads),
        "governor": host.governor(),
        "load": round(host.load(), 2),
    }
