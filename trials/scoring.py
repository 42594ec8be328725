"""Scores networks without training them, at the weights of a seed, on images of a data set or on noise."""

import copy
import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from search_spaces.architecture import Architecture
from search_spaces.building import build
from search_spaces.errors import DataError
from trials.images.splits import Splits
from trials.scores import SCORES, ImageScore, LayerScore
from trials.training.batches import BatchSource, Preprocessor
from trials.training.seeding import generator, seeded_build, stream_seed


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringImages:
    """Where the images that networks are scored on come from.

    Attributes:
        classes: Number of classes.
        channels: Channels of an image.
        splits: A data set, whose training images are used; None for noise.
        seed: Seed of which images are drawn, or of the noise and its labels, at least 0.
    """

    classes: int
    channels: int
    splits: Splits | None = None
    seed: int = 0

    @classmethod
    def of(cls, splits: Splits, *, seed: int = 0) -> "ScoringImages":
        """Return training images of a data set, drawn at random by a seed."""
        return cls(classes=len(splits.classes), channels=splits.channels, splits=splits, seed=seed)

    def batch(
        self, count: int, resolution: int, device: torch.device
    ) -> tuple[Float[Tensor, "b c r r"], Int64[Tensor, " b"]]:
        """Return normalised images and their labels, the same for the same seed, count and resolution.

        Args:
            count: Number of images.
            resolution: Side of the images in pixels.
            device: Device of the images.

        Raises:
            DataError: if the data set has fewer training images.
        """
        draws = generator(self.seed, "scoring")
        if self.splits is None:
            noise = torch.randn(count, self.channels, resolution, resolution, generator=draws)
            return noise.to(device), torch.randint(self.classes, (count,), generator=draws).to(device)
        source = BatchSource(self.splits.train, torch.device("cpu"))
        if len(source) < count:
            raise DataError(
                f"Cannot score networks on {len(source)} training images: expected at least {count}. "
                f"Add images."
            )
        images, labels = source.batch(torch.randperm(len(source), generator=draws)[:count])
        preprocess = Preprocessor(self.splits.mean, self.splits.std, resolution, torch.device("cpu"))
        return preprocess(images).to(device), labels.to(device)


def score_module(
    score: ImageScore,
    network: nn.Module,
    images: Float[Tensor, "b c r r"],
    labels: Int64[Tensor, " b"],
    *,
    seed: int = 0,
) -> float:
    """Return the score of a network with the weights that it has; it is left as it is.

    So are torch's global generators; while the score is taken they are at a seed.

    Args:
        score: The score.
        network: Network on the device of the images.
        images: Normalised images of the network's size.
        labels: Class of each image, from 0.
        seed: Seed of what the network itself draws, for example by a dropout.

    Raises:
        ScoreError: if the score is not defined for this network.
    """
    with _generators_at(stream_seed(seed, "scoring"), images.device), torch.enable_grad():
        return score.value(copy.deepcopy(network).train(), images, labels)


@contextmanager
def _generators_at(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators while the block runs; restore them, Python's and NumPy's behind it.

    What torch imports when gradients are first taken draws from the latter.
    """
    cuda = device.type == "cuda"
    drawn, array = random.getstate(), np.random.get_state()  # noqa: NPY002 -- restored, not used
    try:
        with torch.random.fork_rng(devices=[device] if cuda else []):
            torch.default_generator.manual_seed(seed)
            if cuda:
                torch.cuda.manual_seed(seed)
            yield
    finally:
        random.setstate(drawn)
        np.random.set_state(array)  # noqa: NPY002 -- restored, not used


def score_architecture(
    architecture: Architecture,
    images: ScoringImages,
    *,
    names: Iterable[str] | None = None,
    seed: int = 0,
    device: torch.device | None = None,
) -> dict[str, float]:
    """Return the scores of a network by name, and behind each what is reported beside it.

    Equal arguments give equal numbers. The network is built only for scores that look at images.

    Args:
        architecture: The network.
        images: Where images come from.
        names: Which scores; by default all.
        seed: Seed of the weights, at least 0.
        device: Device that the network runs on; the CPU by default.

    Raises:
        UnknownNameError: if there is no such score.
        ScoreError: if a score is not defined for this network.
        DataError: if there are too few images.
    """
    scores = {name: SCORES[name] for name in (SCORES if names is None else names)}
    sizes = {"num_classes": images.classes, "in_channels": images.channels}
    device = device or torch.device("cpu")
    network: nn.Module | None = None
    found: dict[str, float] = {}
    for name, score in scores.items():
        if isinstance(score, ImageScore):
            network = network or seeded_build(partial(build, architecture, **sizes), seed).to(device)
            given = images.batch(score.batch, architecture.resolution, device)
            found[name] = score_module(score, network, *given, seed=seed)
        elif isinstance(score, LayerScore):
            found |= _layer_scores(name, score, architecture, sizes)
    return found


def _layer_scores(
    name: str, score: LayerScore, architecture: Architecture, sizes: Mapping[str, int]
) -> dict[str, float]:
    beside = score.beside(architecture, **sizes)
    return {name: score.value(architecture, **sizes), **{f"{name}.{k}": v for k, v in beside.items()}}
