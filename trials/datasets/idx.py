"""Reads IDX files, gzipped or not: MNIST, Fashion-MNIST, KMNIST, EMNIST.

The format is described at http://yann.lecun.com/exdb/mnist (two zero bytes, a type, the number of
dimensions, each as a big-endian 32-bit integer, then the values).
"""

import gzip
import zlib
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Shaped
from typing_extensions import override

from search_spaces.errors import DataError, reason_of
from trials.datasets import Dataset
from trials.images.array_conversion import as_labels, as_pixels
from trials.images.image_table import Part, Table, numbered_table
from trials.images.notes import listed

PARTS: Final = {"train": "train", "t10k": "test", "test": "test"}
UNSIGNED_BYTES: Final = 8


class Idx(Dataset):
    """A folder with ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, perhaps ``t10k``."""

    @override
    def recognises(self, path: Path) -> bool:
        return path.is_dir() and any(path.glob("*train[-_.]images[-.]idx[13]-ubyte*"))

    @override
    def read(self, path: Path) -> Table:
        parts = {name: _part(path, written) for written, name in PARTS.items() if _holds(path, written)}
        return numbered_table(parts, f"'{path}'")


def _holds(path: Path, part: str) -> bool:
    return _file(path, part, "images") is not None


def _part(path: Path, part: str) -> Part:
    images, labels = _file(path, part, "images"), _file(path, part, "labels")
    if images is None or labels is None:
        raise DataError(f"'{path}' has {part} images but no {part} labels: expected both.")
    pixels = as_pixels(_read(images), f"'{images}'")
    return Part(pictures=pixels, labels=as_labels(_read(labels), f"'{labels}'"))


def _file(path: Path, part: str, kind: str) -> Path | None:
    found = sorted(path.glob(f"*{part}[-_.]{kind}[-.]idx[13]-ubyte*"))
    if len({file.name.removesuffix(".gz") for file in found}) > 1:
        raise DataError(
            f"'{path}' has several files of {part} {kind}, {listed([file.name for file in found])}: expected "
            f"one data set. Move the others elsewhere."
        )
    return found[0] if found else None


def _read(path: Path) -> Shaped[np.ndarray, "..."]:
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot unpack '{path}': {reason_of(error)}. Download it again.") from error
    header = np.frombuffer(content[:4].ljust(4, b"\0"), dtype=np.uint8)
    start = 4 + 4 * int(header[3])
    shape = tuple(np.frombuffer(content[4:start], dtype=">i4").tolist())
    values = np.frombuffer(content[start:], dtype=np.uint8)
    if header[:2].any() or header[2] != UNSIGNED_BYTES or values.size != np.prod(shape, dtype=np.int64):
        raise DataError(
            f"'{path}' holds {values.size} bytes after a header of {header.tolist()} {list(shape)}: "
            f"expected a complete IDX file of unsigned bytes. Download it again."
        )
    return values.reshape(shape)


DATASET: Final = Idx()
