"""Exports a network to ONNX with torch.onnx."""

from pathlib import Path

import torch

from nas.exports.exported_network import ExportedNetwork
from nas.exports.preprocessing import Preprocessing, WithPreprocessing
from trials.quantisation.onnx_graph import write_onnx


def write_graph(exported: ExportedNetwork, path: Path) -> None:
    """Write the re-parameterised network as one ONNX file with weights and a dynamic batch size."""
    write_onnx(exported.deployed, exported.images(2), {0: torch.export.Dim("batch")}, path)


def write_graph_of_pixels(exported: ExportedNetwork, preprocessing: Preprocessing, path: Path) -> None:
    """Write the same behind its pre-processing, for images of any size, uint8 [b, h, w, c]."""
    height, width = preprocessing.height + 3, preprocessing.width + 5
    images = torch.zeros(2, height, width, exported.in_channels, dtype=torch.uint8)
    sizes = {axis: torch.export.Dim(name) for axis, name in enumerate(("batch", "height", "width"))}
    write_onnx(WithPreprocessing(preprocessing, exported.deployed).eval(), images, sizes, path)
