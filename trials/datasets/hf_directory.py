"""Reads a folder that Hugging Face's ``datasets`` saved with ``save_to_disk``: Arrow streams and JSON.

A ``Dataset`` has ``state.json`` with the names of its files and ``dataset_info.json`` with a description of
its columns; a ``DatasetDict`` has ``dataset_dict.json`` and one such folder per split.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from typing_extensions import override

from search_spaces.errors import DataError
from trials.datasets import Dataset
from trials.images.arrow_columns import Batches, read_columns
from trials.images.image_table import Table

PARTS: Final = {
    "train": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}


class HfDirectory(Dataset):
    """A folder saved by ``Dataset.save_to_disk`` or ``DatasetDict.save_to_disk``."""

    @override
    def recognises(self, path: Path) -> bool:
        return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()

    @override
    def read(self, path: Path) -> Table:
        try:
            folders = _folders(path)
            files = {name: _files(folder) for name, folder in folders.items()}
            info = json.loads((folders["train"] / "dataset_info.json").read_text(encoding="utf-8"))
            with pa.memory_map(str(files["train"][0])) as source:
                schema = pa.ipc.open_stream(source).schema
            sources = {name: _batches(found) for name, found in files.items()}
            return read_columns(sources, schema, info.get("features") or {}, path)
        except (OSError, KeyError, json.JSONDecodeError, pa.ArrowException) as error:
            raise DataError(
                f"Cannot read the data set saved at '{path}': {error!r}. Expected all files of "
                f"save_to_disk. Save it again."
            ) from error


def _folders(path: Path) -> dict[str, Path]:
    if not (path / "dataset_dict.json").is_file():
        return {"train": path}
    splits = json.loads((path / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
    folders = {PARTS[name]: path / name for name in splits if name in PARTS}
    if "train" not in folders:
        raise DataError(f"'{path}' has the splits {', '.join(splits)}: expected train among them.")
    return folders


def _files(folder: Path) -> list[Path]:
    state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    return [folder / entry["filename"] for entry in state["_data_files"]]


def _batches(files: list[Path]) -> Batches:
    def batches(column: str) -> Iterator[Any]:
        for file in files:
            with pa.memory_map(str(file)) as source:
                for batch in pa.ipc.open_stream(source):
                    yield batch.select([column])

    return batches


DATASET: Final = HfDirectory()
