"""Reads images and labels from Arrow columns in the Hugging Face layout.

An image is ``struct{bytes, path}`` or plain bytes; a label is a number, with or without names in the
schema's metadata, or a text. See
https://huggingface.co/docs/datasets/about_dataset_features.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from search_spaces.errors import DataError
from search_spaces.units import counted
from trials.images.class_labels import Label, Labels, find_classes
from trials.images.column_choice import Columns, choose_columns, is_class_label, plain_type
from trials.images.image_table import Encoded, Table, labelled_part

Batches = Callable[[str], Iterator[Any]]
"""Yields the record batches of one column from the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrowSource:
    """One file of a split.

    Attributes:
        name: Name of the file, for messages.
        schema: Its Arrow schema.
        features: Hugging Face's description of its columns; may be empty.
        batches: Yields the record batches of a column.
        rows: Number of rows.
    """

    name: str
    schema: Any
    features: dict[str, Any]
    batches: Batches
    rows: int


class ArrowPictures:
    """The encoded images of one column of several files, read again on each iteration.

    Args:
        sources: The files.
        column: Name of the image column.
        count: Number of images.
        folder: Folder that paths in the column are relative to.
    """

    def __init__(self, sources: Sequence[ArrowSource], column: str, count: int, folder: Path) -> None:
        self._sources, self._column, self._count, self._folder = sources, column, count, folder

    def __len__(self) -> int:
        return self._count

    def __contains__(self, picture: object) -> bool:
        return any(picture == other for other in self)

    def __iter__(self) -> Iterator[Encoded]:
        for source in self._sources:
            try:
                for batch in source.batches(self._column):
                    yield from (self._encoded(cell.as_py()) for cell in batch.column(0))  # a copy of one
            except (pa.ArrowException, OSError, ValueError, MemoryError) as error:
                raise DataError(
                    f"Cannot read the images in '{source.name}': {error}. Expected a complete file. Download "
                    f"it again."
                ) from error

    def _encoded(self, cell: Any) -> Encoded:
        image = cell if isinstance(cell, dict) else {"path" if isinstance(cell, str) else "bytes": cell}
        content, path = image.get("bytes"), image.get("path")
        if content is not None:
            return bytes(content)
        return self._folder / path if isinstance(path, str) and path else b""


def read_columns(
    sources: Mapping[str, Sequence[ArrowSource]], folder: Path, chosen: Mapping[str, str]
) -> Table:
    """Return the table held by Arrow columns.

    Args:
        sources: Files of each split; those of ``train`` are among them.
        folder: Folder of the files, for messages and relative paths.
        chosen: Columns that the user chose for ``image`` and ``label``.

    Raises:
        DataError: if there is no image or label column, or files of the splits contradict each other.
    """
    first = sources["train"][0]
    columns = choose_columns(first.schema, first.features, chosen, f"'{first.name}'")
    label = columns.label
    if label is None:
        raise DataError(
            f"No label column in '{first.name}': expected one of the usual name, such as label, among the "
            f"columns {', '.join(first.schema.names)}. Choose it with --data 'PATH?label=COLUMN'."
        )
    used, notes = {}, list(columns.notes)
    for name, files in sources.items():
        if _has_labels(name, files, columns):
            used[name] = files
        else:
            count = counted(sum(file.rows for file in files), "image")
            notes.append(f"Left out {count} in '{name}', which have no column '{label}'.")
    names = _names(first.features.get(label))
    labels = {name: _labels(files, label, names) for name, files in used.items()}
    found = find_classes(labels, f"'{folder}'")
    parts = {
        name: labelled_part(ArrowPictures(used[name], columns.image, len(codes), folder), codes)
        for name, codes in found.labels.items()
    }
    return Table(parts=parts, classes=found.classes, notes=(*notes, *found.notes))


def features_in(schema: Any) -> dict[str, Any]:
    """Return the features that Hugging Face writes into a schema's metadata; empty if there are none."""
    metadata = (schema.metadata or {}).get(b"huggingface")
    try:
        described = json.loads(metadata)["info"]["features"] if metadata else {}
    except (ValueError, KeyError, TypeError, RecursionError):  # written by something else
        return {}
    return described if isinstance(described, dict) else {}


def _has_labels(split: str, files: Sequence[ArrowSource], columns: Columns) -> bool:
    """Return whether a split has labels; refuse it if its files lack a column that others have."""
    if split != "train" and all(_is_without_labels(file, columns) for file in files):
        return False
    for file in files:
        for column in (columns.image, columns.label):
            if file.schema.names.count(str(column)) != 1:
                raise DataError(
                    f"'{file.name}' has the columns {', '.join(file.schema.names)}: expected '{column}', as "
                    f"in the training files. Rename its column."
                )
    return True


def _is_without_labels(file: ArrowSource, columns: Columns) -> bool:
    """Return whether a file has neither the label column nor another that could be it."""
    if columns.label in file.schema.names or columns.image not in file.schema.names:
        return False
    return choose_columns(file.schema, file.features, {"image": columns.image}, file.name).label is None


def _labels(files: Sequence[ArrowSource], column: str, default: tuple[str, ...] | None) -> Labels:
    """Return the labels of a split, by name where its files name their classes differently.

    Args:
        files: Its files.
        column: Column of the labels.
        default: Names of the classes in files that do not say them.
    """
    pieces = [_file_labels(file, column, default) for file in files]
    names = pieces[0].names
    if all(piece.names == names for piece in pieces):
        return Labels(values=[value for piece in pieces for value in piece.values], names=names)
    return Labels(values=[value for piece in pieces for value in _by_name(piece)])


def _by_name(piece: Labels) -> Iterator[Label]:
    for value in piece.values:
        is_number = isinstance(value, int) and piece.names is not None and 0 <= value < len(piece.names)
        yield piece.names[value] if is_number else value  # type: ignore[index]


def _file_labels(file: ArrowSource, column: str, default: tuple[str, ...] | None) -> Labels:
    kind = plain_type(file.schema.field(column).type)
    convert = _converter(kind)
    if convert is None:
        raise DataError(
            f"The column '{column}' of '{file.name}' holds {kind}: expected one label an image, an integer "
            f"or a text. Choose another with --data 'PATH?label=COLUMN'."
        )
    cells = (cell for batch in file.batches(column) for cell in batch.column(0).to_pylist())
    values = [None if cell is None else convert(cell, file.name, column) for cell in cells]
    return Labels(values=values, names=_names(file.features.get(column)) or default)


def _converter(kind: Any) -> Callable[[Any, str, str], Label] | None:
    types = pa.types
    if types.is_floating(kind) or types.is_decimal(kind):
        return _whole
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return lambda cell, _file, _column: str(cell)
    if types.is_integer(kind) or types.is_boolean(kind) or types.is_null(kind):
        return lambda cell, _file, _column: cell
    return None


def _whole(cell: Any, file: str, column: str) -> Label:
    """Return a whole number from a column with fractions, as pandas writes where some are missing."""
    if cell != cell:  # noqa: PLR0124 -- NaN stands for a missing one
        return None
    if cell in {float("inf"), float("-inf")} or cell != int(cell):
        raise DataError(
            f"The column '{column}' of '{file}' holds {cell}: expected whole numbers or texts as labels. "
            f"Choose another with --data 'PATH?label=COLUMN'."
        )
    return int(cell)


def _names(feature: Any) -> tuple[str, ...] | None:
    names = feature.get("names") if is_class_label(feature) else None
    if isinstance(names, dict):  # as in a dataset card, by number
        names = [names[key] for key in sorted(names, key=int)] if all(map(str.isdigit, names)) else None
    return tuple(map(str, names)) if isinstance(names, list) and names else None
