"""The int8 form of a network: what the runtime makes of the exported file, and of which images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import search_spaces
from nas.exports.exported_network import ExportedNetwork
from nas.exports.formats._onnx_graph import write_graph
from nas.exports.formats._onnx_session import scores_of, session
from search_spaces.architecture import Architecture
from tests.nas.exports.networks import every_part
from trials.images.splits import Images
from trials.quantisation.fake_int8_network import FakeInt8Network
from trials.quantisation.int8_network import Int8Network
from trials.quantisation.static_int8 import quantise
from trials.training.int8_evaluation import CALIBRATION, calibration_rows

PARTS = every_part()
DIFFICULT = (
    "block-moat",  # a mean over an odd edge
    "block-mobilevit_v2",  # a bias that layers share
    "mixer-cross_covariance_attention",  # tensors expanded to computed shapes
    "mixer-global_local_mixing",
)
ODD = 36  # sides of 9 and 5 behind strides
CLOSE = 0.25  # a mean that counts what lies beyond the edge makes it 0.4


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


def apart(name: str) -> float:
    """Return how far the runtime is from fake quantisation at odd sides, in deviations of the scores."""
    architecture = replace(PARTS[name], resolution=ODD)
    torch.manual_seed(0)
    network = search_spaces.build(architecture, num_classes=5).train()
    images = torch.randn(32, 3, ODD, ODD)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network(images)
        expected = FakeInt8Network(network.eval(), images)(images)
    found = Int8Network(network, images)(images)
    error, spread = (found - expected).square().mean(), (expected - expected.mean(0)).square().mean()
    return float((error / spread).sqrt())


@pytest.mark.slow
@pytest.mark.parametrize("name", DIFFICULT)
def test_the_runtime_computes_what_is_fake_quantised(name: str) -> None:
    assert apart(name) < CLOSE


@pytest.mark.long
@pytest.mark.parametrize("name", sorted({*PARTS} - {*DIFFICULT}))
def test_the_runtime_computes_so_for_every_other_part(name: str) -> None:
    assert apart(name) < CLOSE


def test_calibration_images_are_of_all_classes_where_images_lie_by_class() -> None:
    labels = np.repeat(np.arange(10), 50)
    images = Images(images=np.zeros((500, 2, 2, 1), np.uint8), labels=labels)
    rows = calibration_rows(images)
    assert len(rows) == CALIBRATION
    assert len(set(rows.tolist())) == CALIBRATION
    assert set(labels[rows.numpy()]) == set(range(10))
