"""Reads the value of networks from shared weights, each after its batch norms were re-estimated."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

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
    source = _Source.of(splits, device, batch_size, recalibration_images)
    validation = BatchSource(splits.validation, device)
    for architecture in architectures:
        with out_of_memory_named():
            network, preprocess = source.recalibrated(shared, architecture, recipe, after_batch)
            scores = evaluate(network, validation, preprocess, recipe, after_batch, batch_size=batch_size)
        yield NetworkValue(architecture=architecture, scores=scores, images=_images(source.rows, validation))


def starting_network(
    shared: SharedWeights,
    architecture: Architecture,
    splits: Splits,
    recipe: Recipe,
    *,
    device: torch.device,
) -> tuple[nn.Module, Scores]:
    """Return a network to begin a training with, as shared weights have it, and its scores on ``validation``.

    Args:
        shared: Trained shared weights; they are not changed.
        architecture: A network of their space.
        splits: Images; statistics of batch norms are of ``train``.
        recipe: Recipe whose precision is used.
        device: Device that runs and holds the network.

    Raises:
        ArchitectureError: if the space does not hold the network.
        OutOfMemoryError: if the device cannot hold the network even with two images.
    """
    source = _Source.of(splits, device, _BATCH, RECALIBRATION_IMAGES)
    with out_of_memory_named():
        network, preprocess = source.recalibrated(shared, architecture, recipe)
        scores = evaluate(
            network, BatchSource(splits.validation, device), preprocess, recipe, batch_size=_BATCH
        )
    return network, scores


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """The training images over which statistics of batch norms are re-estimated, always the same ones."""

    splits: Splits
    train: BatchSource
    rows: Sequence[Tensor]

    @classmethod
    def of(cls, splits: Splits, device: torch.device, batch_size: int, count: int) -> "_Source":
        train = BatchSource(splits.train, device)
        return cls(splits, train, train.shuffled(batch_size, generator(0, "recalibration"), count))

    def recalibrated(
        self,
        shared: SharedWeights,
        architecture: Architecture,
        recipe: Recipe,
        after_batch: Callable[[], None] = lambda: None,
    ) -> tuple[nn.Module, Preprocessor]:
        """Return a network with statistics of its own, and the preprocessing of its images."""
        splits, device = self.splits, self.train.device
        network = shared.module(architecture)
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        preprocess = Preprocessor(splits.mean, splits.std, architecture.resolution, device)
        recalibrate_batchnorm(network, self.train, preprocess, self.rows, recipe, after_batch)
        return network, preprocess


def _images(rows: Sequence[Tensor], validation: BatchSource) -> int:
    return sum(map(len, rows)) + len(validation)
