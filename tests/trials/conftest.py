"""A small network and small images that every test here may train."""

import numpy as np
import pytest
from torch import nn

from nas.surrogates.torch_threads import torch_threads


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    with torch_threads(1):
        yield


@pytest.fixture(scope="session")
def digits():
    from trials.datasets import open_images

    return open_images("digits", seed=0, cache=None)


@pytest.fixture
def tiny_splits():
    """Return 96 + 24 + 24 noise images of 2 classes that differ in brightness, 8 x 8, colour."""
    from trials.images.splits import Images, Splits

    rng = np.random.default_rng(0)

    def part(count):
        labels = np.arange(count, dtype=np.int64) % 2
        pixels = rng.integers(0, 120, (count, 8, 8, 3)) + 100 * labels[:, None, None, None]
        return Images(images=pixels.astype(np.uint8), labels=labels)

    return Splits(
        train=part(96),
        validation=part(24),
        test=part(24),
        classes=("dark", "bright"),
        mean=(0.4, 0.4, 0.4),
        std=(0.2, 0.2, 0.2),
        fingerprint="tiny",
    )


@pytest.fixture
def small_network():
    """Return a function that builds a small convolutional network, the same each time."""
    from trials.training.seeding import seeded_build

    def build(in_channels=3, classes=2, width=8, dropout=0.1):
        def layers():
            return nn.Sequential(
                nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Conv2d(width, 2 * width, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(2 * width),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Dropout(dropout),
                nn.Linear(2 * width, classes),
            )

        return seeded_build(layers, 0)

    return build
