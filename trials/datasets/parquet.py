"""Reads Parquet files in the Hugging Face layout: one file, or a folder with files for each split.

A file belongs to the split that its name starts with, as in ``train.parquet`` or
``data/test-00000-of-00002.parquet``; a single file holds the training images.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import override

from search_spaces.errors import DataError
from trials.datasets import Dataset
from trials.images.arrow_columns import Batches, features_in, read_columns
from trials.images.image_table import Table

PARTS: Final = {"train": "train", "val": "validation", "test": "test"}
ROWS: Final = 1_024


class Parquet(Dataset):
    """Parquet files with an image and a label column."""

    @override
    def recognises(self, path: Path) -> bool:
        return bool(_files(path))

    @override
    def read(self, path: Path) -> Table:
        files = _by_part(_files(path), path)
        try:
            schema = pq.read_schema(files["train"][0])
            sources = {name: _batches(found) for name, found in files.items()}
            folder = path if path.is_dir() else path.parent
            return read_columns(sources, schema, features_in(schema), folder)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"Cannot read the Parquet files at '{path}': {error}. Expected complete files. Download them "
                f"again."
            ) from error


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix == ".parquet" else []
    return sorted([*path.glob("*.parquet"), *path.glob("data/*.parquet")])


def _by_part(files: list[Path], path: Path) -> dict[str, list[Path]]:
    if len(files) == 1:
        return {"train": files}
    parts: dict[str, list[Path]] = {}
    for file in files:
        for prefix, part in PARTS.items():
            if file.name.startswith(prefix):
                parts.setdefault(part, []).append(file)
    if "train" not in parts:
        raise DataError(
            f"No training file among the Parquet files in '{path}' "
            f"({', '.join(file.name for file in files[:5])}): expected train*.parquet."
        )
    return parts


def _batches(files: list[Path]) -> Batches:
    def batches(column: str) -> Iterator[Any]:
        for file in files:
            yield from pq.ParquetFile(file).iter_batches(ROWS, columns=[column])

    return batches


DATASET: Final = Parquet()
