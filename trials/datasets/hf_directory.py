"""Reads a folder that Hugging Face's ``datasets`` saved with ``save_to_disk``: Arrow streams and JSON.

A ``Dataset`` has ``state.json`` with the names of its files and ``dataset_info.json`` with a description of
its columns; a ``DatasetDict`` has ``dataset_dict.json`` and one such folder per split.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from typing_extensions import override

from search_spaces.errors import DataError
from search_spaces.units import counted
from trials.datasets import Dataset
from trials.images.arrow_columns import ArrowSource, Batches, read_columns
from trials.images.column_choice import choose_columns
from trials.images.folder_rules import splits_among
from trials.images.image_table import Table


@dataclass(frozen=True)
class HfDirectory(Dataset):
    """A folder saved by ``Dataset.save_to_disk`` or ``DatasetDict.save_to_disk``.

    Attributes:
        columns: Columns that the user chose for ``image`` and ``label``.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    version = 2

    @override
    def recognises(self, path: Path) -> bool:
        return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()

    @override
    def with_columns(self, columns: Mapping[str, str]) -> "HfDirectory":
        return replaced(self, columns=columns)

    @override
    def read(self, path: Path) -> Table:
        try:
            folders, others = _folders(path)
            sources = {name: _sources(folder) for name, folder in folders.items()}
            notes = [_left_out(folder, self.columns) for folder in others]
            table = read_columns(sources, path, self.columns)
        except (OSError, KeyError, TypeError, ValueError, RecursionError, pa.ArrowException) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"Cannot read the data set saved at '{path}': {error!r}. Expected all files of "
                f"save_to_disk. Save it again."
            ) from error
        return replaced(table, notes=(*notes, *table.notes))


def _folders(path: Path) -> tuple[dict[str, Path], list[Path]]:
    """Return the folder of each split, and those of splits that are not known by their names."""
    if not (path / "dataset_dict.json").is_file():
        return {"train": path}, []
    written = json.loads((path / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
    names = splits_among(written)
    folders: dict[str, Path] = {}
    for name, split in names.items():
        if split in folders:
            raise DataError(
                f"'{path}' has two parts for the {split} split, '{folders[split].name}' and '{name}': "
                f"expected one. Save it with one."
            )
        folders[split] = path / name
    if "train" not in folders:
        raise DataError(f"'{path}' has the splits {', '.join(written)}: expected train among them.")
    return folders, [path / name for name in written if name not in names]


def _left_out(folder: Path, chosen: Mapping[str, str]) -> str:
    """Return the line on a part that is no split by its name; refuse it if it has labels."""
    sources = _sources(folder)
    first = sources[0]
    if choose_columns(first.schema, first.features, chosen, f"'{first.name}'").label is not None:
        raise DataError(
            f"The part '{folder.name}' of '{folder.parent}' has labels but is no split by its name: expected "
            f"train, validation or test. Save the data set without it, or under another name."
        )
    return (
        f"Left out {counted(sum(s.rows for s in sources), 'image')} in '{folder.name}', which have no labels."
    )


def _sources(folder: Path) -> list[ArrowSource]:
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    info = json.loads((folder / "dataset_info.json").read_text(encoding="utf-8"))
    features = info.get("features")
    described = features if isinstance(features, dict) else {}
    return [_source(folder / entry["filename"], described) for entry in state["_data_files"]]


def _source(file: Path, features: dict[str, Any]) -> ArrowSource:
    with pa.memory_map(str(file)) as mapped:
        stream = pa.ipc.open_stream(mapped)
        schema = stream.schema
        rows = sum(batch.num_rows for batch in stream)
    return ArrowSource(name=str(file), schema=schema, features=features, batches=_batches(file), rows=rows)


def _batches(file: Path) -> Batches:
    def batches(column: str) -> Iterator[Any]:
        with pa.memory_map(str(file)) as source:
            for batch in pa.ipc.open_stream(source):
                yield batch.select([column])

    return batches


DATASET: Final = HfDirectory()
