"""Digests of the images that a search held out, by which train.py tells them from others."""

import hashlib

import numpy as np

from trials.images.splits import Images, Splits

DIGITS = 16  # of 64: two of a million images share them with a probability of 3e-8


def held_out_digests(splits: Splits) -> dict[str, tuple[str, ...]]:
    """Return the digests of the validation and test images."""
    return {"validation": _digests(splits.validation), "test": _digests(splits.test)}


def _digests(part: Images) -> tuple[str, ...]:
    """Return the start of the SHA-256 of the pixels of each image, [h, w, c]."""
    contiguous = (np.ascontiguousarray(image) for image in part.images)
    return tuple(hashlib.sha256(image.data).hexdigest()[:DIGITS] for image in contiguous)
