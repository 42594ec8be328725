"""Reads Parquet files in the Hugging Face layout: one file, or a folder with files for each split.

A file belongs to the split that its name or its folder says, as in ``train.parquet``,
``data/test-00000-of-00002.parquet`` or ``train/0000.parquet``; files without such names hold training images.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from typing_extensions import override

from search_spaces.errors import DataError
from search_spaces.units import counted
from trials.datasets import Dataset
from trials.images.arrow_columns import ArrowSource, Batches, features_in, read_columns
from trials.images.file_splits import split_files
from trials.images.folder_tree import files_below
from trials.images.image_table import Table

SUFFIXES: Final = (".parquet", ".parq", ".pq")
ROWS: Final = 1_024
BATCH_BYTES: Final = 64 * 2**20
"""Bytes of the images of a batch, of which a file of photographs has fewer than `ROWS`."""
_BUFFER_BYTES: Final = 2**20  # read at once: by default whole row groups are, and stay in memory


@dataclass(frozen=True)
class Parquet(Dataset):
    """Parquet files with an image and a label column.

    Attributes:
        columns: Columns that the user chose for ``image`` and ``label``.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    version = 2

    @override
    def recognises(self, path: Path) -> bool:
        return bool(_files(path))

    @override
    def extent(self, path: Path) -> str:
        return counted(len(_files(path)), "Parquet file")

    @override
    def with_columns(self, columns: Mapping[str, str]) -> "Parquet":
        return replaced(self, columns=columns)

    @override
    def read(self, path: Path) -> Table:
        found = split_files(_files(path), path)
        try:
            sources = {name: [_source(file) for file in files] for name, files in found.splits.items()}
            folder = path if path.is_dir() else path.parent
            table = read_columns(sources, folder, self.columns)
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"Cannot read the Parquet files at '{path}': {error}. Expected complete files. Download them "
                f"again."
            ) from error
        return replaced(table, notes=(*found.notes, *table.notes))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.lower() in SUFFIXES else []
    return files_below(path, SUFFIXES) if path.is_dir() else []


def _source(file: Path) -> ArrowSource:
    opened = pq.ParquetFile(file)
    return ArrowSource(
        name=str(file),
        schema=opened.schema_arrow,
        features=features_in(opened.schema_arrow),
        batches=_batches(file),
        rows=opened.metadata.num_rows,
    )


def _batches(file: Path) -> Batches:
    def batches(column: str) -> Iterator[Any]:
        opened = pq.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER_BYTES)
        yield from opened.iter_batches(_rows_at_once(opened.metadata, column), columns=[column])

    return batches


def _rows_at_once(metadata: Any, column: str) -> int:
    """Return how many rows of a column take about `BATCH_BYTES` on average, at most `ROWS`."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    size = sum(
        chunk.total_uncompressed_size
        for chunk in chunks
        if chunk.path_in_schema == column or chunk.path_in_schema.startswith(f"{column}.")
    )
    return max(1, min(ROWS, BATCH_BYTES * metadata.num_rows // max(size, 1)))


DATASET: Final = Parquet()
