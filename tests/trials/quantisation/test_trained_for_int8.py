"""Quantisation-aware training: the exported int8 form says of images what the trained network says."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import search_spaces
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.quantisation.fake_int8_network import FakeInt8Network
from trials.quantisation.fake_quantisation import fake_quantised
from trials.quantisation.int8_network import Int8Network
from trials.recipes import RECIPES
from trials.training.batches import BatchSource, Preprocessor
from trials.training.int8_evaluation import calibration_images
from trials.training.loop import train

ALIKE = 0.99  # of predictions
CPU = torch.device("cpu")


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


@pytest.mark.long
def test_a_network_of_a_search_does_so_too(tmp_path: Path) -> None:
    splits = open_images("digits", seed=0, cache=tmp_path)
    shape = {"num_classes": len(splits.classes), "in_channels": splits.channels}
    architecture = search_spaces.load("hybrid_small").sample(
        np.random.default_rng(1), budgets=[search_spaces.Budget.parse("4M-MACs")], num_classes=10
    )
    changes = {"epochs": 12, "rungs": (12,), "fake_quant_from": 0.5, "warmup_epochs": 0.1}
    recipe = RECIPES["proxy"].model_copy(update=changes)
    torch.manual_seed(0)
    network = search_spaces.build(architecture, **shape)
    for _ in train(network, splits, recipe, resolution=architecture.resolution, seed=0, device=CPU):
        pass
    share, _ = alike(network.cpu(), splits, architecture.resolution)
    assert share >= ALIKE
