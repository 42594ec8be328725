"""Quantisation-aware training: the exported int8 form says of images what the trained network says."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

import search_spaces
from search_spaces.architecture import Architecture
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.latency.onnx_model import deployed
from trials.quantisation.fake_int8_network import FakeInt8Network
from trials.quantisation.fake_quantisation import Ranges, fake_quantised
from trials.quantisation.int8_network import Int8Network
from trials.quantisation.onnx_graph import write_onnx
from trials.quantisation.static_int8 import quantise
from trials.recipes import RECIPES
from trials.training.batches import BatchSource, Preprocessor
from trials.training.int8_evaluation import calibration_images
from trials.training.loop import train

ALIKE = 0.99  # of predictions
CPU = torch.device("cpu")
CIFAR = Path("../shared/data/cifar10")


def small() -> nn.Sequential:
    """Return a network of what a quantiser treats in its own ways: clips, gates, norms, linear layers."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, stride=2, padding=1), nn.BatchNorm2d(32), nn.SiLU()),
        *(nn.Conv2d(32, 32, 3, padding=1, groups=32), nn.BatchNorm2d(32), nn.ReLU6()),
        *(nn.GroupNorm(1, 32), nn.Conv2d(32, 32, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(2)),
        *(nn.Flatten(), nn.Linear(128, 32), nn.ReLU(), nn.Linear(32, 10)),
    )


def images_of(splits: Splits, resolution: int, *, validation: bool) -> tuple[Tensor, Tensor]:
    source = BatchSource(splits.validation if validation else splits.train, CPU)
    images, labels = source.batch(torch.arange(min(2000, len(source))))
    return Preprocessor(splits.mean, splits.std, resolution, CPU)(images), labels


@torch.no_grad()
def predicted(network: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([network(batch).argmax(1) for batch in images.split(128)])


def alike(network: nn.Module, splits: Splits, resolution: int) -> tuple[float, float]:
    """Return the share of validation images on which both forms agree, and the accuracy of the int8 form."""
    calibration = calibration_images(splits, resolution)
    images, labels = images_of(splits, resolution, validation=True)
    int8 = predicted(Int8Network(network, calibration), images)
    trained = predicted(FakeInt8Network(network, calibration), images)
    return float((int8 == trained).double().mean()), float((int8 == labels).double().mean())


@pytest.mark.slow
def test_the_exported_form_predicts_what_the_network_trained_for_int8_does() -> None:
    splits, network = open_images("digits", seed=0, cache=None), small()
    images, labels = images_of(splits, 8, validation=False)
    optimiser = torch.optim.AdamW(network.parameters(), 5e-3)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    for rows in [*order.split(64)] * 4:
        with fake_quantised(on=True):
            loss = F.cross_entropy(network(images[rows]), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    share, accuracy = alike(network.eval(), splits, 8)
    assert share >= ALIKE
    assert accuracy > 0.9


def scales_of(file: Path) -> np.ndarray:
    """Return the different scales by which a quantised file rounds activations, ascending."""
    graph = onnx.load(file).graph
    known = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    rounding = [known[node.input[1]] for node in graph.node if node.op_type == "QuantizeLinear"]
    return distinct([float(one) for one in rounding if one.ndim == 0])


def distinct(scales: list[float]) -> np.ndarray:
    ordered = np.sort(scales)
    return ordered[np.diff(ordered, prepend=0.0) > 1e-4 * ordered]


def networks() -> Iterator[tuple[str, Architecture]]:
    """Yield networks of every mixer and block that the catalog's spaces for small images have."""
    for name, count in (("hybrid_small", 4), ("mobile_cnn", 2)):
        space, rng = search_spaces.load(name), np.random.default_rng(1)
        drawn = [space.sample(rng) for _ in range(12)]
        cheapest = sorted(drawn, key=lambda a: search_spaces.count(a, num_classes=10).macs)
        yield from ((f"{name}-{number}", one) for number, one in enumerate(cheapest[:count]))


@pytest.mark.long
@pytest.mark.parametrize("architecture", [pytest.param(one, id=name) for name, one in networks()])
def test_training_rounds_between_the_values_that_the_exporter_writes(
    architecture: Architecture, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = deployed(search_spaces.build(architecture, num_classes=10, in_channels=3).eval())
    images = torch.randn(8, 3, architecture.resolution, architecture.resolution)
    write_onnx(network, images[:2], {0: torch.export.Dim("batch")}, tmp_path / "plain.onnx")
    quantise(tmp_path / "plain.onnx", tmp_path / "int8.onnx", images)
    ranges = Ranges()
    with torch.no_grad(), ranges.observed():
        network(images)
    mine = distinct([float(high - low) / 255 for low, high in ranges.found])
    theirs = scales_of(tmp_path / "int8.onnx")
    assert np.allclose(mine, theirs, rtol=1e-3) if len(mine) == len(theirs) else (len(mine), len(theirs)) == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("data", "space", "budget"),
    [
        ("digits", "hybrid_small", "4M-MACs"),
        pytest.param(
            str(CIFAR),
            "hybrid_small",
            "8M-MACs",
            marks=pytest.mark.skipif(not CIFAR.exists(), reason="CIFAR-10 is not there"),
        ),
    ],
)
def test_networks_of_a_search_do_so_too(data: str, space: str, budget: str, tmp_path: Path) -> None:
    splits = open_images(data, seed=0, cache=tmp_path)
    shape = {"num_classes": len(splits.classes), "in_channels": splits.channels}
    architecture = search_spaces.load(space).sample(
        np.random.default_rng(1), budgets=[search_spaces.Budget.parse(budget)], num_classes=10
    )
    changes = {"epochs": 8, "rungs": (8,), "epoch_images": 6000, "fake_quant_from": 0.5, "warmup_epochs": 0.1}
    recipe = RECIPES["proxy"].model_copy(update=changes)
    torch.manual_seed(0)
    network = search_spaces.build(architecture, **shape)
    for _ in train(network, splits, recipe, resolution=architecture.resolution, seed=0, device=CPU):
        pass
    share, _ = alike(network.cpu(), splits, architecture.resolution)
    assert share >= ALIKE
