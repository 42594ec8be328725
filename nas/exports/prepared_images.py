"""Preprocesses images of a search as its networks take them, for checks and quantisation of exports."""

from typing import Final

import optuna
import torch
from torch import Tensor

from nas.study.study import images_of, settings_of
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


def decoded_size(
    study: optuna.Study, architecture: Architecture, splits: Splits | None
) -> tuple[int, int, int] | None:
    """Return height, width and channels that a study decodes images to for a network.

    None where only the images would tell, and `splits` is None.
    """
    if settings_of(study).resized_once:
        return architecture.resolution, architecture.resolution, images_of(study)["channels"]
    return None if splits is None else (*splits.size, splits.channels)
