"""Writes the graph of a network as ONNX."""

import contextlib
import io
import warnings
from pathlib import Path

import onnx
import torch

from nas.exports.exported_network import ExportedNetwork


def write_graph(delivery: ExportedNetwork, path: Path) -> None:
    """Write the re-parameterised network as one ONNX file, for any batch, weights inside."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # torch 2.13 warns of what it does itself, and reports its progress on stdout.
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        torch.onnx.export(
            delivery.deployed,
            (delivery.images(2),),  # one image would fix the batch to one
            str(path),
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["images"],
            output_names=["scores"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    onnx.checker.check_model(str(path), full_check=True)
