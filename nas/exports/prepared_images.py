"""Preprocesses images of a search as its networks take them, for checks and quantisation of exports."""

import optuna
import torch
from torch import Tensor

from nas.study.study import images_of, settings_of
from search_spaces.architecture import Architecture
from trials.images.splits import Images, Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.int8_evaluation import calibration_rows


def prepared(
    part: Images, splits: Splits, architecture: Architecture, *, whole: bool = False
) -> tuple[Tensor, Tensor]:
    """Return preprocessed images, [n, c, r, r], and their labels, [n]: all, or those that calibrate int8."""
    device = torch.device("cpu")
    prepare = Preprocessor(splits.mean, splits.std, architecture.resolution, device)
    rows = torch.arange(len(part)) if whole else calibration_rows(part)
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
