"""Finds out whether images may be mirrored: whether mirror images can be distinguished from originals.

A classifier of images against their own mirror images is trained on one half of a sample and evaluated on the
other ("Visual chirality", Lin et al., 2020, https://arxiv.org/abs/2006.09512). It sees small patches of the
images anywhere, and the whole image at 8 x 8 pixels: for each class, a linear discriminant of the differences
between an image's features and those of its mirror image. It distinguishes texts,
digits and road signs, but no photographs of objects.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor
from torch.nn import functional as F

from trials.images.splits import Images

SAMPLE: Final = 4000  # images
LARGEST: Final = 0.55
"""Share of images distinguished from their mirror images, below which these are natural; chance is 0.5."""
_SIDE: Final = 32  # pixels, at which larger images are looked at
_LEAST_SIDE: Final = 16  # pixels, to which smaller ones are enlarged
_FILTERS: Final = 64
_PATCH: Final = 5  # pixels
_COARSE: Final = 8  # pixels of a side
_PIECE_BYTES: Final = 64 * 2**20  # of the floats of images that are resized at once
_RIDGE: Final = 0.1  # of the variance of a feature
_Z: Final = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True, slots=True)
class Handedness:
    """Whether images may be mirrored.

    Attributes:
        mirrored: Whether mirror images are as natural as the images themselves.
        reason: Why, in words.
    """

    mirrored: bool
    reason: str


def handedness_of(images: Images) -> Handedness:
    """Return whether images may be mirrored left to right; the same images give the same answer.

    Grey images may not: most are digits, texts or pictures of a body. Colour images may if not even the upper
    95 % bound of the share distinguished from its mirror image reaches `LARGEST`; so a few hundred images are
    too few to tell.

    Args:
        images: Training images.
    """
    rows = np.sort(np.random.default_rng(0).permutation(len(images))[:SAMPLE])
    labels = torch.from_numpy(images.labels[rows])
    if _is_grey(images, rows):
        return Handedness(False, "grey images may be digits or texts")
    resized = torch.cat([_prepared(pixels) for pixels in _pieces(images, rows)])
    known = _distinguished(_features(resized), labels)
    error = 0.5 / math.sqrt(len(rows))
    figure = f"mirror images are recognised as such in {known:.1%} of {len(rows)} cases, 50 % is chance"
    if known + _Z * error < LARGEST:
        return Handedness(True, figure)
    few = known - _Z * error < LARGEST
    return Handedness(False, f"{figure}{': too few or too unlike to be sure' if few else ''}")


def _pieces(images: Images, rows: Int64[np.ndarray, " n"]) -> Iterator[UInt8[np.ndarray, "n h w c"]]:
    """Yield the images of some rows, as many at once as have `_PIECE_BYTES` as floats."""
    count = max(1, _PIECE_BYTES // (4 * math.prod(images.images.shape[1:])))
    for start in range(0, len(rows), count):
        yield images.images[rows[start : start + count]]


def _is_grey(images: Images, rows: Int64[np.ndarray, " n"]) -> bool:
    if images.images.shape[3] == 1:
        return True
    return all(bool((pixels[..., :1] == pixels).all()) for pixels in _pieces(images, rows))


def _features(images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n k"]:
    """Return what distinguishes each image from its mirror image, of unit deviation."""
    drawn = torch.Generator().manual_seed(0)
    filters = _patches(images[: len(images) // 2], drawn)  # of the images that are learnt from
    parts = [
        _seen(part, filters) - _seen(part.flip(3), filters)
        for part in images.tensor_split(max(1, len(images) // 256))
    ]
    differences = torch.cat(parts)
    return differences / differences.std(0).clamp_min(1e-6)


def _prepared(pixels: np.ndarray) -> Float[Tensor, "n c h w"]:
    images = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255
    side = min(max(min(images.shape[2:]), _LEAST_SIDE), _SIDE)
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)


def _patches(images: Float[Tensor, "n c h w"], drawn: torch.Generator) -> Float[Tensor, "f c p p"]:
    """Return patches at random places of random images, without their mean and of unit length."""
    last = images.shape[2] - _PATCH + 1
    which = torch.randint(len(images), (_FILTERS,), generator=drawn).tolist()
    places = torch.randint(last, (_FILTERS, 2), generator=drawn).tolist()
    cut = [images[i, :, y : y + _PATCH, x : x + _PATCH] for i, (y, x) in zip(which, places, strict=True)]
    patches = torch.stack(cut)
    patches = patches - patches.mean((1, 2, 3), keepdim=True)
    return patches / (patches.flatten(1).norm(dim=1)[:, None, None, None] + 1e-2)


def _seen(images: Float[Tensor, "n c h w"], filters: Float[Tensor, "f c p p"]) -> Float[Tensor, "n k"]:
    found = F.relu(F.conv2d(images, filters))
    coarse = F.adaptive_avg_pool2d(images, _COARSE).flatten(1)
    return torch.cat([found.mean((2, 3)), found.amax((2, 3)), coarse], dim=1)


def _distinguished(differences: Float[Tensor, "n k"], labels: Int64[Tensor, " n"]) -> float:
    """Return the share of images distinguished from their mirror images by what the other half teaches.

    The larger of two: with a discriminant for each class, and with one for all.
    """
    halves = torch.arange(len(labels)) % 2 == 0
    right = torch.zeros(2)
    for learnt in (halves, ~halves):
        known, unknown = differences[learnt], differences[~learnt]
        scatter = known.T @ known / len(known) + _RIDGE * torch.eye(known.shape[1])
        sums = torch.zeros(int(labels.max()) + 1, known.shape[1]).index_add_(0, labels[learnt], known)
        counts = torch.bincount(labels[learnt], minlength=len(sums)).clamp_min(1)
        centres = torch.cat([sums / counts[:, None], known.mean(0)[None]])
        directions = torch.linalg.solve(scatter, centres.T).T
        by_class = (directions[labels[~learnt]] * unknown).sum(1)
        right += torch.stack([_correct(by_class), _correct(unknown @ directions[-1])])
    return (right / len(labels)).max().item()


def _correct(score: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Return how many originals score higher than their mirror images, whose score is the negative."""
    return (score > 0).float().sum() + (score == 0).float().sum() / 2
