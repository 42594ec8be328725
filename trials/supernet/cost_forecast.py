"""Forecasts what a supernet costs before it is trained, and from how many searches on it pays."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional as F

from search_spaces.architecture import Architecture
from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.pricing import prices
from trials.images.splits import Splits
from trials.supernet.learner import SupernetLearner
from trials.supernet.reading import RECALIBRATION_IMAGES
from trials.supernet.recipe import SupernetRecipe
from trials.supernet.step_networks import Step, StepNetworks
from trials.training.batches import BatchSource
from trials.training.precision import autocast
from trials.training.recipe import Recipe

_BACKWARD: Final = 2  # times the forward pass
_DRAWN: Final = 256
_MARGIN: Final = (0.9, 1.2)  # of a range: a few steps of a minute say little of the hours after it
_TIMED: Final = 2  # steps of each kind, after one that warms up
_EARLY: Final = 1e-9  # share of the steps done at which a large network trains alone
_START_S: Final = 2.0  # of each ordinary training: to propose a network, start, and write the weights
_READ: Final = 0.5  # most of the readings' cost as a share of the training's, above the fewest
_FEWEST: Final = 100
_MOST: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Multiply-accumulates of a supernet, and of what it replaces.

    Attributes:
        training: All of the supernet's training, forwards and backwards.
        alone: The part of it in which a large network trains alone.
        reading: Reading one network.
        ordinary: One training of a mean network by the recipe of the search, early stops counted.
    """

    training: float
    alone: float
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
        spread: By what the quickest and the slowest of the timed steps differ from their mean, as factors.
    """

    training_s: float
    reading_s: float
    ordinary_s: float
    memory: int
    spread: tuple[float, float] = (1.0, 1.0)

    @property
    def training_range_s(self) -> tuple[float, float]:
        """Seconds of the training at the speed of the quickest and of the slowest step, and some more."""
        low, high = _MARGIN
        return (low * self.spread[0] * self.training_s, high * self.spread[1] * self.training_s)

    @property
    def reading_range_s(self) -> tuple[float, float]:
        """Seconds of the readings at these speeds."""
        low, high = _MARGIN
        return (low * self.spread[0] * self.reading_s, high * self.spread[1] * self.reading_s)

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
        """Return the fields by name, as JSON has them."""
        return {**asdict(self), "spread": list(self.spread)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "CostForecast":
        """Return the forecast whose `to_json` is `fields`."""
        low, high = fields.get("spread", (1.0, 1.0))
        return cls(**{**fields, "spread": (low, high)})


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
        each, alone = recipe.drawn * drawn, 0.0
    else:
        each, alone = large + late * (small + recipe.drawn * drawn), recipe.shrink_from * large
    training = recipe.training
    passes = both * training.epochs * min(images, training.epoch_images or images)
    early = search.rungs[0] if len(search.rungs) > 1 else search.epochs
    epochs = early + (search.epochs - early) / search.reduction
    return Work(
        training=each * passes,
        alone=alone * passes,
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
    """Return what a supernet takes on this device, by timing a few of its steps, which change the weights.

    Args:
        shared: Shared weights that are used for nothing else, on the device already.
        networks: Networks of the steps.
        recipe: Recipe of the training.
        work: What it computes.
        readings: Number of networks that are read.
        memory: Bytes of the training.
        splits: Images.
        device: The device.
        clock: Returns seconds.
    """
    steps = networks.of_epoch(1, 1 + _TIMED)
    learner = _Timed(shared, recipe, splits, device, clock)
    late = [learner.rate(step, 1.0) for step in steps][1:]  # the first step warms up
    alone = [learner.rate(step, _EARLY) for step in steps][1:] if work.alone else late
    first = learner.network_rate(steps[0].others[-1])
    parts = ((work.alone, alone), (work.training - work.alone, late))
    training, low, high = (
        sum(macs * float(of(rates)) for macs, rates in parts) for of in (np.mean, np.min, np.max)
    )
    return CostForecast(
        training_s=training,
        reading_s=readings * work.reading * first,
        ordinary_s=_START_S + work.ordinary * first,
        memory=memory,
        spread=(low / training, high / training),
    )


class _Timed:
    """Times steps of shared weights on the first images.

    Args:
        shared: Shared weights, which the steps change.
        recipe: Recipe of the training.
        splits: Images.
        device: Device of the weights.
        clock: Returns seconds.
    """

    def __init__(
        self,
        shared: SharedWeights,
        recipe: SupernetRecipe,
        splits: Splits,
        device: torch.device,
        clock: Callable[[], float],
    ) -> None:
        images = BatchSource(splits.train, device)
        self._shared, self._recipe, self._device, self._clock = shared, recipe, device, clock
        self._learner = SupernetLearner(shared, recipe, splits, images, seed=0)
        self._rows = images.in_order(min(recipe.training.batch_size, len(images)))[0]
        self._prices = prices(
            shared.space.codes, num_classes=shared.num_classes, in_channels=shared.in_channels
        )

    def rate(self, step: Step, done: float) -> float:
        """Return the seconds for each multiply-accumulate of a step, forwards and backwards.

        Args:
            step: Networks of the step.
            done: Share of the steps that are done with it, in (0, 1].
        """
        alone = step.largest is not None and done == _EARLY
        learning = [n for n in (step.largest, *(() if alone else step.others)) if n is not None]
        seconds = self._seconds(lambda: self._learner.step(step, self._rows, 0, done))
        return seconds / self._work(learning)

    def network_rate(self, network: Architecture) -> float:
        """Return the seconds for each multiply-accumulate of one network without an optimiser."""
        side = network.resolution
        images = torch.zeros(len(self._rows), self._shared.in_channels, side, side, device=self._device)
        labels = torch.zeros(len(self._rows), dtype=torch.int64, device=self._device)

        def both_ways() -> None:
            with autocast(self._recipe.training, self._device):
                scores = self._shared(network, images)
            F.cross_entropy(scores.float(), labels).backward()
            self._shared.zero_grad(set_to_none=True)

        self._seconds(both_ways)  # warms up
        return self._seconds(both_ways) / self._work([network])

    def _seconds(self, work: Callable[[], object]) -> float:
        on_gpu = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices=on_gpu):
            start = self._clock()
            work()
            for device in on_gpu:
                torch.cuda.synchronize(device)
            return self._clock() - start

    def _work(self, networks: Sequence[Architecture]) -> float:
        """Return the multiply-accumulates of a batch through networks, forwards and backwards."""
        codes = np.stack([self._shared.space.codes.code_of(network) for network in networks])
        macs = float(self._prices.of(codes, "macs").sum())
        return (1 + _BACKWARD) * macs * len(self._rows)


def _mean_macs(networks: StepNetworks) -> tuple[float | None, float | None, float]:
    """Return the mean MACs of the large, the small and the drawn networks of a step."""
    macs = networks.mean_macs(_DRAWN)
    return macs["largest"], macs["smallest"], float(macs["drawn"] or 0.0)
