"""Runs ONNX files with onnxruntime, as the machine that they are made for will."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from trials.latency.onnx_timing import session_options
from trials.quantisation.exact_sums import exact_session


def session(path: Path) -> Any:
    """Return an ONNX file opened on one thread of the CPU, with sums as on the devices it is for."""
    return exact_session(path, session_options(1))


def scores_of(running: Any, images: Shaped[Tensor, "b ..."]) -> Float[Tensor, "b classes"]:
    """Return what an opened file makes of images."""
    (found,) = running.run(None, {running.get_inputs()[0].name: images.numpy()})
    return torch.from_numpy(found)
