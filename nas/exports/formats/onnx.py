"""ONNX for any batch, compared with the network in onnxruntime."""

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
    def write(self, delivery: ExportedNetwork, folder: Path) -> None:
        path = folder / f"{delivery.name}.onnx"
        write_graph(delivery, path)
        running = session(path)
        for images in (*map(delivery.images, _BATCHES), *_real(delivery)):
            delivery.compare("ONNX form", scores_of(running, images), delivery.scores(images), TOLERANCE)


def _real(delivery: ExportedNetwork) -> Iterator[Tensor]:
    """Yield real images in batches of the same sizes, where there are any."""
    if delivery.calibration is not None:
        yield from (delivery.calibration[:batch] for batch in _BATCHES)


EXPORTER = Onnx()
