"""Looks at the test images: once for a network that is delivered, never while searching."""

from pathlib import Path

import torch
from safetensors.torch import load_file

from search_spaces.architecture import Architecture
from search_spaces.building import build
from trials.images.splits import Splits
from trials.training.batches import Feed, Preparation
from trials.training.evaluation import Scores, evaluate
from trials.training.recipe import Recipe


def final_scores(
    architecture: Architecture, weights: Path, splits: Splits, recipe: Recipe, device: torch.device
) -> Scores:
    """Return how a trained network classifies the test images.

    Args:
        architecture: What the network is.
        weights: Its safetensors file.
        splits: The images that it was trained on, and their test part.
        recipe: Sets the precision.
        device: Where it runs.
    """
    network = build(architecture, num_classes=len(splits.classes), in_channels=splits.channels)
    network.load_state_dict(load_file(weights))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    prepare = Preparation(splits.mean, splits.std, architecture.resolution, device)
    return evaluate(network, Feed(splits.test, device), prepare, recipe)
