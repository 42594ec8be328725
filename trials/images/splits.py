"""The decoded images of a data set: train, validation and test split, classes, mean and std."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, UInt8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Images:
    """Decoded images of one size with their labels.

    Attributes:
        images: Pixels, 0 to 255; may be memory-mapped and shared between processes.
        labels: Class of each image, from 0.
    """

    images: UInt8[np.ndarray, "n h w c"]
    labels: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Splits:
    """A data set ready for training; no image is in two splits.

    Attributes:
        train: Images that networks are trained on.
        validation: Images that a search compares networks on.
        test: Images that a delivered network is tested on, once.
        classes: Name of each class, in the order of the labels.
        mean: Mean of each channel over `train`, in [0, 1].
        std: Standard deviation of each channel over `train`, in (0, 1].
        fingerprint: SHA-256 of the decoded images, labels and class names, before splitting.
        unreadable: Names of the images that were skipped because they could not be decoded.
        notes: What was left out or chosen when the images were read, one line each.
        decoding_s: Seconds that decoding them all took; 0 if unknown.
    """

    train: Images
    validation: Images
    test: Images
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str
    unreadable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decoding_s: float = 0.0

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return len(self.mean)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the decoded images in pixels."""
        height, width = self.train.images.shape[1:3]
        return height, width

    def bytes_at(self, resolution: int) -> int:
        """Return the bytes of all images at a resolution in pixels."""
        images = sum(map(len, (self.train, self.validation, self.test)))
        return images * resolution**2 * self.channels
