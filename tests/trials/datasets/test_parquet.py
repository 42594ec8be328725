"""Parquet files of large images are read a few rows at once."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from trials.datasets import parquet
from trials.datasets.parquet import DATASET

COUNT = 200


@pytest.fixture
def file(tmp_path):
    """Write 200 "images" of 4,000 bytes in row groups of 50."""
    rng = np.random.default_rng(0)
    images = [{"bytes": rng.bytes(4000), "path": None} for _ in range(COUNT)]
    table = pa.table({"image": images, "label": [number % 3 for number in range(COUNT)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=50)
    return tmp_path / "a.parquet"


def test_batches_of_large_images_have_few_rows_and_those_of_labels_many(file, monkeypatch):
    monkeypatch.setattr(parquet, "BATCH_BYTES", 41_000)
    images, labels = ([*parquet._batches(file)(column)] for column in ("image", "label"))
    assert 8 <= max(batch.num_rows for batch in images) <= 10
    assert max(batch.num_rows for batch in labels) == COUNT
    assert sum(batch.num_rows for batch in images) == COUNT


def test_images_are_the_same_however_many_are_read_at_once(file, monkeypatch):
    expected = [row["bytes"] for row in pq.read_table(file).column("image").to_pylist()]
    for batch_bytes in (1, 41_000, 2**26):
        monkeypatch.setattr(parquet, "BATCH_BYTES", batch_bytes)
        assert [*DATASET.read(file).parts["train"].pictures] == expected


def test_a_file_of_many_large_images_takes_the_memory_of_a_few(tmp_path):
    images = [number.to_bytes(4, "little") * 2**18 for number in range(300)]
    table = pa.table({"image": images, "label": [number % 3 for number in range(300)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=20, compression="none", use_dictionary=False)
    del table
    before = pa.total_allocated_bytes()
    for number, picture in enumerate(DATASET.read(tmp_path / "a.parquet").parts["train"].pictures):
        assert picture == images[number]
        assert pa.total_allocated_bytes() - before < 160 * 2**20
