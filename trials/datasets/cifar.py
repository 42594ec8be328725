"""Reads CIFAR-10 and CIFAR-100, Python and binary versions; its pickles are read safely.

Both are described at https://www.cs.toronto.edu/~kriz/cifar.html; for CIFAR-100 the fine labels are used.
"""

import io
import pickle
from pathlib import Path
from typing import Any, Final

import numpy as np
from typing_extensions import override

from search_spaces.errors import DataError, reason_of
from trials.datasets import Dataset
from trials.images.array_conversion import as_labels, as_pixels
from trials.images.image_table import Part, Table

SIDE: Final = 32
PIXELS: Final = 3 * SIDE * SIDE
TEN: Final = tuple(f"data_batch_{number}" for number in range(1, 6))
NAMES: Final = {
    "batches.meta": b"label_names",
    "meta": b"fine_label_names",
    "batches.meta.txt": b"",
    "fine_label_names.txt": b"",
}
LAYOUTS: Final = {
    "CIFAR-10 for Python": (TEN, ("test_batch",)),
    "CIFAR-100 for Python": (("train",), ("test",)),
    "CIFAR-10 in binary": (tuple(f"{name}.bin" for name in TEN), ("test_batch.bin",)),
    "CIFAR-100 in binary": (("train.bin",), ("test.bin",)),
}
FOLDERS: Final = (
    "",
    "cifar-10-batches-py",
    "cifar-100-python",
    "cifar-10-batches-bin",
    "cifar-100-binary",
)


class Cifar(Dataset):
    """The unpacked folder of CIFAR, or the folder that contains it."""

    @override
    def recognises(self, path: Path) -> bool:
        return bool(_found(path))

    @override
    def read(self, path: Path) -> Table:
        (folder, layout), *others = _found(path)
        if others:
            raise DataError(
                f"'{path}' holds {layout} and {others[0][1]}: expected one data set. Give the path of one, "
                f"such as --data '{folder}'."
            )
        train, test = LAYOUTS[layout]
        read = _read_binary if layout.endswith("binary") else _read_python
        classes = _classes(folder)
        parts = {"train": _part([read(folder / name, len(classes)) for name in train])}
        if (folder / test[0]).exists():
            parts["test"] = _part([read(folder / name, len(classes)) for name in test])
        return Table(parts=parts, classes=classes)


def _found(path: Path) -> list[tuple[Path, str]]:
    """Return the folders and layouts of the data sets at a path."""
    folders = [path / name for name in FOLDERS]
    return [
        (folder, layout)
        for folder in folders
        if any((folder / names).is_file() for names in NAMES)
        for layout, (train, _) in LAYOUTS.items()
        if (folder / train[0]).is_file()
    ]


def _classes(folder: Path) -> tuple[str, ...]:
    name = next(name for name in NAMES if (folder / name).is_file())
    if not NAMES[name]:
        return tuple((folder / name).read_text(encoding="utf-8").split())
    return tuple(label.decode() for label in _unpickled(folder / name)[NAMES[name]])


def _part(pieces: list[tuple[Any, Any]]) -> Part:
    pixels = np.concatenate([pixels for pixels, _ in pieces]).reshape(-1, 3, SIDE, SIDE)
    labels = np.concatenate([labels for _, labels in pieces])
    return Part(pictures=as_pixels(pixels, "CIFAR"), labels=as_labels(labels, "CIFAR"))


def _read_python(path: Path, classes: int) -> tuple[Any, Any]:
    del classes
    held = _unpickled(path)
    labels = held.get(b"fine_labels", held.get(b"labels"))
    if labels is None or b"data" not in held:
        raise DataError(f"'{path}' holds {sorted(held)}: expected data and labels.")
    return np.asarray(held[b"data"]), np.asarray(labels)


def _read_binary(path: Path, classes: int) -> tuple[Any, Any]:
    labels = 1 if classes == 10 else 2  # CIFAR-100 has the coarse label first
    try:
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    except OSError as error:
        raise DataError(
            f"Cannot read '{path}': {error.strerror}. Check the file and its permissions."
        ) from error
    if content.size == 0 or content.size % (labels + PIXELS):
        raise DataError(
            f"'{path}' has {content.size} bytes: expected a multiple of {labels + PIXELS}. Download it again."
        )
    records = content.reshape(-1, labels + PIXELS)
    return records[:, labels:], records[:, labels - 1]


# numpy has no public name for the first, which moved in numpy 2
_RECONSTRUCTION: Final = {
    "_reconstruct": np.empty(0).__reduce__()[0],
    "ndarray": np.ndarray,
    "dtype": np.dtype,
}


class _SafeUnpickler(pickle.Unpickler):
    """Loads arrays and plain values only; a pickle that refers to anything else could run code."""

    @override
    def find_class(self, module: str, name: str) -> Any:
        if name in _RECONSTRUCTION and (module + ".").startswith("numpy."):
            return _RECONSTRUCTION[name]
        if (module, name) == ("_codecs", "encode"):
            return _encoded
        raise pickle.UnpicklingError(f"it refers to {module}.{name}")


def _encoded(text: str, encoding: str) -> bytes:
    return text.encode(encoding)


def _unpickled(path: Path) -> dict[bytes, Any]:
    try:
        held = _SafeUnpickler(io.BytesIO(path.read_bytes()), encoding="bytes").load()
    except (OSError, EOFError, ValueError, TypeError, pickle.UnpicklingError) as error:
        raise DataError(f"Cannot read '{path}': {reason_of(error)}. Download it again.") from error
    if not isinstance(held, dict):
        raise DataError(f"'{path}' holds a {type(held).__name__}: expected a dictionary.")
    return {k if isinstance(k, bytes) else str(k).encode(): v for k, v in held.items()}


DATASET: Final = Cifar()
