"""How good a network is on images it has not learnt from."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from trials.training.batches import Feed, Preparation
from trials.training.precision import autocast
from trials.training.recipe import Recipe

BATCH: Final = 128
METRICS: Final = ("accuracy", "balanced_accuracy", "macro_f1")
"""What a search may raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What an evaluation finds.

    Attributes:
        accuracy: Share of images classified correctly, in [0, 1].
        standard_error: sqrt(p (1 - p) / n) of the accuracy p over n images.
        balanced_accuracy: Mean recall over the classes that have images, in [0, 1].
        balanced_accuracy_error: Its standard error.
        macro_f1: Mean F1 score over the classes that have images, in [0, 1].
        macro_f1_error: Its standard error.
        loss: Mean cross-entropy, nats.
    """

    accuracy: float
    standard_error: float
    balanced_accuracy: float
    balanced_accuracy_error: float
    macro_f1: float
    macro_f1_error: float
    loss: float


@torch.no_grad()
def evaluate(
    network: nn.Module,
    feed: Feed,
    prepare: Preparation,
    recipe: Recipe,
    after_batch: Callable[[], None] = lambda: None,
) -> Scores:
    """Return how `network` classifies all images of `feed`; the host waits for the device once.

    Args:
        network: Left in evaluation mode.
        feed: The images.
        prepare: Brings them to what the network takes.
        recipe: Sets the precision.
        after_batch: Called now and then, so that others may have a turn on the device.
    """
    network.eval()
    hits: Tensor | None = None
    loss = torch.zeros((), device=feed.device)
    for images, labels in feed.in_order(BATCH):
        with autocast(recipe, feed.device):
            logits = network(prepare(images)).float()  # [b, k]
        loss += F.cross_entropy(logits, labels, reduction="sum")
        classes = logits.shape[1]
        if hits is None:
            hits = torch.zeros(classes**2, dtype=torch.int64, device=feed.device)
        pairs = labels * classes + logits.argmax(1)
        hits.scatter_add_(0, pairs, torch.ones_like(pairs))
        after_batch()
    assert hits is not None
    side = math.isqrt(len(hits))
    return scores_from(hits.reshape(side, side).cpu(), loss.item() / len(feed))


def scores_from(confusion: Int64[Tensor, "k k"], loss: float) -> Scores:
    """Return the scores of a confusion matrix: rows are labels, columns are predictions."""
    counts = confusion.double()
    total, right = counts.sum(), counts.diagonal()
    accuracy = (right.sum() / total).item()
    return Scores(
        accuracy=accuracy,
        standard_error=math.sqrt(accuracy * (1 - accuracy) / total.item()),
        balanced_accuracy=_balanced_accuracy(counts).item(),
        balanced_accuracy_error=_standard_error(_balanced_accuracy, counts),
        macro_f1=_macro_f1(counts).item(),
        macro_f1_error=_standard_error(_macro_f1, counts),
        loss=loss,
    )


def _balanced_accuracy(counts: Float[Tensor, "k k"]) -> Float[Tensor, ""]:
    held = counts.sum(1)
    return (counts.diagonal() / held.clamp_min(1e-12))[held > 0].mean()


def _macro_f1(counts: Float[Tensor, "k k"]) -> Float[Tensor, ""]:
    held, predicted = counts.sum(1), counts.sum(0)
    return (2 * counts.diagonal() / (held + predicted).clamp_min(1e-12))[held > 0].mean()


def _standard_error(
    metric: Callable[[Float[Tensor, "k k"]], Float[Tensor, ""]], counts: Float[Tensor, "k k"]
) -> float:
    """Return the standard error of a metric of multinomial counts, by the delta method.

    Of the accuracy it gives sqrt(p (1 - p) / n).
    """
    with torch.enable_grad():
        leaf = counts.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(metric(leaf), leaf)
    total = counts.sum()
    share = counts / total
    spread = (share * slope**2).sum() - (share * slope).sum() ** 2
    return math.sqrt(max(0.0, (spread * total).item()))


@torch.no_grad()
def recalibrate(
    network: nn.Module,
    feed: Feed,
    prepare: Preparation,
    rows: Sequence[Tensor],
    recipe: Recipe,
    after_batch: Callable[[], None] = lambda: None,
) -> None:
    """Re-estimate BatchNorm's statistics as their mean over the batches at `rows`.

    The running statistics lag behind the weights while the rate is high, which makes early values
    rank badly. Nothing else of the network is in training mode meanwhile.

    Args:
        network: Changed in place.
        feed: Training images, not augmented.
        prepare: Brings them to what the network takes.
        rows: The rows of each batch.
        recipe: Sets the precision.
        after_batch: Called now and then, so that others may have a turn on the device.
    """
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms or not rows:
        return
    network.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
        norm.train()
    for batch in rows:
        images, _ = feed.batch(batch)
        with autocast(recipe, feed.device):
            network(prepare(images))
        after_batch()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
