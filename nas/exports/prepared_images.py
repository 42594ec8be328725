"""Preprocesses images of a search as its networks take them, for checks and quantisation of exports."""

from typing import Final

import torch
from torch import Tensor

from search_spaces.architecture import Architecture
from trials.images.splits import Images, Splits
from trials.training.batches import BatchSource, Preprocessor

_CALIBRATION: Final = 64  # training images on which int8 is calibrated and ONNX is checked


def prepared(
    part: Images, splits: Splits, architecture: Architecture, *, whole: bool = False
) -> tuple[Tensor, Tensor]:
    """Return preprocessed images, [n, c, r, r], and their labels, [n]."""
    device = torch.device("cpu")
    prepare = Preprocessor(splits.mean, splits.std, architecture.resolution, device)
    rows = torch.arange(len(part) if whole else min(_CALIBRATION, len(part)))
    pixels, labels = BatchSource(part, device).batch(rows)
    return prepare(pixels).contiguous(), labels
