"""Writes a network as an ONNX file by torch's exporter, the graph that exports deliver and quantise."""

import contextlib
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn


def write_onnx(network: nn.Module, images: Tensor, sizes: Mapping[int, Any], path: Path) -> None:
    """Write a network with its weights inside, from ``images`` to ``scores``.

    Args:
        network: Network in evaluation mode, re-parameterised, in main memory.
        images: Input that the network is traced with; two or more images, as one would fix the batch to one.
        sizes: `torch.export.Dim` of each axis of the input that may vary.
        path: File to write.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # torch 2.13 warns about its own code, and prints its progress to stdout.
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        torch.onnx.export(
            network,
            (images,),
            str(path),
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["images"],
            output_names=["scores"],
            dynamic_shapes=(dict(sizes),),
        )
    onnx.checker.check_model(str(path), full_check=True)
