"""Export format onnx: an ONNX file with dynamic batch, checked in onnxruntime against the network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from torch import Tensor
from typing_extensions import override

from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter
from nas.exports.formats._onnx_graph import write_graph
from nas.exports.formats._onnx_session import scores_of, session

TOLERANCE: Final = 1e-4
_BATCHES: Final = (1, 7)


class Onnx(Exporter):
    """Writes ``<name>.onnx``: images [batch, c, r, r] to scores [batch, classes], weights inside."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return (f"{name}.onnx",)

    @override
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        path = folder / f"{exported.name}.onnx"
        write_graph(exported, path)
        running = session(path)
        for images in (*map(exported.images, _BATCHES), *_real(exported)):
            exported.compare("ONNX form", scores_of(running, images), exported.scores(images), TOLERANCE)


def _real(exported: ExportedNetwork) -> Iterator[Tensor]:
    """Yield the calibration images in batches of the same sizes, if there are any."""
    if exported.calibration is not None:
        yield from (exported.calibration[:batch] for batch in _BATCHES)


EXPORTER = Onnx()
