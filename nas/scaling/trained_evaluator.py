"""Judges shapes by training: one real network for each axis of a step."""

from collections.abc import Callable, Sequence

import torch

from nas.scaling.scaled_architecture import ScalingFactors, scaled
from search_spaces.architecture import Architecture
from search_spaces.building import build
from search_spaces.units import format_count
from trials.images.splits import Splits
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build


def training_evaluator(
    base: Architecture,
    splits: Splits,
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device,
    told: Callable[[str], None],
) -> Callable[[Sequence[ScalingFactors]], list[float]]:
    """Return a judge that trains each shape's network and returns its validation accuracy, in [0, 1].

    Args:
        base: The network whose shapes are judged.
        splits: What they are trained and evaluated on.
        recipe: How they are trained.
        seed: Of weights and order, the same for all.
        device: Where they are trained.
        told: Called with a line after each training.
    """
    known: dict[str, float] = {}

    def accuracy(network: Architecture) -> float:
        if network.fingerprint not in known:
            module = seeded_build(
                lambda: build(network, num_classes=len(splits.classes), in_channels=splits.channels), seed
            )
            epochs = train(module, splits, recipe, resolution=network.resolution, seed=seed, device=device)
            *_, last = epochs
            known[network.fingerprint] = last.accuracy
            channels = [stage.channels for stage in network.stages]
            blocks = format_count(sum(stage.depth for stage in network.stages))
            told(f"{last.accuracy:.2%} at {network.resolution} px, channels {channels}, {blocks} blocks")
        return known[network.fingerprint]

    return lambda shapes: [accuracy(scaled(base, shape)) for shape in shapes]
