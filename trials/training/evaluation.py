"""Evaluates a network on a split: accuracy, balanced accuracy, macro F1 and their standard errors, loss."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from trials.training.batches import BatchSource, Preprocessor
from trials.training.epoch_result import error_key
from trials.training.out_of_memory import FittingParts
from trials.training.precision import autocast
from trials.training.recipe import Recipe

BATCH: Final = 128
METRICS: Final = ("accuracy", "balanced_accuracy", "macro_f1")
"""Metrics that a search may maximise."""

_Z: Final = 1.96  # standard errors of a 95 % interval
_WHOLE_MATRIX: Final = 2048  # most classes whose confusion matrix is held whole: 34 MB in float64


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Metrics of a network on one split.

    Attributes:
        accuracy: Share of images classified correctly, in [0, 1].
        standard_error: Standard error of the accuracy, half of Wilson's 95 % interval in units of 1.96
            (Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953): about sqrt(p (1 - p) / n) of p
            over n images, and above 0 where all or none are classified correctly.
        balanced_accuracy: Mean recall over the classes that have images, in [0, 1].
        balanced_accuracy_error: Standard error of `balanced_accuracy`.
        macro_f1: Mean F1 score over the classes that have images, in [0, 1].
        macro_f1_error: Standard error of `macro_f1`.
        loss: Mean cross-entropy, in nats.
    """

    accuracy: float
    standard_error: float
    balanced_accuracy: float
    balanced_accuracy_error: float
    macro_f1: float
    macro_f1_error: float
    loss: float

    def of(self, metric: str) -> tuple[float, float]:
        """Return the value and standard error of a metric, one of `METRICS`."""
        return getattr(self, metric), getattr(self, error_key(metric))


@torch.no_grad()
def evaluate(
    network: nn.Module,
    images: BatchSource,
    preprocess: Preprocessor,
    recipe: Recipe,
    after_batch: Callable[[], None] = lambda: None,
    *,
    batch_size: int = BATCH,
) -> Scores:
    """Return the scores of `network` on all images of a split; the host waits for the device once.

    Args:
        network: Network to evaluate; left in evaluation mode.
        images: Images of the split.
        preprocess: Preprocessing of the images for the network.
        recipe: Recipe whose precision is used.
        after_batch: Called after each batch, so that a latency measurement can run in between.
        batch_size: Images at a time.

    Raises:
        OutOfMemoryError: if the device cannot hold the network even with one image.
    """
    found, classes = list[Tensor](), 0
    loss = torch.zeros((), device=images.device)
    for logits, labels in scored_batches(network, images, preprocess, recipe, batch_size):
        loss += F.cross_entropy(logits, labels, reduction="sum")
        classes = logits.shape[1]
        found.append(labels * classes + logits.argmax(1))
        after_batch()
    pairs = torch.cat(found).cpu()
    mean_loss = loss.item() / len(images)
    if classes > _WHOLE_MATRIX:
        return scores_from_pairs(pairs, classes, mean_loss)
    return scores_from(pairs.bincount(minlength=classes**2).reshape(classes, classes), mean_loss)


def scored_batches(
    network: nn.Module,
    images: BatchSource,
    preprocess: Preprocessor,
    recipe: Recipe,
    batch_size: int = BATCH,
) -> Iterator[tuple[Float[Tensor, "b k"], Int64[Tensor, " b"]]]:
    """Yield the logits and labels of all images of a split in order; arguments as for `evaluate`."""
    network.eval()
    parts = FittingParts(images.device)
    for rows in images.in_order(batch_size):
        yield parts.run(len(rows), partial(_scored, network, images, preprocess, recipe, rows))


def _scored(
    network: nn.Module,
    images: BatchSource,
    preprocess: Preprocessor,
    recipe: Recipe,
    rows: Int64[Tensor, " b"],
    count: int,
) -> tuple[Float[Tensor, "b k"], Int64[Tensor, " b"]]:
    """Return the logits of the images at `rows`, computed in `count` parts, and their labels."""
    found = []
    for part in rows.tensor_split(count):
        batch, labels = images.batch(part)
        with autocast(recipe, images.device):
            found.append((network(preprocess(batch)).float(), labels))
    logits, labels = (torch.cat(tensors) for tensors in zip(*found, strict=True))
    return logits, labels


def scores_from(confusion: Int64[Tensor, "k k"], loss: float) -> Scores:
    """Return the scores of a confusion matrix: rows are labels, columns are predictions."""
    return _scores(confusion.double(), _of_matrix, loss)


def scores_from_pairs(pairs: Int64[Tensor, " n"], classes: int, loss: float) -> Scores:
    """Return the scores that `scores_from` does, in memory for the images and classes, not their square.

    Args:
        pairs: Label times `classes` plus prediction of each image, on the CPU.
        classes: Number of classes, k.
        loss: Mean cross-entropy, in nats.
    """
    cells, counts = pairs.unique(return_counts=True)
    labels, predictions = cells // classes, cells % classes
    right = labels == predictions

    def sums(values: Float[Tensor, " m"]) -> _Sums:
        none = values.new_zeros(classes)
        return (
            none.index_add(0, labels, values),
            none.index_add(0, predictions, values),
            none.index_add(0, labels[right], values[right]),
        )

    return _scores(counts.double(), sums, loss)


_Sums = tuple[Float[Tensor, " k"], Float[Tensor, " k"], Float[Tensor, " k"]]
"""Images of each class: those of it, those classified as it, and those of which both hold."""


def _of_matrix(counts: Float[Tensor, "k k"]) -> _Sums:
    return counts.sum(1), counts.sum(0), counts.diagonal()


def _scores(counts: Tensor, sums: Callable[[Tensor], _Sums], loss: float) -> Scores:
    """Return the scores of counts of images by label and prediction, and how to sum them by class."""
    total = counts.sum()
    accuracy = (sums(counts)[2].sum() / total).item()
    return Scores(
        accuracy=accuracy,
        standard_error=wilson_error(accuracy * (1 - accuracy) / total.item(), total.item()),
        balanced_accuracy=_balanced_accuracy(sums(counts)).item(),
        balanced_accuracy_error=_standard_error(lambda leaf: _balanced_accuracy(sums(leaf)), counts),
        macro_f1=_macro_f1(sums(counts)).item(),
        macro_f1_error=_standard_error(lambda leaf: _macro_f1(sums(leaf)), counts),
        loss=loss,
    )


def _balanced_accuracy(sums: _Sums) -> Float[Tensor, ""]:
    labelled, _, right = sums
    return (right / labelled.clamp_min(1e-12))[labelled > 0].mean()


def _macro_f1(sums: _Sums) -> Float[Tensor, ""]:
    labelled, predicted, right = sums
    return (2 * right / (labelled + predicted).clamp_min(1e-12))[labelled > 0].mean()


def _standard_error(metric: Callable[[Tensor], Float[Tensor, ""]], counts: Tensor) -> float:
    """Return the standard error of a metric of multinomial counts, by the delta method.

    For the accuracy it equals `Scores.standard_error`.

    Args:
        metric: Counts by label and prediction -> value.
        counts: The counts, of all pairs or of those that occur: the others do not change the error.
    """
    with torch.enable_grad():
        leaf = counts.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(metric(leaf), leaf)
    total = counts.sum()
    share = counts / total
    variance = (share * slope**2).sum() - (share * slope).sum() ** 2
    return wilson_error(max(0.0, (variance * total).item()), total.item())


def wilson_error(variance: float, images: float) -> float:
    """Return half the width of Wilson's 95 % interval of a share over its 1.96 standard errors.

    Args:
        variance: Squared standard error of the share: p (1 - p) / n for an accuracy p, at least 0.
        images: Number of images, n, at least 1.
    """
    return math.sqrt(variance + _Z**2 / (4 * images**2)) / (1 + _Z**2 / images)
