"""The signature of a data set: of its own files only, and the same as ever for ordinary folders."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.trials.formats import CLASSES, image_folder
from trials.datasets import open_images
from trials.images import dataset_loading
from trials.images.file_signature import signature
from trials.images.folder_rules import is_written_by_nas


def flat_folder(path):
    """Write class folders without folders for splits."""
    image_folder(path)
    shutil.rmtree(path / "test")
    for name in CLASSES:
        (path / "train" / name).rename(path / name)
    (path / "train").rmdir()
    return path


@pytest.mark.parametrize("layout", [flat_folder, image_folder])
@pytest.mark.parametrize("home", ["nas-runs", "out"])
def test_images_in_the_working_folder_are_decoded_once(tmp_path, monkeypatch, layout, home):
    elsewhere = open_images(str(layout(tmp_path / "elsewhere")), seed=0, cache=None)
    data = layout(tmp_path / "data")
    monkeypatch.chdir(data)
    cache = Path(home, "images").resolve()

    def opened():
        return open_images(str(data), seed=0, cache=cache)

    first = opened()
    assert first.fingerprint == elsewhere.fingerprint
    assert first.notes == elsewhere.notes
    study = data / home / "study" / "trials"
    study.mkdir(parents=True)
    (study / "checkpoint.pt").write_bytes(b"weights")
    for name in ("nas.db", "nas.db-journal", "mine.sqlite3", "mine.sqlite3-wal"):
        (data / name).write_bytes(b"")
    monkeypatch.setattr(dataset_loading, "decode", None)
    assert opened().fingerprint == first.fingerprint
    (data / "nas.db").write_bytes(b"more")
    assert opened().fingerprint == first.fingerprint


def test_the_signature_of_an_ordinary_folder_is_that_of_all_its_files(tmp_path):
    image_folder(tmp_path)
    (tmp_path / "train" / "images").mkdir()
    (tmp_path / "train" / "images" / ".lock").write_text("")
    (tmp_path / "train" / "images" / "0.png").write_bytes(b"")
    for name in (".DS_Store", "Thumbs.db", "labels.csv", "catalogue.db", ".cache/download.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    listed = sorted((str(f.relative_to(tmp_path)), f.stat().st_size, f.stat().st_mtime_ns) for f in files)
    assert signature(tmp_path) == hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def test_a_file_that_vanishes_is_not_counted(tmp_path, monkeypatch):
    image_folder(tmp_path)
    before = signature(tmp_path)
    walk = os.walk

    def walk_with_ghosts(path, **options):
        for folder, inner, names in walk(path, **options):
            inner.append("gone")
            yield folder, inner, [*names, "nas.log"]

    monkeypatch.setattr("os.walk", walk_with_ghosts)
    assert signature(tmp_path) == before


def test_folders_of_decoded_images_are_known_by_what_they_hold(tmp_path):
    cache = tmp_path / "out" / "images"
    (cache / ("0" * 24)).mkdir(parents=True)
    assert not is_written_by_nas(cache)
    (cache / ".lock").write_text("")
    (cache / f"{'a' * 24}-224").mkdir()
    (cache / ".decoding-1").mkdir()
    assert is_written_by_nas(cache)
    assert is_written_by_nas(cache.parent)
    (cache / "ant").mkdir()
    assert not is_written_by_nas(cache)
