"""Random changes to training images, batched and on the device they train on."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from trials.recipe import Recipe


def augment(
    images: Float[Tensor, "b c h w"], recipe: Recipe, generator: torch.Generator
) -> Float[Tensor, "b c h w"]:
    """Return `images` changed at random as `recipe` asks; each image has its own draw.

    Args:
        images: Normalised images.
        recipe: How strongly they change.
        generator: Draws the changes, on the device of `images`.
    """
    if recipe.shift == 0 and not recipe.flip:
        return images
    transforms = _transforms(len(images), recipe, generator)
    grid = F.affine_grid(transforms, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _transforms(count: int, recipe: Recipe, generator: torch.Generator) -> Float[Tensor, "b 2 3"]:
    """Return one affine map per image, from places in the result to places in the original.

    A side is 2 long in these coordinates.
    """
    draws = torch.rand(count, 3, generator=generator, device=generator.device)
    transforms = torch.zeros(count, 2, 3, device=generator.device)
    transforms[:, 0, 0] = torch.where(draws[:, 2] < 0.5, -1.0, 1.0) if recipe.flip else 1.0
    transforms[:, 1, 1] = 1.0
    transforms[:, :, 2] = (2 * draws[:, :2] - 1) * (2 * recipe.shift)
    return transforms
