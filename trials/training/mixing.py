"""Mixup and CutMix: mixes pairs of training images and their labels.

Mixup: Zhang et al., 2017, https://arxiv.org/abs/1710.09412. CutMix: Yun et al., 2019,
https://arxiv.org/abs/1905.04899. One share is drawn per batch, and each image is mixed with the previous
one; batches are shuffled, so the partner is random.
"""

import math

import numpy as np
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from trials.training.recipe import Recipe


def mix(
    images: Float[Tensor, "b c h w"],
    labels: Int64[Tensor, " b"],
    classes: int,
    recipe: Recipe,
    rng: np.random.Generator,
) -> tuple[Float[Tensor, "b c h w"], Tensor]:
    """Return mixed images and their targets [b, k]; images and labels as they are if nothing is mixed.

    Args:
        images: Values in [0, 1].
        labels: Class of each image, from 0.
        classes: Number of classes, k.
        recipe: Recipe with ``mixup`` and ``cutmix``; with both, each batch draws one of them.
        rng: Generator on the host, so that nothing waits for the device.
    """
    if recipe.mixup == 0 and recipe.cutmix == 0:
        return images, labels
    cuts = recipe.cutmix > 0 and (recipe.mixup == 0 or rng.random() < 0.5)
    alpha = recipe.cutmix if cuts else recipe.mixup
    share = float(rng.beta(alpha, alpha))
    partners = images.roll(1, 0)
    if cuts:
        images, share = _cut(images, partners, share, rng)
    else:
        images = partners.lerp(images, share)
    targets = F.one_hot(labels, classes).float()  # [b, k]
    return images, targets.roll(1, 0).lerp(targets, share)


def _cut(
    images: Float[Tensor, "b c h w"],
    partners: Float[Tensor, "b c h w"],
    share: float,
    rng: np.random.Generator,
) -> tuple[Float[Tensor, "b c h w"], float]:
    """Return images with a box pasted from their partners, and the share of their area that is their own."""
    height, width = images.shape[2:]
    side = math.sqrt(1 - share)
    top, left = rng.integers(height), rng.integers(width)
    rows = _span(int(top), round(height * side), height)
    columns = _span(int(left), round(width * side), width)
    mixed = images.clone()
    mixed[:, :, rows, columns] = partners[:, :, rows, columns]
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return mixed, 1 - area / (height * width)


def _span(centre: int, length: int, side: int) -> slice:
    return slice(max(0, centre - length // 2), min(side, centre + length - length // 2))
