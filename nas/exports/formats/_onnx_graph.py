"""Exports a network to an ONNX file with torch.onnx."""

import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from nas.exports.exported_network import ExportedNetwork
from nas.exports.preprocessing import Preprocessing, WithPreprocessing


def write_graph(exported: ExportedNetwork, path: Path) -> None:
    """Write the re-parameterised network as one ONNX file with weights and a dynamic batch size."""
    # one image would fix the batch to one
    _write(exported.deployed, exported.images(2), {0: torch.export.Dim("batch")}, path)


def write_graph_of_pixels(exported: ExportedNetwork, preprocessing: Preprocessing, path: Path) -> None:
    """Write the same behind its pre-processing, for images of any size, uint8 [b, h, w, c]."""
    height, width = preprocessing.height + 3, preprocessing.width + 5
    images = torch.zeros(2, height, width, exported.in_channels, dtype=torch.uint8)
    sizes = {axis: torch.export.Dim(name) for axis, name in enumerate(("batch", "height", "width"))}
    _write(WithPreprocessing(preprocessing, exported.deployed).eval(), images, sizes, path)


def _write(network: nn.Module, images: Tensor, sizes: dict[int, Any], path: Path) -> None:
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
            dynamic_shapes=(sizes,),
        )
    onnx.checker.check_model(str(path), full_check=True)
