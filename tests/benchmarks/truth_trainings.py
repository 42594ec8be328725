"""Trains networks by one recipe in several processes at once, each from its last checkpoint."""

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import torch

import search_spaces
from search_spaces.architecture import Architecture
from trials.datasets import open_images
from trials.images.splits import Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.evaluation import evaluate
from trials.training.loop import train
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build, trial_seed

T = TypeVar("T")

_LOOKED_AFTER_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """One training.

    Attributes:
        key: Its name in the state.
        network: The network.
        recipe: Its recipe.
        seed: Seed of the weights and the order of the images.
    """

    key: str
    network: Architecture
    recipe: Recipe
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where trainings run.

    Attributes:
        images: Folder of the images.
        folder: Folder of decoded images and checkpoints.
        device: Name of the device.
        at_once: Trainings at the same time.
    """

    images: str
    folder: Path
    device: str
    at_once: int

    def splits(self) -> Splits:
        """Return the images; decoded once."""
        return open_images(self.images, seed=0, cache=self.folder / "images")


def trained(trainings: Sequence[Training], place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and result of each training as it ends."""
    if not trainings:
        return
    place.splits()  # decoded before several processes would
    yield from results_of([partial(result_of, training, place) for training in trainings], place.at_once)


def results_of(calls: Sequence[Callable[[], T]], at_once: int) -> Iterator[T]:
    """Yield what functions return as they end, each called in a process of its own beside some others."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(at_once, context, ends_with_its_parent, (os.getpid(),)) as pool:
        running = [pool.submit(call) for call in calls]
        try:
            for done in as_completed(running):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def result_of(training: Training, place: Place) -> tuple[str, dict[str, Any]]:
    """Return the key of a training, and accuracies on validation and test images with what it took.

    Of each epoch there are accuracy and loss on the validation images. Seconds are those of one core, or of
    the GPU, also where a training was interrupted.
    """
    if place.device == "cpu":
        torch.set_num_threads(1)
    splits, device = place.splits(), torch.device(place.device)
    network, classes = training.network, len(place.splits().classes)
    module = seeded_build(lambda: search_spaces.build(network, num_classes=classes), training.seed)
    name = f"{training.recipe.name}-{network.fingerprint}-{training.seed}.pt"
    (place.folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    checkpoint = place.folder / "checkpoints" / name
    results = list(
        train(
            module,
            splits,
            training.recipe,
            resolution=network.resolution,
            seed=trial_seed(training.seed, 0),
            device=device,
            checkpoint=checkpoint,
            clock=time.process_time if place.device == "cpu" else time.perf_counter,
        )
    )
    preprocess = Preprocessor(splits.mean, splits.std, network.resolution, device)
    test = evaluate(module, BatchSource(splits.test, device), preprocess, training.recipe)
    checkpoint.unlink(missing_ok=True)
    return training.key, {
        "validation": results[-1].accuracy,
        "epochs": [[result.accuracy, result.loss] for result in results],
        "test": test.accuracy,
        "seconds": round(sum(result.seconds for result in results), 1),
        "costs": dict(search_spaces.count(network, num_classes=classes, deploy=True)),
        "network": json.loads(network.to_json()),
        "device": place.device,
    }


def ends_with_its_parent(parent: int) -> None:
    """End this process soon after its parent ended, so that two never write one checkpoint.

    Args:
        parent: Process that began this one.
    """

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOKED_AFTER_S)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()
