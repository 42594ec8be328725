"""Export format onnx: an ONNX file with dynamic batch, checked in onnxruntime against the network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter
from nas.exports.formats._onnx_graph import write_graph, write_graph_of_pixels
from nas.exports.formats._onnx_session import scores_of, session
from nas.exports.preprocessing import Preprocessing
from search_spaces.errors import ExportError
from trials.images.decoding import PixelFormat, decode_image
from trials.training.batches import Preprocessor

TOLERANCE: Final = 1e-4
_BATCHES: Final = (1, 7)


class Onnx(Exporter):
    """Writes ``<name>.onnx``: images [batch, c, r, r] to scores [batch, classes], weights inside.

    With its pre-processing inside, it takes images of any size, uint8 [batch, height, width, c].
    """

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return (f"{name}.onnx",)

    @override
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        path = folder / f"{exported.name}.onnx"
        if exported.with_preprocessing:
            _write_of_pixels(exported, path)
            return
        write_graph(exported, path)
        running = session(path)
        for images in (*map(exported.images, _BATCHES), *_real(exported)):
            exported.compare("ONNX form", scores_of(running, images), exported.scores(images), TOLERANCE)


def _write_of_pixels(exported: ExportedNetwork, path: Path) -> None:
    """Write the network behind its pre-processing, and compare it on images of several sizes."""
    if exported.decoded is None:
        raise ExportError(
            f"Cannot put the pre-processing of '{exported.name}' into its ONNX file: expected to know the "
            f"size of the images of the search. Restore the images, or leave --with-preprocessing out."
        )
    side = exported.architecture.resolution
    write_graph_of_pixels(exported, Preprocessing(exported.decoded, exported.mean, exported.std, side), path)
    running = session(path)
    prepare = Preprocessor(exported.mean, exported.std, side, torch.device("cpu"))
    for images in _pictures(exported.decoded):
        scores = exported.scores(prepare(decoded_batch(images, exported.decoded)))
        exported.compare("ONNX form", scores_of(running, images), scores, TOLERANCE)


def _pictures(decoded: tuple[int, int, int]) -> Iterator[Tensor]:
    """Yield random images, uint8 [b, h, w, c]: of the size that the search decodes to, and of others."""
    height, width, channels = decoded
    generator = torch.Generator().manual_seed(0)
    for h, w in ((height, width), (2 * height + 7, width + 3), (height + 2, 3 * width + 1)):
        yield torch.randint(0, 256, (2, h, w, channels), generator=generator, dtype=torch.uint8)


def decoded_batch(images: Tensor, decoded: tuple[int, int, int]) -> Tensor:
    """Return images, uint8 [b, h, w, c], as a search decodes them, in [0, 1], [b, c, h, w]."""
    height, width, channels = decoded
    pixel_format = PixelFormat(height=height, width=width, channels=channels)
    pixels = [decode_image(image.numpy(), pixel_format) for image in images]
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float().mul_(1 / 255)


def _real(exported: ExportedNetwork) -> Iterator[Tensor]:
    """Yield the calibration images in batches of the same sizes, if there are any."""
    if exported.calibration is not None:
        yield from (exported.calibration[:batch] for batch in _BATCHES)


EXPORTER = Onnx()
