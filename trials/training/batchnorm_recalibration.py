"""Recomputes BatchNorm statistics over training batches before evaluation."""

from collections.abc import Callable, Sequence
from typing import Final

import torch
from torch import Tensor, nn

from trials.training.batches import BatchSource, Preprocessor
from trials.training.out_of_memory import SMALLEST_TRAINED, FittingParts
from trials.training.precision import autocast
from trials.training.recipe import Recipe

_BATCH_NORMS: Final = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@torch.no_grad()
def recalibrate_batchnorm(
    network: nn.Module,
    images: BatchSource,
    preprocess: Preprocessor,
    rows: Sequence[Tensor],
    recipe: Recipe,
    after_batch: Callable[[], None] = lambda: None,
) -> None:
    """Re-estimate the statistics of each BatchNorm as their mean over the batches at `rows`.

    The running statistics lag behind the weights while the learning rate is high, which makes early
    values rank badly. The rest of the network is in evaluation mode meanwhile. When memory runs out, batches
    are cut into parts of two images at the least, and the mean is over the parts.

    Args:
        network: Network whose statistics are replaced in place.
        images: Training images, not augmented.
        preprocess: Preprocessing of the images for the network.
        rows: Rows of each batch.
        recipe: Recipe whose precision is used.
        after_batch: Called after each batch, so that a latency measurement can run in between.

    Raises:
        OutOfMemoryError: if the device cannot hold the network even with two images.
    """
    norms = [m for m in network.modules() if isinstance(m, _BATCH_NORMS) and m.track_running_stats]
    if not norms or not rows:
        return
    network.eval()
    momenta = [norm.momentum for norm in norms]

    def estimate(count: int) -> None:
        for norm in norms:
            norm.reset_running_stats()
        for batch_rows in rows:
            for part in batch_rows.tensor_split(max(1, min(count, len(batch_rows) // SMALLEST_TRAINED))):
                batch, _ = images.batch(part)
                with autocast(recipe, images.device):
                    network(preprocess(batch))
            after_batch()

    for norm in norms:
        norm.momentum = None  # a cumulative mean
        norm.train()
    FittingParts(images.device, SMALLEST_TRAINED).run(max(map(len, rows)), estimate)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()
