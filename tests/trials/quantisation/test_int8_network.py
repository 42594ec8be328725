"""The int8 form of a network: what the runtime makes of the exported file, and of which images."""

from pathlib import Path

import numpy as np
import pytest
import torch

import search_spaces
from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats._onnx_graph import write_graph
from nas.exports.formats._onnx_session import scores_of, session
from search_spaces.architecture import Architecture
from trials.images.splits import Images
from trials.quantisation.int8_network import Int8Network
from trials.quantisation.static_int8 import quantise
from trials.training.int8_evaluation import CALIBRATION, calibration_rows


@pytest.fixture(scope="module")
def architecture() -> Architecture:
    """Return a small network of the space for small images, at the lowest cost of ten."""
    space, rng = search_spaces.load("hybrid_small"), np.random.default_rng(0)
    drawn = [space.sample(rng) for _ in range(10)]
    return min(drawn, key=lambda a: search_spaces.count(a, num_classes=3, in_channels=1).macs)


@pytest.mark.slow
def test_the_int8_form_is_the_one_that_is_exported(architecture: Architecture, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = search_spaces.build(architecture, num_classes=3, in_channels=1).eval()
    exported = ExportedNetwork(
        name="net",
        architecture=architecture,
        weights=network.state_dict(),
        num_classes=3,
        in_channels=1,
        mean=(0.5,),
        std=(0.5,),
        calibration=torch.randn(8, 1, architecture.resolution, architecture.resolution),
    )
    assert exported.calibration is not None
    write_graph(exported, tmp_path / "plain.onnx")
    quantise(tmp_path / "plain.onnx", tmp_path / "int8.onnx", exported.calibration)
    images = exported.images(40)
    found = Int8Network(network, exported.calibration)(images)
    assert torch.equal(found, scores_of(session(tmp_path / "int8.onnx"), images))
    assert not torch.equal(found, exported.scores(images))


def test_calibration_images_are_of_all_classes_where_images_lie_by_class() -> None:
    labels = np.repeat(np.arange(10), 50)
    images = Images(images=np.zeros((500, 2, 2, 1), np.uint8), labels=labels)
    rows = calibration_rows(images)
    assert len(rows) == CALIBRATION
    assert len(set(rows.tolist())) == CALIBRATION
    assert set(labels[rows.numpy()]) == set(range(10))
