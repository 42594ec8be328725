"""Export format onnx_int8: statically quantised ONNX, with its accuracy and latency beside fp32."""

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import onnxruntime
import torch
from torch import Tensor
from typing_extensions import override

from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats import Exporter
from nas.exports.formats._onnx_graph import write_graph
from nas.exports.formats._onnx_session import scores_of, session
from nas.exports.int8_checks import calibration_of, checked_similarity
from search_spaces.weight_bits import marked_blocks
from trials.device_lock import measuring
from trials.latency.host_lock import host_lock
from trials.latency.onnx_model import reference_model
from trials.latency.onnx_timing import time_onnx
from trials.latency_measurement import SECONDS
from trials.quantisation.fake_int8_network import FakeInt8Network
from trials.quantisation.static_int8 import quantise


class OnnxInt8(Exporter):
    """Writes ``<name>_int8.onnx``, and ``<name>_int8.json`` with accuracy and latency of int8 and fp32."""

    @override
    def files(self, name: str) -> tuple[str, ...]:
        return f"{name}_int8.onnx", f"{name}_int8.json"

    @override
    def write(self, exported: ExportedNetwork, folder: Path) -> None:
        images = calibration_of(exported, "onnx_int8")
        quantised, measured = (folder / file for file in self.files(exported.name))
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            plain = Path(scratch, "plain.onnx")
            write_graph(exported, plain)
            quantise(plain, quantised, images, marked_blocks(exported.network))
            record = _measure(exported, images, {"fp32": plain, "int8": quantised})
        measured.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _measure(exported: ExportedNetwork, calibration: Tensor, files: dict[str, Path]) -> dict[str, Any]:
    """Return accuracy and latency of both forms, after checking that their scores are similar."""
    forms = {form: session(file) for form, file in files.items()}
    fp32, int8 = (scores_of(running, calibration) for running in forms.values())
    four_bits = marked_blocks(exported.network)
    # few bits change scores, which the search has valued: what is checked is that the file holds these
    expected = _trained_scores(exported, calibration) if four_bits else fp32
    cosine = checked_similarity(exported, "onnx_int8", expected, int8)
    record: dict[str, Any] = {
        "version": 1,
        "calibration_images": len(calibration),
        ("cosine_to_fake_quantised" if four_bits else "cosine_to_fp32"): cosine,
        "runtime": f"onnxruntime {onnxruntime.__version__}, CPU, 1 thread, batch 1",
        "latency_ms": {form: _latency_ms(file) for form, file in files.items()},
    }
    if four_bits:
        record |= {"four_bit_blocks": list(four_bits), "weights_bytes": exported.costs.weights // 4}
    if exported.held_out is not None:
        images, labels = exported.held_out
        record |= {"images": len(labels), "split": exported.held_out_split, "metric": "accuracy"}
        record["weights"] = exported.provenance.get("weights", "")
        right = {form: _right(running, images, labels) for form, running in forms.items()}
        record["accuracy"] = {form: float(each.mean()) for form, each in right.items()}
        record["int8_minus_fp32"] = _paired_difference(right["int8"], right["fp32"])
        if (exported.recipe or {}).get("fake_quant_from", 1.0) < 1:
            record["predictions_as_trained"] = _alike(exported, calibration, forms["int8"], images)
    return record


def _latency_ms(file: Path) -> float:
    """Return the milliseconds of an ONNX file for one image on one thread, timed as a target times it."""
    with measuring(host_lock()):
        return time_onnx(file.read_bytes(), reference_model("fp32"), threads=1, seconds=SECONDS).median_ms


def _right(running: Any, images: Tensor, labels: Tensor) -> Tensor:
    """Return 1 for each image that is classified right, else 0, [n]."""
    found = torch.cat([scores_of(running, batch).argmax(dim=1) for batch in images.split(64)])
    return (found == labels).double()


@torch.no_grad()
def _alike(exported: ExportedNetwork, calibration: Tensor, int8: Any, images: Tensor) -> float:
    """Return the share of images of which the file predicts what the fake-quantised network does."""
    trained = FakeInt8Network(exported.deployed, calibration)
    same = [trained(b).argmax(dim=1) == scores_of(int8, b).argmax(dim=1) for b in images.split(64)]
    return float(torch.cat(same).double().mean())


@torch.no_grad()
def _trained_scores(exported: ExportedNetwork, calibration: Tensor) -> Tensor:
    """Return what the fake-quantised network gives for the images that calibrate it, [n, classes]."""
    trained = FakeInt8Network(exported.deployed, calibration)
    return torch.cat([trained(batch) for batch in calibration.split(64)])


def _paired_difference(one: Tensor, other: Tensor) -> dict[str, float]:
    """Return the difference of two accuracies on the same images with its 95 % interval.

    Agresti and Min, 2005, https://doi.org/10.1002/sim.1781: half an image is added to each of the four
    combinations of right and wrong, so that forms that agree on all images differ by an interval, not by 0.

    Args:
        one: 1 for each image that is classified right, else 0, [n].
        other: The same of the other form.
    """
    images = len(one) + 2
    more, less = (float((one > other).sum()) + 0.5, float((one < other).sum()) + 0.5)
    centre = (more - less) / images
    half = 1.96 * math.sqrt(more + less - (more - less) ** 2 / images) / images
    return {"value": float((one - other).mean()), "low": centre - half, "high": centre + half}


EXPORTER = OnnxInt8()
