"""What every format of images owes; a new one needs a writer in tests/trials/formats.py."""

import numpy as np
import pytest

from search_spaces.errors import DataError
from tests.trials.formats import CLASSES, TEST, TRAIN, WRITERS
from trials.datasets import DATASETS, Dataset, open_images

FORMATS = [name for name in DATASETS if not DATASETS[name].embedded]
EMBEDDED = [name for name in DATASETS if DATASETS[name].embedded]


@pytest.fixture(params=FORMATS)
def written(request, tmp_path):
    """Return the path of images in one of the formats."""
    folder = tmp_path / "given"
    folder.mkdir()
    return WRITERS[request.param](folder), request.param


def keys(part):
    return [image.tobytes() for image in part.images]


def parts(splits):
    return {name: getattr(splits, name) for name in ("train", "validation", "test")}


def assert_same(one, other):
    assert (one.fingerprint, one.classes, one.mean) == (other.fingerprint, other.classes, other.mean)
    for name, part in parts(one).items():
        np.testing.assert_array_equal(part.images, parts(other)[name].images)
        np.testing.assert_array_equal(part.labels, parts(other)[name].labels)


@pytest.mark.parametrize("name", list(DATASETS))
def test_it_is_a_dataset_and_recognises_nothing_in_an_empty_folder_or_a_text(name, tmp_path):
    (tmp_path / "notes.txt").write_text("no images")
    (tmp_path / "empty").mkdir()
    dataset = DATASETS[name]
    assert isinstance(dataset, Dataset)
    for path in (tmp_path, tmp_path / "notes.txt", tmp_path / "empty", tmp_path / "absent"):
        assert dataset.recognises(path) is False


def test_only_its_own_format_recognises_a_folder(written):
    path, name = written
    assert [other for other in DATASETS if DATASETS[other].recognises(path)] == [name]


def test_every_image_is_in_one_split_and_the_given_test_split_is_kept(written):
    splits = open_images(str(written[0]), seed=0, cache=None)
    found = {name: keys(part) for name, part in parts(splits).items()}
    assert len({*found["train"], *found["validation"], *found["test"]}) == 3 * (TRAIN + TEST)
    assert {name: len(part) for name, part in found.items()} == {"train": 24, "validation": 6, "test": 15}


def test_splits_are_stratified_and_classes_follow_the_labels(written):
    splits = open_images(str(written[0]), seed=0, cache=None)
    assert len(splits.classes) == len(CLASSES)
    for part in parts(splits).values():
        counts = np.bincount(part.labels, minlength=3)
        assert counts.min() == counts.max()


def test_a_seed_divides_always_the_same_way_and_another_seed_differently(written):
    one, again, other = (open_images(str(written[0]), seed=seed, cache=None) for seed in (1, 1, 2))
    assert_same(one, again)
    assert keys(one.validation) != keys(other.validation)
    assert keys(one.test) == keys(other.test)
    assert one.fingerprint == other.fingerprint


def test_the_cache_holds_the_same_images_and_spares_the_reading(written, tmp_path, monkeypatch):
    path, name = written
    fresh = open_images(str(path), seed=0, cache=None)
    first = open_images(str(path), seed=0, cache=tmp_path / "cache")
    monkeypatch.setattr(type(DATASETS[name]), "read", None)
    second = open_images(str(path), seed=0, cache=tmp_path / "cache")
    assert_same(fresh, first)
    assert_same(fresh, second)
    assert isinstance(second.train.images, np.memmap)


def test_the_caller_may_write_to_images_and_the_cache_stays(written, tmp_path):
    first = open_images(str(written[0]), seed=0, cache=tmp_path)
    before = first.train.images.copy()
    first.train.images[:] = 0
    np.testing.assert_array_equal(open_images(str(written[0]), seed=0, cache=tmp_path).train.images, before)


def test_files_cut_in_half_are_an_error_of_one_line(written):
    path = written[0]
    for file in [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(DataError) as caught:
        open_images(str(path), seed=0, cache=None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_images_need_no_path_and_are_divided_60_20_20(name):
    splits = open_images(name, seed=0, cache=None)
    total = sum(len(part) for part in parts(splits).values())
    assert len(splits.validation) == len(splits.test) == -(-total // 5)
    found = [key for part in parts(splits).values() for key in keys(part)]
    assert len(found) == total
