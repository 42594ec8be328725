"""Export format litert_int8: a statically quantised LiteRT file, with its accuracy beside fp32."""

from pathlib import Path
from typing import Any

import torch
from typing_extensions import override

from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter
from nas.exports.formats._litert_file import converted, scores_of, write_record
from nas.exports.int8_checks import calibration_of, checked_similarity


class LitertInt8(Exporter):
    """Writes ``<name>_int8.tflite``, and ``<name>_int8_litert.json`` with accuracy, latency and memory.

    Weights are int8, scaled per channel; images, activations and scores are int8 with scales in the file.
    """

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return f"{name}_int8.tflite", f"{name}_int8_litert.json"

    @override
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        images = calibration_of(exported, "litert_int8")
        model, record = (folder / file for file in self.files(exported.name))
        file = converted(exported, "int8")
        found, expected = scores_of(exported, file, images), exported.scores(images)
        cosine = checked_similarity(exported, "litert_int8", expected, found)
        facts = {"calibration_images": len(images), "cosine_to_fp32": cosine, **_accuracy(exported, file)}
        model.write_bytes(file)
        write_record(exported, file, "int8", record, **facts)


def _accuracy(exported: ExportedNetwork, file: bytes) -> dict[str, Any]:
    """Return the accuracy of both forms on the held-out images, if there are any."""
    if exported.held_out is None:
        return {}
    images, labels = exported.held_out
    forms = {
        "fp32": torch.cat([exported.scores(batch) for batch in images.split(64)]),
        "int8": scores_of(exported, file, images),
    }
    accuracy = {form: float((s.argmax(dim=1) == labels).double().mean()) for form, s in forms.items()}
    return {"images": len(labels), "split": exported.held_out_split, "accuracy": accuracy}


EXPORTER = LitertInt8()
