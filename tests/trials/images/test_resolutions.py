"""Images at the resolution of a network are resized once from their files, kept, and given up for others."""

import shutil
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tests.trials.formats import CLASSES
from trials.datasets import open_images
from trials.images import image_cache
from trials.images.merged_validation import merge_validation
from trials.images.resized import resized_images


def images_of_sizes(path, count=12):
    """Write images of several sizes in a folder per class."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (path / name).mkdir(parents=True)
        for number in range(count):
            pixels = rng.integers(0, 256, (40 + number, 70 - number, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path / name / f"{number}.png")
    return path


@pytest.fixture
def data(tmp_path):
    return str(images_of_sizes(tmp_path / "images"))


def folders(cache):
    """Return what the names of the folders of a cache end with, besides that of the data set."""
    return sorted(path.name.partition("-")[2] for path in cache.iterdir() if "-" in path.name)


def pixels(splits):
    parts = (splits.train, splits.validation, splits.test)
    return [image.tobytes() for part in parts for image in part.images]


def test_each_image_is_resized_once_from_its_file_in_memory_and_in_the_cache(data, tmp_path):
    files = [Image.open(path) for path in sorted((tmp_path / "images").glob("*/*"))]
    expected = sorted(file.resize((24, 24), Image.Resampling.BILINEAR).tobytes() for file in files)
    for cache in (None, tmp_path / "cache", tmp_path / "cache"):
        assert sorted(pixels(open_images(data, seed=0, cache=cache, resolution=24))) == expected


def test_splits_labels_mean_and_fingerprint_are_those_of_the_data_set(data, tmp_path):
    common = open_images(data, seed=0, cache=tmp_path / "cache")
    for side in (16, 300):
        splits = open_images(data, seed=0, cache=tmp_path / "cache", resolution=side)
        assert splits.size == (side, side)
        for name in ("mean", "std", "fingerprint", "classes", "notes"):
            assert getattr(splits, name) == getattr(common, name)
        for name in image_cache.PARTS:
            ours, theirs = getattr(splits, name), getattr(common, name)
            np.testing.assert_array_equal(ours.labels, theirs.labels)
            assert np.corrcoef(ours.images.mean((1, 2))[:, 0], theirs.images.mean((1, 2))[:, 0])[0, 1] > 0.9
    assert folders(tmp_path / "cache") == ["16", "300"]


def test_images_that_have_the_size_already_are_not_decoded_again(data, tmp_path):
    common = open_images(data, seed=0, cache=tmp_path / "cache")
    again = open_images(data, seed=0, cache=tmp_path / "cache", resolution=common.size[0])
    assert pixels(again) == pixels(common)
    assert folders(tmp_path / "cache") == []


def test_merged_images_of_each_resolution_are_kept_apart(data, tmp_path):
    for side in (16, 24):
        where = {"seed": 0, "cache": tmp_path / "cache", "resolution": side}
        splits = open_images(data, **where)
        merged = merge_validation(splits, **where)
        assert merged.size == (side, side)
        assert pixels(merged)[: len(splits.train)] == pixels(splits)[: len(splits.train)]


def test_images_used_longest_ago_make_room_but_not_those_that_are_read(data, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    read = open_images(data, seed=0, cache=cache, resolution=16)
    for side in (17, 18):
        open_images(data, seed=0, cache=cache, resolution=side)
    before = pixels(read)
    monkeypatch.setattr(image_cache, "MOST_OF_DISK", 0.0)
    open_images(data, seed=0, cache=cache, resolution=19)
    assert folders(cache) == ["16", "19"]
    assert pixels(read) == before
    del read
    open_images(data, seed=0, cache=cache, resolution=20)
    assert folders(cache) == ["20"]


def test_room_is_made_where_it_is_needed(data, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    for side in (16, 17, 18):
        open_images(data, seed=0, cache=cache, resolution=side)
    with image_cache.exclusive(cache):
        image_cache.make_room(cache, 0)
        assert folders(cache) == ["16", "17", "18"]
        free = shutil.disk_usage(cache).free
        monkeypatch.setattr(image_cache, "MOST_OF_DISK", 1e9 / free)  # of the disk a gigabyte
        image_cache.make_room(cache, 100_000_000)
        assert folders(cache) == ["16", "17", "18"]
        image_cache.make_room(cache, 2_000_000_000)
    assert folders(cache) == []


def opened_at(job):
    data, cache, side = job
    return side, pixels(open_images(data, seed=0, cache=cache, resolution=side))


@pytest.mark.slow
def test_workers_that_decode_resolutions_at_once_agree_and_leave_one_copy_of_each(data, tmp_path):
    with ProcessPoolExecutor(4) as pool:
        found = list(pool.map(opened_at, [(data, tmp_path / "cache", side) for side in (16, 24) * 4]))
    assert all(images == dict(found)[side] for side, images in found)
    assert folders(tmp_path / "cache") == ["16", "24"]


def test_decoded_images_are_resized_as_files_of_them_would_be(data):
    common = open_images(data, seed=0, cache=None)
    few = resized_images(common.train, 5, 20)
    file = Image.fromarray(common.train.images[4])
    assert few.images[4].tobytes() == file.resize((20, 20), Image.Resampling.BILINEAR).tobytes()
    np.testing.assert_array_equal(few.labels, common.train.labels[:5])
