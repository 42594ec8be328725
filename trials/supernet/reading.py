"""Reads the value of networks from shared weights, each after its batch norms were re-estimated."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from search_spaces.architecture import Architecture
from search_spaces.elastic.shared_weights import SharedWeights
from trials.images.splits import Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.batchnorm_recalibration import recalibrate_batchnorm
from trials.training.evaluation import Scores, evaluate
from trials.training.out_of_memory import out_of_memory_named
from trials.training.recipe import Recipe
from trials.training.seeding import generator

RECALIBRATION_IMAGES: Final = 2_000  # as Once-for-all takes, https://github.com/mit-han-lab/once-for-all
_BATCH: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkValue:
    """What shared weights say of one network.

    Attributes:
        architecture: The network.
        scores: Its scores on the validation images.
        images: Images that passed through it: for the statistics of its batch norms and for the scores.
    """

    architecture: Architecture
    scores: Scores
    images: int

    @property
    def accuracy(self) -> float:
        """Share of the validation images classified correctly, in [0, 1]."""
        return self.scores.accuracy

    @property
    def loss(self) -> float:
        """Mean cross-entropy over the validation images, in nats."""
        return self.scores.loss


def read_networks(
    shared: SharedWeights,
    architectures: Iterable[Architecture],
    splits: Splits,
    recipe: Recipe,
    *,
    device: torch.device,
    recalibration_images: int = RECALIBRATION_IMAGES,
    batch_size: int = _BATCH,
    after_batch: Callable[[], None] = lambda: None,
) -> Iterator[NetworkValue]:
    """Yield the value of each network, one after another; each depends on the weights and images alone.

    Args:
        shared: Trained shared weights; they are not changed.
        architectures: Networks of their space.
        splits: Images; statistics are of ``train``, not augmented, and scores of ``validation``.
        recipe: Recipe whose precision is used.
        device: Device that runs the networks.
        recalibration_images: Training images, always the same ones, over which the statistics of batch
            norms are re-estimated.
        batch_size: Images at a time.
        after_batch: Called after each batch, so that a latency measurement can run in between.

    Raises:
        ArchitectureError: if the space does not hold a network.
        OutOfMemoryError: if the device cannot hold a network even with two images.
    """
    train, validation = BatchSource(splits.train, device), BatchSource(splits.validation, device)
    rows = train.shuffled(batch_size, generator(0, "recalibration"), recalibration_images)
    for architecture in architectures:
        with out_of_memory_named():
            network = shared.module(architecture)
            network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            preprocess = Preprocessor(splits.mean, splits.std, architecture.resolution, device)
            recalibrate_batchnorm(network, train, preprocess, rows, recipe, after_batch)
            scores = evaluate(network, validation, preprocess, recipe, after_batch, batch_size=batch_size)
        yield NetworkValue(architecture=architecture, scores=scores, images=_images(rows, validation))


def _images(rows: Sequence[Tensor], validation: BatchSource) -> int:
    return sum(map(len, rows)) + len(validation)
