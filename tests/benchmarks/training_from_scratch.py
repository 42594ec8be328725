"""Trains one network from random weights in this process, as benchmarks of values and recipes do."""

from pathlib import Path

import torch

import search_spaces
from search_spaces.architecture import Architecture
from trials.images.splits import Splits
from trials.training.epoch_result import EpochResult
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build, trial_seed


def trained_from_scratch(
    architecture: Architecture,
    splits: Splits,
    recipe: Recipe,
    seed: int,
    device: str = "cpu",
    checkpoint: Path | None = None,
) -> list[EpochResult]:
    """Return the epochs of a training, whose weights and order of images come from the seed."""
    classes = len(splits.classes)
    module = seeded_build(lambda: search_spaces.build(architecture, num_classes=classes), seed)
    return list(
        train(
            module,
            splits,
            recipe,
            resolution=architecture.resolution,
            seed=trial_seed(seed, 0),
            device=torch.device(device),
            checkpoint=checkpoint,
            architecture=architecture,
        )
    )
