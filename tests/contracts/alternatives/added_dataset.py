"""Sixty grey images of 8 x 8 pixels in two classes, dark and bright."""

from pathlib import Path
from typing import Final

import numpy as np
from typing_extensions import override

from trials.datasets import Dataset
from trials.images.image_table import Part, Table


class AddedDataset(Dataset):
    """Noise at two levels."""

    embedded = True

    @override
    def recognises(self, path: Path) -> bool:
        return False

    @override
    def read(self, path: Path) -> Table:
        labels = np.arange(60, dtype=np.int64) % 2
        noise = np.random.default_rng(0).integers(0, 100, (60, 8, 8, 1))
        pixels = (noise + 100 * labels[:, None, None, None]).astype(np.uint8)
        return Table(parts={"train": Part(pictures=pixels, labels=labels)}, classes=("dark", "bright"))


DATASET: Final = AddedDataset()
