"""Augments training images at random, batched on the device: shift, flip, RandAugment, erasing.

RandAugment (Cubuk et al., 2019, https://arxiv.org/abs/1909.13719) without a branch per image: in each
round every image draws one change; geometric changes are composed into one affine map and sampled once, and
colour changes are formulas with neutral factors for the images that drew another change. Not implemented
from the paper: auto-contrast, equalise and sharpness, which need an image's histogram or neighbours.
"""

import math
from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from trials.training.recipe import Recipe

CHANGES: Final = (
    "none",
    "rotate",
    "shear_x",
    "shear_y",
    "shift_x",
    "shift_y",
    "brightness",
    "contrast",
    "colour",
    "solarise",
    "posterise",
)
"""Changes that a round draws from, with equal probability."""
LARGEST: Final = {
    "rotate": math.radians(30),
    "shear_x": 0.3,
    "shear_y": 0.3,
    "shift_x": 0.9,  # of half a side
    "shift_y": 0.9,
    "brightness": 0.9,
    "contrast": 0.9,
    "colour": 0.9,
}
"""Sizes of the changes at magnitude 1, from Table 6 of AutoAugment, https://arxiv.org/abs/1805.09501."""
MOST_BITS: Final = 8
LEAST_BITS: Final = 4
"""Bits per channel that posterising keeps at magnitude 0 and 1."""
LUMA: Final = (0.299, 0.587, 0.114)  # ITU-R BT.601


def augment(
    images: Float[Tensor, "b c h w"], recipe: Recipe, generator: torch.Generator
) -> Float[Tensor, "b c h w"]:
    """Return `images` changed at random as `recipe` asks; each image has its own draws.

    Args:
        images: Values in [0, 1].
        recipe: Recipe with the strength of the changes.
        generator: Generator of the changes, on the device of `images`.
    """
    maps = _shifts_and_flips(len(images), recipe, generator)
    for _ in range(recipe.randaugment_rounds):
        drawn = _draw(len(CHANGES), len(images), generator)
        amount = _amounts(len(images), recipe, generator)
        images = _recoloured(images, drawn, amount, recipe.randaugment_magnitude)
        maps = maps @ _plane_maps(drawn, amount)
    if recipe.shift > 0 or recipe.flip or recipe.randaugment_rounds > 0:
        grid = F.affine_grid(maps[:, :2], list(images.shape), align_corners=False)
        images = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return _erased(images, recipe, generator) if recipe.erase > 0 else images


def _draw(choices: int, count: int, generator: torch.Generator) -> Int64[Tensor, " b"]:
    return torch.randint(choices, (count,), generator=generator, device=generator.device)


def _uniform(count: int, width: int, generator: torch.Generator) -> Float[Tensor, "b k"]:
    """Return numbers in [-1, 1)."""
    return torch.rand(count, width, generator=generator, device=generator.device) * 2 - 1


def _amounts(count: int, recipe: Recipe, generator: torch.Generator) -> Float[Tensor, " b"]:
    """Return the recipe's magnitude, of either sign."""
    signs = _draw(2, count, generator) * 2 - 1
    return signs * recipe.randaugment_magnitude


def _shifts_and_flips(count: int, recipe: Recipe, generator: torch.Generator) -> Float[Tensor, "b 3 3"]:
    """Return maps from places in the result to places in the original; a side is 2 long."""
    draws = _uniform(count, 3, generator)
    maps = torch.eye(3, device=generator.device).repeat(count, 1, 1)
    if recipe.flip:
        maps[:, 0, 0] = torch.where(draws[:, 2] < 0, -1.0, 1.0)
    maps[:, :2, 2] = draws[:, :2] * (2 * recipe.shift)
    return maps


def _plane_maps(drawn: Int64[Tensor, " b"], amount: Float[Tensor, " b"]) -> Float[Tensor, "b 3 3"]:
    size = {name: _where(name, drawn, amount) * LARGEST[name] for name in CHANGES[1:6]}
    maps = torch.eye(3, device=drawn.device).repeat(len(drawn), 1, 1)
    maps[:, 0, 0] = maps[:, 1, 1] = size["rotate"].cos()
    maps[:, 0, 1] = size["shear_x"] - size["rotate"].sin()
    maps[:, 1, 0] = size["shear_y"] + size["rotate"].sin()
    maps[:, 0, 2], maps[:, 1, 2] = size["shift_x"], size["shift_y"]
    return maps


def _where(name: str, drawn: Int64[Tensor, " b"], amount: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
    return torch.where(drawn == CHANGES.index(name), amount, 0.0)


def _recoloured(
    images: Float[Tensor, "b c h w"],
    drawn: Int64[Tensor, " b"],
    amount: Float[Tensor, " b"],
    magnitude: float,
) -> Float[Tensor, "b c h w"]:
    factor = {
        name: (1 + _where(name, drawn, amount) * LARGEST[name])[:, None, None, None]
        for name in ("brightness", "contrast", "colour")
    }
    images = images * factor["brightness"]
    grey = _grey(images)  # [b, 1, h, w]
    images = grey + (images - grey) * factor["colour"]
    middle = grey.mean((2, 3), keepdim=True)
    images = (middle + (images - middle) * factor["contrast"]).clamp(0, 1)
    solarised = torch.where(images > 1 - magnitude, 1 - images, images)
    levels = 2 ** round(MOST_BITS - (MOST_BITS - LEAST_BITS) * magnitude)
    posterised = ((images * 255).round() * (levels / 256)).floor() / (levels - 1)
    chosen = drawn[:, None, None, None]
    images = torch.where(chosen == CHANGES.index("solarise"), solarised, images)
    return torch.where(chosen == CHANGES.index("posterise"), posterised, images)


def _grey(images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h w"]:
    if images.shape[1] == 1:
        return images
    return LUMA[0] * images[:, 0:1] + LUMA[1] * images[:, 1:2] + LUMA[2] * images[:, 2:3]


def _erased(
    images: Float[Tensor, "b c h w"], recipe: Recipe, generator: torch.Generator
) -> Float[Tensor, "b c h w"]:
    """Return `images` with a square of a quarter to a half of the side grey in a share of them.

    Zhong et al., 2017, https://arxiv.org/abs/1708.04896; here always a square.
    """
    draws = _uniform(len(images), 4, generator)
    half = (0.25 + 0.125 * (draws[:, 0] + 1))[:, None]  # of a side that is 2 long
    near = [
        (torch.linspace(-1, 1, side, device=images.device) - draws[:, axis, None]).abs() < half
        for axis, side in ((1, images.shape[2]), (2, images.shape[3]))
    ]
    chosen = (draws[:, 3] < 2 * recipe.erase - 1)[:, None, None]
    hole = near[0][:, :, None] & near[1][:, None, :] & chosen  # [b, h, w]
    return torch.where(hole[:, None], 0.5, images)
