"""Embedded data set ``digits``: scikit-learn's 1,797 handwritten digits of 8 x 8 pixels, no download.

Source: Alpaydin and Kaynak, https://archive.ics.uci.edu/dataset/80 (test part), via
``sklearn.datasets.load_digits``.
"""

from pathlib import Path
from typing import Final

import numpy as np
from sklearn.datasets import load_digits
from typing_extensions import override

from trials.datasets import Dataset
from trials.images.image_table import Part, Table

BRIGHTEST: Final = 16


class Digits(Dataset):
    """The handwritten digits of scikit-learn, grey."""

    embedded = True

    @override
    def recognises(self, path: Path) -> bool:
        return False

    @override
    def read(self, path: Path) -> Table:
        bunch = load_digits()
        pixels = np.rint(bunch.images * (255 / BRIGHTEST)).astype(np.uint8)[..., None]
        labels = np.asarray(bunch.target, dtype=np.int64)
        classes = tuple(str(digit) for digit in range(10))
        return Table(parts={"train": Part(pictures=pixels, labels=labels)}, classes=classes)


DATASET: Final = Digits()
