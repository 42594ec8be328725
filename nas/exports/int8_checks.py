"""What every export in int8 asks for: calibration images, and scores that are like those of fp32."""

from typing import Final

import torch
from torch import Tensor

from nas.exports.exported_network import ExportedNetwork
from search_spaces.errors import ExportError

LEAST_COSINE: Final = 0.9
"""Minimum cosine similarity of int8 and fp32 scores; less means that quantisation broke the network."""


def calibration_of(exported: ExportedNetwork, form: str) -> Tensor:
    """Return the images by which a network is calibrated.

    Args:
        exported: Network to export.
        form: Name of the export format.

    Raises:
        ExportError: if there are none.
    """
    if exported.calibration is None:
        raise ExportError(
            f"Cannot export '{exported.name}' as int8 without calibration images: expected 32 or more "
            f"training images. Give them, or leave {form} out."
        )
    return exported.calibration


def checked_similarity(exported: ExportedNetwork, form: str, fp32: Tensor, int8: Tensor) -> float:
    """Return the mean cosine similarity of the scores of both forms, each ``[images, classes]``.

    Args:
        exported: Network to export.
        form: Name of the export format.
        fp32: Scores of the calibration images.
        int8: The same of the quantised network.

    Raises:
        ExportError: if they are too different.
    """
    cosine = float(torch.cosine_similarity(fp32, int8, dim=1).mean())
    if not cosine >= LEAST_COSINE:
        raise ExportError(
            f"Cannot export '{exported.name}' as int8: the cosine similarity of its scores to fp32 is "
            f"{cosine:.2f}, expected at least {LEAST_COSINE}. Leave {form} out, or calibrate on other images."
        )
    return cosine
