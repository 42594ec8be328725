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
    counts: Tensor | None = None
    loss = torch.zeros((), device=images.device)
    for logits, labels in scored_batches(network, images, preprocess, recipe, batch_size):
        loss += F.cross_entropy(logits, labels, reduction="sum")
        classes = logits.shape[1]
        if counts is None:
            counts = torch.zeros(classes**2, dtype=torch.int64, device=images.device)
        pairs = labels * classes + logits.argmax(1)
        counts.scatter_add_(0, pairs, torch.ones_like(pairs))
        after_batch()
    assert counts is not None
    classes = math.isqrt(len(counts))
    return scores_from(counts.reshape(classes, classes).cpu(), loss.item() / len(images))


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
    counts = confusion.double()
    total = counts.sum()
    accuracy = (counts.diagonal().sum() / total).item()
    return Scores(
        accuracy=accuracy,
        standard_error=wilson_error(accuracy * (1 - accuracy) / total.item(), total.item()),
        balanced_accuracy=_balanced_accuracy(counts).item(),
        balanced_accuracy_error=_standard_error(_balanced_accuracy, counts),
        macro_f1=_macro_f1(counts).item(),
        macro_f1_error=_standard_error(_macro_f1, counts),
        loss=loss,
    )


def _balanced_accuracy(counts: Float[Tensor, "k k"]) -> Float[Tensor, ""]:
    labelled = counts.sum(1)
    return (counts.diagonal() / labelled.clamp_min(1e-12))[labelled > 0].mean()


def _macro_f1(counts: Float[Tensor, "k k"]) -> Float[Tensor, ""]:
    labelled, predicted = counts.sum(1), counts.sum(0)
    return (2 * counts.diagonal() / (labelled + predicted).clamp_min(1e-12))[labelled > 0].mean()


def _standard_error(
    metric: Callable[[Float[Tensor, "k k"]], Float[Tensor, ""]], counts: Float[Tensor, "k k"]
) -> float:
    """Return the standard error of a metric of multinomial counts, by the delta method.

    For the accuracy it equals `Scores.standard_error`.
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
