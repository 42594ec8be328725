"""Exports a network to an ONNX file with torch.onnx."""

import contextlib
import io
import warnings
from pathlib import Path

import onnx
import torch

from nas.exports.exported_network import ExportedNetwork


def write_graph(exported: ExportedNetwork, path: Path) -> None:
    """Write the re-parameterised network as one ONNX file with weights and a dynamic batch size."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        # torch 2.13 warns about its own code, and prints its progress to stdout.
        warnings.filterwarnings("ignore", message=".*LeafSpec", category=FutureWarning)
        torch.onnx.export(
            exported.deployed,
            (exported.images(2),),  # one image would fix the batch to one
            str(path),
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["images"],
            output_names=["scores"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    onnx.checker.check_model(str(path), full_check=True)
