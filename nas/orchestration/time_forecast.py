"""Forecasts how long a search will take, from a few training steps of two networks on this machine."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from nas.orchestration.search_plan import SearchPlan
from nas.surrogates.torch_threads import torch_threads
from search_spaces.architecture import Architecture
from search_spaces.building import build
from search_spaces.counting import smallest_side
from search_spaces.sampling import fitting_codes
from search_spaces.units import format_seconds
from trials.images.resized import resized_images
from trials.training.batches import BatchSource, Preprocessor
from trials.training.learner import Learner
from trials.training.out_of_memory import is_out_of_memory
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build
from trials.training.sides import training_areas

_DRAWN: Final = 256  # networks that fit, of which the upper half counts: samplers look near the budget
_STEPS: Final = 3
_EVALUATION: Final = 1 / 3  # of training, for each image
_START_S: Final = 8.0  # Ray and the first worker
_TRAINING_S: Final = 1.0  # to propose a network, build it, open the images and write the weights
_EPOCH_S: Final = 0.15  # to write the checkpoint and report
_STOPPED: Final = (0.35, 0.65)  # share of the networks stopped at the first rung; half of them are expected
_SPEED: Final = (0.8, 1.4)  # of a training beside others, in time per step of one alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Shortest and longest time that a search is likely to take, in seconds."""

    low_s: float
    high_s: float

    @classmethod
    def exactly(cls, seconds: float) -> "Forecast":
        """Return what the networks trained so far let expect."""
        return cls(low_s=seconds, high_s=seconds)

    def after(self, passed_s: float) -> "Forecast":
        """Return what is left after some seconds."""
        return Forecast(low_s=max(0.0, self.low_s - passed_s), high_s=max(0.0, self.high_s - passed_s))

    def within(self, limit_s: float) -> "Forecast":
        """Return the forecast of a search that is stopped after a time."""
        return Forecast(low_s=min(self.low_s, limit_s), high_s=min(self.high_s, limit_s))

    def __str__(self) -> str:
        """Return the range in words, for example ``about 3 to 6 min``."""
        if self.low_s == self.high_s:
            return f"about {format_seconds(self.high_s)}"
        for unit, seconds, most in (("s", 1.0, 90.0), ("min", 60.0, 5400.0), ("h", 3600.0, float("inf"))):
            if self.high_s < most:
                low, high = max(1, round(self.low_s / seconds)), max(1, round(self.high_s / seconds))
                if self.low_s < seconds / 2 and unit != "s":
                    return f"up to {high} {unit}"
                return f"about {low} to {high} {unit}" if low < high else f"about {high} {unit}"
        return format_seconds(self.high_s)


def forecast(plan: SearchPlan, trials: int) -> Forecast | None:
    """Return how long it will take to train some networks, by timing two of them briefly.

    None where trainings run on GPUs that this machine lacks, or that have no memory to spare now.

    Args:
        plan: The search.
        trials: Number of networks still to be trained.
    """
    if plan.slots.device == "cuda" and not torch.cuda.is_available():
        return None
    codes = fitting_codes(plan.prices, np.random.default_rng(0), _DRAWN, plan.budgets)
    macs = plan.prices.of(codes, "macs")
    order = np.argsort(macs)
    small, typical = codes[order[len(order) // 10]], codes[order[3 * len(order) // 4]]
    try:
        times = [seconds_per_image(plan.space.codes.at(code), plan) for code in (small, typical)]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None
    sizes = plan.prices.of(np.stack([small, typical]), "macs")
    network = plan.space.codes.at(typical)
    training = search_seconds(
        _at(float(macs[order[len(order) // 2 :]].mean()), sizes, times),
        images=min(len(plan.splits.train), plan.recipe.epoch_images or len(plan.splits.train)),
        validation=len(plan.splits.validation),
        recipe=plan.recipe,
        trials=trials,
        slots=plan.slots.count,
        areas=training_areas(plan.recipe, network.resolution, smallest_side(network)),
    )
    decoding_s = min(trials, len(plan.later_resolutions)) * plan.splits.decoding_s
    return Forecast(low_s=training.low_s, high_s=training.high_s + decoding_s)


def seconds_per_image(
    architecture: Architecture, plan: SearchPlan, *, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the seconds of training for each image of a network: augmented, learnt from, stepped.

    They are those at the network's own resolution, also with a recipe that begins with smaller sides.

    Args:
        architecture: The network.
        plan: The search, with its images, recipe and slots.
        clock: Returns seconds.
    """
    recipe, splits, device = plan.recipe, plan.splits, torch.device(plan.slots.device)
    count = min(_STEPS * recipe.batch_size, len(splits.train))
    short = {"epoch_images": count, "sides": (), "epochs": 2, "rungs": (2,), "teacher_features": 0.0}
    few = recipe.model_copy(update=short)
    images = splits.train
    if plan.settings.resized_once:
        images = resized_images(images, count, architecture.resolution)
    with torch_threads(plan.slots.threads):
        shape = {"num_classes": len(splits.classes), "in_channels": splits.channels}
        network = seeded_build(lambda: build(architecture, **shape), 0)
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        preprocess = Preprocessor(splits.mean, splits.std, architecture.resolution, device)
        learner = Learner(
            network,
            few,
            BatchSource(images, device),
            preprocess,
            classes=len(splits.classes),
            seed=0,
            teacher=None,
            architecture=architecture,
        )
        durations: list[float] = []
        for epoch in (1, 2):  # the first warms up
            start = clock()
            learner.learn(epoch, lambda: None)  # waits for the device
            durations.append(clock() - start)
    if device.type == "cuda":
        del network, learner
        torch.cuda.empty_cache()  # the trainings need it
    assert few.epoch_images is not None
    return durations[-1] / few.epoch_images


def search_seconds(
    image_s: float,
    *,
    images: int,
    validation: int,
    recipe: Recipe,
    trials: int,
    slots: int,
    areas: Sequence[float] | None = None,
) -> Forecast:
    """Return the shortest and longest time that a search is likely to take.

    Args:
        image_s: Seconds of training for each image of a network of mean size.
        images: Number of images of an epoch.
        validation: Number of images to evaluate on.
        recipe: Recipe with the epochs and rungs.
        trials: Number of networks still to be trained.
        slots: Number of trainings side by side.
        areas: Area of training images in each epoch, as a share of those at the network's resolution; None
            for 1 throughout.
    """
    recalibrated = recipe.recalibration_batches * recipe.batch_size
    evaluated = (validation + recalibrated) * _EVALUATION
    shares = np.ones(recipe.epochs) if areas is None else np.asarray(areas, dtype=np.float64)
    early = recipe.rungs[0] if len(recipe.rungs) > 1 else recipe.epochs
    rounds = max(trials / slots, 1.0)

    def seconds(stopped: float, speed: float) -> float:
        epochs = early * stopped + recipe.epochs * (1 - stopped)
        whole_epochs = float(shares[:early].sum() * stopped + shares.sum() * (1 - stopped))
        work = images * whole_epochs + evaluated * epochs
        each_s = _TRAINING_S + epochs * _EPOCH_S + work * image_s * speed
        return _START_S + rounds * each_s

    (least, most), (quick, slow) = _STOPPED, _SPEED
    return Forecast(low_s=seconds(most, quick), high_s=seconds(least, slow))


def _at(macs: float, sizes: np.ndarray, times: list[float]) -> float:
    """Return the time of a network of some MACs on the line through two others, at least the smaller's."""
    small, typical = sizes.astype(float)
    if typical <= small or times[1] <= times[0]:
        return max(times)
    slope = (times[1] - times[0]) / (typical - small)
    return times[0] + slope * max(0.0, macs - small)
