"""Lets a network that was chosen learn from the validation images too."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import UInt8

from trials.images import image_cache
from trials.images.splits import Images, Splits

_WATCHED: Final = 512
_CHUNK: Final = 4_096


def joined(splits: Splits, *, seed: int, cache: Path | None) -> Splits:
    """Return splits whose ``train`` part holds the validation images too; ``test`` is as it was.

    A few validation images stay in ``validation``, only to notice a network that comes apart: it learns from
    them, so their accuracy says nothing. Mean and standard deviation stay those of the images that the
    network was chosen on.

    Args:
        splits: As a search has them.
        seed: Which division of the images they are.
        cache: Folder of decoded data sets, or None to keep everything in memory.
    """
    few = Images(
        images=splits.validation.images[:_WATCHED],
        labels=splits.validation.labels[:_WATCHED],
    )
    labels = np.concatenate([splits.train.labels, splits.validation.labels])
    shape = (len(labels), *splits.train.images.shape[1:])
    if cache is None:
        pixels = np.empty(shape, dtype=np.uint8)
        _fill(pixels, splits)
        return replace(splits, train=Images(images=pixels, labels=labels), validation=few)
    told = json.dumps([image_cache.VERSION, "joined", splits.fingerprint, seed])
    folder = cache / hashlib.sha256(told.encode()).hexdigest()[:24]
    with image_cache.turn(cache):
        if image_cache.load(folder) is None:
            with image_cache.appearing(folder) as draft:
                room = image_cache.room(draft, "train_images", shape)
                _fill(room, splits)
                whole = replace(splits, train=Images(images=room, labels=labels), validation=few)
                image_cache.store(draft, whole)
        found = image_cache.load(folder)
    assert found is not None
    return found


def _fill(room: UInt8[np.ndarray, "n h w c"], splits: Splits) -> None:
    start = 0
    for part in (splits.train, splits.validation):
        for begin in range(0, len(part), _CHUNK):
            chunk = part.images[begin : begin + _CHUNK]
            room[start : start + len(chunk)] = chunk
            start += len(chunk)
