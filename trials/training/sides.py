"""Says at which side images are trained on in each epoch: small ones first (Multigrid).

Wu et al., 2020, https://arxiv.org/abs/1912.00998, whose long cycle this is, for images and without its larger
batches. Networks are evaluated at their own resolution, so that values stay comparable.
"""

from typing import Final

from trials.training.recipe import Recipe

MULTIPLE: Final = 8
"""Pixels that sides are rounded to a multiple of."""


def training_sides(recipe: Recipe, resolution: int, smallest: int = 1) -> tuple[int, ...]:
    """Return the side of training images in each of the equal parts of a training, in pixels.

    Args:
        recipe: Recipe with ``sides``.
        resolution: Resolution of the network, its side in the last part.
        smallest: Least side that the network can take, at most `resolution`.
    """
    return tuple(
        resolution if share == 1 else min(resolution, max(smallest, _rounded(share * resolution)))
        for share in recipe.sides or (1.0,)
    )


def side_at(epoch: int, recipe: Recipe, resolution: int, smallest: int = 1) -> int:
    """Return the side of training images in an epoch, counted from 1; see `training_sides`."""
    sides = training_sides(recipe, resolution, smallest)
    return sides[-(-epoch * len(sides) // recipe.epochs) - 1]  # the last epoch lies in the last part


def training_areas(recipe: Recipe, resolution: int, smallest: int = 1) -> tuple[float, ...]:
    """Return the area of training images in each epoch, as a share of those at the network's resolution."""
    epochs = range(1, recipe.epochs + 1)
    return tuple((side_at(epoch, recipe, resolution, smallest) / resolution) ** 2 for epoch in epochs)


def work_left(epoch: int, recipe: Recipe, resolution: int) -> float:
    """Return the training that remains after an epoch, as a share of what was done until its end."""
    areas = training_areas(recipe, resolution)
    return sum(areas[epoch:]) / sum(areas[:epoch])


def _rounded(side: float) -> int:
    return max(1, round(side / MULTIPLE)) * MULTIPLE
