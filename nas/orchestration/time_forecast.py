"""Forecasts how long a search will take, from a few training steps of one network on this machine."""

import time
from collections.abc import Callable

import torch
from torch.nn import functional as F

from search_spaces.architecture import Architecture
from search_spaces.building import build
from search_spaces.counting import count
from trials.torch_threads import torch_threads
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build

_STEPS = 3
_BATCH = 32  # images of a step at the most, so that it fits wherever a training would


def seconds_per_mac(
    architecture: Architecture,
    recipe: Recipe,
    *,
    num_classes: int,
    in_channels: int,
    device: str,
    threads: int,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the seconds of training for each image and multiply-accumulate of a network.

    Args:
        architecture: A network of typical size.
        recipe: Recipe with the batch size and precision.
        num_classes: Number of class scores of the network.
        in_channels: Channels of an image.
        device: Device of the trainings.
        threads: CPU threads of one training.
        clock: Returns seconds.
    """
    with torch_threads(threads):
        network = seeded_build(
            lambda: build(architecture, num_classes=num_classes, in_channels=in_channels), 0
        ).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        side = architecture.resolution
        batch = min(recipe.batch_size, _BATCH)
        images = torch.zeros(batch, in_channels, side, side, device=device)
        labels = torch.zeros(batch, dtype=torch.int64, device=device)
        durations = []
        for _ in range(_STEPS):
            start = clock()
            with torch.autocast(device, torch.bfloat16, enabled=recipe.precision == "bf16"):
                loss = F.cross_entropy(network(images), labels)
            loss.backward()
            loss.item()  # waits for the device
            durations.append(clock() - start)
        if device == "cuda":
            del network, images, labels
            torch.cuda.empty_cache()  # the trainings need it
    macs = count(architecture, num_classes=num_classes, in_channels=in_channels).macs
    return min(durations) / batch / macs


def search_seconds(
    rate: float, mean_macs: float, *, images: int, validation: int, recipe: Recipe, trials: int, slots: int
) -> float:
    """Return the seconds that a search will take.

    Assumes that half of the networks are stopped at the first rung, and that evaluation costs a third of
    training for each image.

    Args:
        rate: Seconds from `seconds_per_mac`.
        mean_macs: Mean MACs of the networks that will be trained.
        images: Number of images to train on.
        validation: Number of images to evaluate on.
        recipe: Recipe with the epochs and rungs.
        trials: Number of networks still to be trained.
        slots: Number of trainings side by side.
    """
    early = recipe.rungs[0] if recipe.rungs else recipe.epochs
    epochs = (early + recipe.epochs) / 2
    recalibration = recipe.recalibration_batches * recipe.batch_size
    work = images + (validation + recalibration) / 3
    return rate * mean_macs * work * epochs * trials / slots
