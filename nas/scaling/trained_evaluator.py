"""Evaluates scaling factors by training the scaled networks."""

from collections.abc import Callable

import torch

from nas.scaling.rules import Evaluator
from nas.scaling.scaled_architecture import scaled_to_build
from search_spaces.architecture import Architecture
from search_spaces.building import build
from search_spaces.counting import smallest_side
from search_spaces.options import depth_with_parts
from search_spaces.units import format_count
from trials.images.splits import Splits
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build


def training_evaluator(
    base: Architecture,
    images_at: Callable[[int], Splits],
    recipe: Recipe,
    *,
    seed: int,
    device: torch.device,
    report_line: Callable[[str], None],
) -> Evaluator:
    """Return the evaluator that trains each scaled network and returns its validation accuracy, in [0, 1].

    Args:
        base: Base network.
        images_at: Returns the images for training and validation at a resolution in pixels.
        recipe: Training recipe.
        seed: Seed of weights and order, the same for all networks.
        device: Device of the trainings.
        report_line: Callback with a line of text after each training.
    """
    accuracies: dict[str, float] = {}

    def accuracy(network: Architecture) -> float:
        if network.fingerprint not in accuracies:
            splits = images_at(network.resolution)
            module = seeded_build(
                lambda: build(network, num_classes=len(splits.classes), in_channels=splits.channels), seed
            )
            epochs = train(
                module,
                splits,
                recipe,
                resolution=network.resolution,
                seed=seed,
                device=device,
                smallest_side=smallest_side(network),
                architecture=network,
            )
            *_, last = epochs
            accuracies[network.fingerprint] = last.accuracy
            channels = [stage.channels for stage in network.stages]
            blocks = format_count(sum(map(depth_with_parts, network.stages)))
            report_line(
                f"{last.accuracy:.2%} at {network.resolution} px, channels {channels}, {blocks} blocks"
            )
        return accuracies[network.fingerprint]

    return lambda candidates: [accuracy(scaled_to_build(base, factors)) for factors in candidates]
