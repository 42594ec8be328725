"""Forecasts what a supernet costs before it is trained, and from how many searches on it pays."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional as F

from search_spaces.architecture import Architecture
from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.pricing import prices
from trials.images.splits import Splits
from trials.supernet.reading import RECALIBRATION_IMAGES
from trials.supernet.recipe import SupernetRecipe
from trials.supernet.step_networks import StepNetworks
from trials.training.precision import autocast
from trials.training.recipe import Recipe

_BACKWARD: Final = 2  # times the forward pass
_DRAWN: Final = 256
_START_S: Final = 2.0  # of each ordinary training: to propose a network, start, and write the weights
_READ: Final = 0.5  # most of the readings' cost as a share of the training's, above the fewest
_FEWEST: Final = 100
_MOST: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Multiply-accumulates of a supernet, and of what it replaces.

    Attributes:
        training: All of the supernet's training, forwards and backwards.
        reading: Reading one network.
        ordinary: One training of a mean network by the recipe of the search, early stops counted.
    """

    training: float
    reading: float
    ordinary: float

    @property
    def readings(self) -> int:
        """Number of networks whose reading costs a fixed share of the training, within limits."""
        return int(np.clip(_READ * self.training / self.reading, _FEWEST, _MOST))


@dataclass(frozen=True, slots=True, kw_only=True)
class CostForecast:
    """What a supernet takes.

    Attributes:
        training_s: Seconds of its training.
        reading_s: Seconds in which all networks are read.
        ordinary_s: Seconds of one ordinary training by the recipe of the search.
        memory: Bytes of its training.
    """

    training_s: float
    reading_s: float
    ordinary_s: float
    memory: int

    @property
    def trainings(self) -> float:
        """Ordinary trainings that take as long."""
        return (self.training_s + self.reading_s) / self.ordinary_s

    def pays_from(self, saved: int) -> int | None:
        """Return from how many searches on it takes less time than it saves; None if it never does.

        Args:
            saved: Trainings that each search saves by it.
        """
        return None if saved <= 0 else max(1, int(np.ceil(self.trainings / saved)))

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "CostForecast":
        """Return the forecast whose `to_json` is `fields`."""
        return cls(**fields)


def work_of(
    networks: StepNetworks, recipe: SupernetRecipe, search: Recipe, *, images: int, validation: int
) -> Work:
    """Return what the steps of a supernet's training, its readings and an ordinary training compute.

    Args:
        networks: Networks of the steps.
        recipe: Recipe of the supernet.
        search: Recipe of the search's own trainings.
        images: Training images that there are.
        validation: Validation images.
    """
    large, small, drawn = _mean_macs(networks)
    both, late = 1 + _BACKWARD, 1 - recipe.shrink_from
    if large is None or small is None:
        each = recipe.drawn * drawn
    else:
        each = large + late * (small + recipe.drawn * drawn)
    training = recipe.training
    early = search.rungs[0] if len(search.rungs) > 1 else search.epochs
    epochs = early + (search.epochs - early) / search.reduction
    return Work(
        training=both * each * training.epochs * min(images, training.epoch_images or images),
        reading=drawn * (min(images, RECALIBRATION_IMAGES) + validation),
        ordinary=both * drawn * epochs * min(images, search.epoch_images or images),
    )


def cost_forecast(
    shared: SharedWeights,
    networks: StepNetworks,
    recipe: SupernetRecipe,
    work: Work,
    *,
    readings: int,
    memory: int,
    splits: Splits,
    device: torch.device,
    clock: Callable[[], float] = time.perf_counter,
) -> CostForecast:
    """Return what a supernet takes on this device, by timing two of its networks for a batch; weights stay.

    Args:
        shared: Shared weights, on the device already.
        networks: Networks of the steps.
        recipe: Recipe of the training.
        work: What it computes.
        readings: Number of networks that are read.
        memory: Bytes of the training.
        splits: Images.
        device: The device.
        clock: Returns seconds.
    """
    step = networks.of_epoch(1, 1)[0]
    typical = step.others[-1]
    large = step.largest or typical
    table = prices(shared.space.codes, num_classes=shared.num_classes, in_channels=shared.in_channels)
    batch = min(recipe.training.batch_size, len(splits.train))
    speeds = []
    for network in (typical, large):
        seconds = _batch_seconds(shared, network, recipe, batch, device, clock)
        macs = float(table.of(shared.space.codes.code_of(network)[None], "macs")[0])
        speeds.append(seconds / ((1 + _BACKWARD) * macs * batch))
    return CostForecast(
        training_s=work.training * float(np.mean(speeds)),
        reading_s=readings * work.reading * speeds[0],
        ordinary_s=_START_S + work.ordinary * speeds[0],
        memory=memory,
    )


def _mean_macs(networks: StepNetworks) -> tuple[float | None, float | None, float]:
    """Return the mean MACs of the large, the small and the drawn networks of a step."""
    macs = networks.mean_macs(_DRAWN)
    return macs["largest"], macs["smallest"], float(macs["drawn"] or 0.0)


def _batch_seconds(
    shared: SharedWeights,
    network: Architecture,
    recipe: SupernetRecipe,
    batch: int,
    device: torch.device,
    clock: Callable[[], float],
) -> float:
    """Return the seconds of one pass forwards and backwards; the first of two warms up."""
    side, seconds = network.resolution, 0.0
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        images = torch.zeros(batch, shared.in_channels, side, side, device=device)
        labels = torch.zeros(batch, dtype=torch.int64, device=device)
        for _ in range(2):
            start = clock()
            with autocast(recipe.training, device):
                scores = shared(network, images)
            F.cross_entropy(scores.float(), labels).backward()
            shared.zero_grad(set_to_none=True)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds = clock() - start
    return seconds
