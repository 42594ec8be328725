"""The cache of decoded images: what is stored can be read after a power cut, or is decoded again."""

import os
import stat

import numpy as np
import pytest

from tests.trials.formats import image_folder
from trials.datasets import open_images
from trials.images import image_cache


@pytest.fixture
def data(tmp_path):
    return str(image_folder(tmp_path / "images"))


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


def zero(path):
    path.write_bytes(bytes(path.stat().st_size))


def empty(path):
    path.write_bytes(b"")


def shorten(path):
    np.save(path, np.load(path)[:-1])


def remove(path):
    path.unlink()


@pytest.mark.parametrize("resolution", [None, 8])
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *[("splits.json", damage) for damage in (truncate, zero, empty, remove)],
        *[("train_images.npy", damage) for damage in (truncate, zero, empty, shorten, remove)],
        *[("test_labels.npy", damage) for damage in (truncate, zero, empty, shorten, remove)],
    ],
)
def test_damaged_images_are_decoded_again(data, tmp_path, caplog, resolution, name, damage):
    where = {"seed": 0, "cache": tmp_path / "cache", "resolution": resolution}
    before = open_images(data, **where).train.images.tobytes()
    folders = [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    for folder in folders:
        damage(folder / name)
        assert image_cache.load(folder) is None
    again = open_images(data, **where)
    assert again.train.images.tobytes() == before
    assert sorted(path for path in (tmp_path / "cache").iterdir() if path.is_dir()) == sorted(folders)
    assert caplog.text.count("Decoding the images again") == len(folders)


def test_files_and_folder_are_synced_before_the_rename(tmp_path, monkeypatch):
    synced = []

    def noted(descriptor):
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append(("folder" if is_folder else "file", (tmp_path / "images").exists()))

    monkeypatch.setattr(os, "fsync", noted)
    with image_cache.atomic_folder(tmp_path / "images") as draft:
        image_cache.new_array(draft, "train_images", (2, 4, 4, 3))
        (draft / "splits.json").write_text("{}")
    assert synced == [("file", False), ("file", False), ("folder", False), ("folder", True)]


def test_room_is_made_of_a_damaged_folder_first(tmp_path, monkeypatch):
    damaged, whole = tmp_path / "0a-8", tmp_path / "0a-9"
    for folder in (damaged, whole):
        folder.mkdir()
        (folder / "splits.json").write_text("{}")
    (damaged / "splits.json").unlink()
    monkeypatch.setattr(image_cache, "MOST_OF_DISK", 0.0)
    image_cache.make_room(tmp_path, 0)
    assert not whole.exists()
