"""Export format litert: a LiteRT file (``.tflite``), checked in the runtime against the network."""

from pathlib import Path
from typing import Final

from typing_extensions import override

from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter
from nas.exports.formats._litert_file import converted, scores_of, write_record

TOLERANCE: Final = 1e-3
_IMAGES: Final = 4


class Litert(Exporter):
    """Writes ``<name>.tflite``, one image [1, r, r, c] to scores [1, classes], and ``<name>_litert.json``."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return f"{name}.tflite", f"{name}_litert.json"

    @override
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        model, record = (folder / file for file in self.files(exported.name))
        file = converted(exported, "fp32")
        random, real = exported.images(_IMAGES), exported.calibration
        for images in (random,) if real is None else (random, real[:_IMAGES]):
            found = scores_of(exported, file, images)
            exported.compare("LiteRT form", found, exported.scores(images), TOLERANCE)
        model.write_bytes(file)
        write_record(exported, file, "fp32", record)


EXPORTER = Litert()
