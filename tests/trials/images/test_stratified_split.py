import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.errors import DataError
from trials.images.stratified_split import LARGEST, stratified_split

counts = st.lists(st.integers(3, 60), min_size=2, max_size=6)


def labels_of(counts):
    return np.repeat(np.arange(len(counts)), counts).astype(np.int64)


def names(counts):
    return [f"class {n}" for n in range(len(counts))]


@given(counts, st.integers(0, 2**32))
def test_every_image_is_in_exactly_one_part_and_every_class_in_every_part(counts, seed):
    labels = labels_of(counts)
    rows = stratified_split({"train": labels}, names(counts), seed)
    assert {source for source, _ in rows.values()} == {"train"}
    together = np.concatenate([chosen for _, chosen in rows.values()])
    np.testing.assert_array_equal(np.sort(together), np.arange(len(labels)))
    for _, chosen in rows.values():
        assert np.bincount(labels[chosen], minlength=len(counts)).min() >= 1


@given(counts, st.integers(0, 2**32))
def test_each_class_has_its_share_up_to_one_image(counts, seed):
    labels = labels_of(counts)
    _, test = stratified_split({"train": labels}, names(counts), seed)["test"]
    ideal = np.array(counts) * (-(-len(labels) // 5) / len(labels))
    assert np.abs(np.bincount(labels[test], minlength=len(counts)) - ideal).max() <= 1


@given(counts, st.integers(0, 2**32))
def test_given_parts_are_kept_whole(counts, seed):
    labels = labels_of(counts)
    rows = stratified_split({"train": labels, "test": labels[::2]}, names(counts), seed)
    assert rows["test"][0] == "test"
    np.testing.assert_array_equal(rows["test"][1], np.arange(len(labels[::2])))
    assert rows["validation"][0] == "train"


def test_a_large_data_set_gives_up_no_more_than_it_needs():
    labels = np.arange(100_000) % 10
    rows = stratified_split({"train": labels}, names(range(10)), 0)
    assert [len(rows[part][1]) for part in ("train", "validation", "test")] == [90_000, LARGEST, LARGEST]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([5, 0, 5], "'class 1' has no image"),
        ([5, 1], "'class 1' has 1 image"),
        ([2, 9], "has 2 images"),
    ],
)
def test_a_class_with_too_few_images_is_named(counts, expected):
    with pytest.raises(DataError, match=expected):
        stratified_split({"train": labels_of(counts)}, names(counts), 0)
