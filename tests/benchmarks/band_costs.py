"""Measures on one core of this machine what the values of `band_agreement.py` cost, and takes the scores."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.elastic.shared_weights import SharedWeights
from tests.benchmarks.band_supernets import RECIPE as SUPERNET
from tests.benchmarks.band_supernets import step_networks
from tests.benchmarks.band_trainings import PROXY, SPACE
from tests.benchmarks.cifar10 import CLASSES
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.training_from_scratch import trained_from_scratch
from trials.images.splits import Splits
from trials.scores import SCORES
from trials.scoring import ScoringImages, score_architecture
from trials.supernet.cost_forecast import cost_forecast, work_of
from trials.supernet.reading import read_networks
from trials.training.batches import BatchSource, Preprocessor
from trials.training.evaluation import evaluate
from trials.training.recipe import Recipe

State = dict[str, Any]

_NETWORKS: Final = 4  # whose training and evaluation are timed
_TRAINED: Final = (320, 1_280)
_EVALUATED: Final = 1_000


@dataclass(frozen=True)
class Costs:
    """Core-seconds on one machine.

    Attributes:
        trained: Of one image of a training.
        evaluated: Of one image of an evaluation.
        supernet: Of the training of a supernet.
        reading: Of reading one network from it.
        scores: Of each score of one network.
        validation: Images of an evaluation.
    """

    trained: float
    evaluated: float
    supernet: float
    reading: float
    scores: Mapping[str, float]
    validation: int

    def training(self, recipe: Recipe, epochs: int, images: int) -> float:
        """Return the core-seconds of the first epochs of a training, of at most so many images each."""
        each = min(images, recipe.epoch_images or images)
        return epochs * (each * self.trained + self.validation * self.evaluated)


def measured(path: Path, splits: Splits, found: list[Architecture]) -> State:
    """Return scores of the networks and core-seconds, after measuring what the file lacks."""
    state: State = json.loads(path.read_text()) if path.exists() else {"scores": {}, "timed": {}}
    torch.set_num_threads(1)
    images = ScoringImages.of(splits)
    for number, network in enumerate(found):
        if str(number) not in state["scores"]:
            state["scores"][str(number)] = {name: _scored(name, network, images) for name in SCORES}
            kept(path, state)
    for number, network in enumerate(found[:_NETWORKS]):
        if str(number) not in state["timed"]:
            state["timed"][str(number)] = _timed(network, splits)
            kept(path, state)
    if "supernet" not in state:
        state["supernet"] = _supernet_timed(splits, found[:_NETWORKS])
        kept(path, state)
    return state


def _scored(name: str, network: Architecture, images: ScoringImages) -> list[float]:
    began = time.process_time()
    value = score_architecture(network, images, names=[name])[name]
    return [value, time.process_time() - began]


def _timed(network: Architecture, splits: Splits) -> dict[str, float]:
    """Return the core-seconds of an image of the proxy's training and of an evaluation."""
    few = replace(splits.validation, images=splits.validation.images[:_EVALUATED])
    few = replace(few, labels=splits.validation.labels[:_EVALUATED])
    small, taken = replace(splits, validation=few), []
    for images in _TRAINED:
        fields = {"epochs": 1, "rungs": [1], "epoch_images": images}
        recipe = Recipe.from_json({**PROXY.to_json(), **fields})
        taken.append(_seconds(partial(trained_from_scratch, network, small, recipe, 0)))
    device = torch.device("cpu")
    module = search_spaces.build(network, num_classes=CLASSES)
    module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    preprocess = Preprocessor(splits.mean, splits.std, network.resolution, device)
    evaluated = _seconds(lambda: evaluate(module, BatchSource(few, device), preprocess, PROXY))
    return {
        "trained": (taken[1] - taken[0]) / (_TRAINED[1] - _TRAINED[0]),
        "evaluated": evaluated / _EVALUATED,
    }


def _supernet_timed(splits: Splits, found: list[Architecture]) -> dict[str, float]:
    """Return the core-seconds of a supernet's training, by some of its steps, and of one reading."""
    shared, steps = SharedWeights(search_spaces.load(SPACE), num_classes=CLASSES), step_networks(0)
    sizes = {"images": len(splits.train), "validation": len(splits.validation)}
    forecast = cost_forecast(
        shared,
        steps,
        SUPERNET,
        work_of(steps, SUPERNET, PROXY, **sizes),
        readings=1,
        memory=0,
        splits=splits,
        device=torch.device("cpu"),
        clock=time.process_time,
    )
    reading = _seconds(
        lambda: list(read_networks(shared, found, splits, SUPERNET.training, device=torch.device("cpu")))
    )
    return {"training": forecast.training_s, "reading": reading / len(found)}


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def costs_of(state: State, validation: int) -> Costs:
    """Return the median core-seconds of what was measured."""
    trained, evaluated = (
        float(np.median([one[name] for one in state["timed"].values()])) for name in ("trained", "evaluated")
    )
    scored = {name: float(np.median([of[name][1] for of in state["scores"].values()])) for name in SCORES}
    supernet, reading = (state["supernet"][name] for name in ("training", "reading"))
    return Costs(trained, evaluated, supernet, reading, scored, validation)
