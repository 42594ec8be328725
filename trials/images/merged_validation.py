"""Merges the validation images into the training images, to retrain the winner of a search."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from trials.images import image_cache
from trials.images.splits import Images, Splits

_CHUNK: Final = 4_096


def merge_validation(
    splits: Splits, *, seed: int, cache: Path | None, resolution: int | None = None
) -> Splits:
    """Return splits with the validation images added to ``train``; ``test`` is unchanged.

    They stay in ``validation`` too. The network is trained on them, so their accuracy is no measure of other
    images, but weights that do worse on them than those of the search are worse. Mean and standard deviation
    stay those of `splits`: the cache gives pixels and labels only, since studies that normalise differently
    share it.

    Args:
        splits: Splits of the search, normalised as the study normalises them.
        seed: Seed of these splits.
        cache: Folder of decoded data sets; None to keep everything in memory.
        resolution: Resolution that the images are at in pixels; None for the size that suits them all.
    """
    labels = np.concatenate([splits.train.labels, splits.validation.labels])
    shape = (len(labels), *splits.train.images.shape[1:])
    if cache is None:
        pixels = np.empty(shape, dtype=np.uint8)
        _fill(pixels, splits)
        return replace(splits, train=Images(images=pixels, labels=labels))
    key = json.dumps([image_cache.VERSION, "joined, validation whole", splits.fingerprint, seed])
    folder = cache / hashlib.sha256(key.encode()).hexdigest()[:24]
    if resolution is not None:
        folder = image_cache.sized(folder, resolution)

    def store() -> None:
        if resolution is not None:
            image_cache.make_room(cache, splits.bytes_at(resolution))
        with image_cache.atomic_folder(folder) as draft:
            pixels = image_cache.new_array(draft, "train_images", shape)
            _fill(pixels, splits)
            merged = replace(splits, train=Images(images=pixels, labels=labels))
            image_cache.store(draft, merged)

    found = image_cache.filled(cache, folder, store)
    return replace(splits, train=found.train, validation=found.validation, test=found.test)


def _fill(pixels: UInt8[np.ndarray, "n h w c"], splits: Splits) -> None:
    start = 0
    for part in (splits.train, splits.validation):
        for begin in range(0, len(part), _CHUNK):
            chunk = part.images[begin : begin + _CHUNK]
            pixels[start : start + len(chunk)] = chunk
            start += len(chunk)
