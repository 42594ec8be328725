"""Reads images and labels from Arrow columns in the Hugging Face layout.

An image is ``struct{bytes, path}`` or plain bytes; a label is an integer, with or without names in the
schema's metadata, or a string. See
https://huggingface.co/docs/datasets/about_dataset_features.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from jaxtyping import Shaped

from search_spaces.errors import DataError
from trials.images.image_table import Encoded, Part, Table

LABELS: Final = ("label", "labels", "fine_label", "class", "target")

Batches = Callable[[str], Iterator[Any]]
"""Yields the record batches of one column from the start."""


class ArrowPictures:
    """The encoded images of one column, read again on each iteration.

    Args:
        batches: Yields the record batches of a column.
        column: Name of the image column.
        count: Number of images.
        folder: Folder that paths in the column are relative to.
    """

    def __init__(self, batches: Batches, column: str, count: int, folder: Path) -> None:
        self._batches, self._column, self._count, self._folder = batches, column, count, folder

    def __len__(self) -> int:
        return self._count

    def __contains__(self, picture: object) -> bool:
        return any(picture == other for other in self)

    def __iter__(self) -> Iterator[Encoded]:
        try:
            for batch in self._batches(self._column):
                yield from map(self._encoded, batch.column(0).to_pylist())
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"Cannot read the images in '{self._folder}': {error}. Expected complete files. Download "
                f"them again."
            ) from error

    def _encoded(self, cell: Any) -> Encoded:
        image = cell if isinstance(cell, dict) else {"bytes": cell}
        if image.get("bytes") is not None:
            return bytes(image["bytes"])
        return self._folder / image["path"] if image.get("path") else b""


def read_columns(
    sources: Mapping[str, Batches], schema: Any, features: dict[str, Any], folder: Path
) -> Table:
    """Return the table held by Arrow columns.

    Args:
        sources: Record batches of each split, by its name.
        schema: Arrow schema of all splits.
        features: Hugging Face's description of the columns; may be empty.
        folder: Folder of the files, for messages and relative paths.

    Raises:
        DataError: if there is no image or label column.
    """
    image = _image_column(schema, folder)
    label = _label_column(schema, features, folder)
    values = {name: _values(batches, label) for name, batches in sources.items()}
    labelled = {name: found for name, found in values.items() if not _is_unlabelled(found)}
    classes, labels = _classes(labelled, features.get(label, {}), folder)
    parts = {
        name: Part(pictures=ArrowPictures(sources[name], image, len(found), folder), labels=found)
        for name, found in labels.items()
    }
    return Table(parts=parts, classes=classes)


def features_in(schema: Any) -> dict[str, Any]:
    """Return the features that Hugging Face writes into a schema's metadata; empty if there are none."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    return json.loads(metadata)["info"]["features"] if metadata else {}


def _image_column(schema: Any, folder: Path) -> str:
    for field in schema:
        is_struct = pa.types.is_struct(field.type)
        if is_struct and any(field.type.field(i).name == "bytes" for i in range(len(field.type))):
            return str(field.name)
    for field in schema:
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type):
            return str(field.name)
    raise DataError(
        f"No image column in '{folder}': expected struct{{bytes, path}} or bytes among the columns "
        f"{', '.join(schema.names)}."
    )


def _label_column(schema: Any, features: dict[str, Any], folder: Path) -> str:
    named = [n for n in schema.names if features.get(n, {}).get("_type") == "ClassLabel"]
    found = [name for name in LABELS if name in schema.names]
    if not named and not found:
        raise DataError(
            f"No label column in '{folder}': expected one of {', '.join(LABELS)} among the columns "
            f"{', '.join(schema.names)}."
        )
    return next((name for name in found if name in named), (named or found)[0])


def _values(batches: Batches, column: str) -> Shaped[np.ndarray, "..."]:
    cells = [batch.column(0).to_numpy(zero_copy_only=False) for batch in batches(column)]
    return np.concatenate(cells) if cells else np.empty(0, dtype=np.int64)


def _is_unlabelled(values: Shaped[np.ndarray, "..."]) -> bool:
    return values.dtype.kind in "iu" and len(values) > 0 and bool((values == -1).all())


def _classes(
    values: Mapping[str, Shaped[np.ndarray, "..."]], feature: dict[str, Any], folder: Path
) -> tuple[tuple[str, ...], dict[str, Shaped[np.ndarray, "..."]]]:
    if "train" not in values:
        raise DataError(
            f"The 'train' split in '{folder}' has no labelled images: expected some. Add images with labels."
        )
    if values["train"].dtype.kind == "O":
        classes = sorted({str(value) for value in values["train"]})
        place = {name: index for index, name in enumerate(classes)}
        return tuple(classes), {
            name: np.array([place.get(str(v), -1) for v in part], dtype=np.int64)
            for name, part in values.items()
        }
    if any(part.dtype.kind not in "iu" for part in values.values()):
        raise DataError(
            f"Some labels in '{folder}' are missing or not integers: expected integers from 0. Fill them in."
        )
    labels = {name: part.astype(np.int64) for name, part in values.items()}
    highest = max(int(part.max(initial=-1)) for part in labels.values())
    names = feature.get("names") or [str(label) for label in range(highest + 1)]
    return tuple(names), labels
