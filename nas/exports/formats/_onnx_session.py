"""Runs ONNX files with onnxruntime, as the machine that they are made for will."""

import statistics
import time
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from jaxtyping import Float
from torch import Tensor


def session(path: Path) -> Any:
    """Return an ONNX file opened on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def scores_of(running: Any, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b classes"]:
    """Return what an opened file makes of images."""
    (found,) = running.run(None, {running.get_inputs()[0].name: images.numpy()})
    return torch.from_numpy(found)


def latency_ms(running: Any, image: Float[Tensor, "1 c r r"], runs: int = 30) -> float:
    """Return the median milliseconds of an opened file for one image, on one thread."""
    taken = []
    for _ in range(runs + 3):
        start = time.perf_counter()
        scores_of(running, image)
        taken.append(1000 * (time.perf_counter() - start))
    return statistics.median(taken[3:])  # the first runs warm up
