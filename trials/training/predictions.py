"""Predicted classes of single images beside their labels, by which networks are compared image by image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save
from torch import nn

from trials.training.atomic_writing import write_atomically
from trials.training.batches import BatchSource, Preprocessor
from trials.training.evaluation import scored_batches
from trials.training.recipe import Recipe


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What a network says of each image of a split, in the order of the split.

    Attributes:
        labels: Classes of the images, [n].
        classes: Predicted classes, [n].
    """

    labels: NDArray[np.int32]
    classes: NDArray[np.int32]

    def write(self, path: Path) -> None:
        """Write them atomically as safetensors."""
        write_atomically(path, save({"labels": self.labels, "classes": self.classes}))

    @classmethod
    def read(cls, path: Path) -> "Predictions":
        """Return the predictions that `write` wrote."""
        arrays = load_file(path)
        return cls(labels=arrays["labels"], classes=arrays["classes"])


@torch.no_grad()
def predictions(
    network: nn.Module,
    images: BatchSource,
    preprocess: Preprocessor,
    recipe: Recipe,
    after_batch: Callable[[], None] = lambda: None,
) -> Predictions:
    """Return what a network says of all images of a split; computed as `evaluate` does.

    Args:
        network: Network to evaluate; left in evaluation mode.
        images: Images of the split.
        preprocess: Preprocessing of the images for the network.
        recipe: Recipe whose precision is used.
        after_batch: Called after each batch.

    Raises:
        OutOfMemoryError: if the device cannot hold the network even with one image.
    """
    labels, classes = [], []
    for logits, truth in scored_batches(network, images, preprocess, recipe):
        labels.append(truth.cpu())
        classes.append(logits.argmax(1).cpu())
        after_batch()
    return Predictions(
        labels=torch.cat(labels).numpy().astype(np.int32),
        classes=torch.cat(classes).numpy().astype(np.int32),
    )
