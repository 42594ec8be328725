"""A chosen network learns from all but the test images."""

from dataclasses import replace

import numpy as np

from trials.datasets import open_images
from trials.images.merged_validation import merge_validation


def rows(images):
    return {(label, pixels.tobytes()) for pixels, label in zip(images.images, images.labels, strict=True)}


def test_all_but_the_test_images_are_learnt_from(digits, tmp_path):
    for cache in (None, tmp_path):
        splits = open_images("digits", seed=0, cache=cache)
        whole = merge_validation(splits, seed=0, cache=cache)
        assert rows(whole.train) == rows(digits.train) | rows(digits.validation)
        assert len(whole.train) == len(digits.train) + len(digits.validation)
        assert rows(whole.validation) == rows(digits.validation)
        assert not rows(whole.train) & rows(digits.test)
        assert np.array_equal(whole.test.images, digits.test.images)
        assert (whole.mean, whole.std, whole.classes) == (splits.mean, splits.std, splits.classes)


def test_of_many_validation_images_all_stay(digits):
    splits = replace(digits, validation=digits.train)
    assert len(merge_validation(splits, seed=0, cache=None).validation) == len(digits.train)


def test_they_are_joined_on_the_disk_once_and_mapped(tmp_path):
    splits = open_images("digits", seed=0, cache=tmp_path)
    one, other = (merge_validation(splits, seed=0, cache=tmp_path) for _ in range(2))
    assert isinstance(one.train.images, np.memmap)
    assert np.array_equal(one.train.images, other.train.images)
    assert len(list(tmp_path.glob("[!.]*"))) == 2


def test_studies_that_normalise_differently_share_the_joined_images_and_keep_their_own_mean(tmp_path):
    splits = open_images("digits", seed=0, cache=tmp_path)
    adopted = replace(splits, mean=(0.1,), std=(0.9,), notes=("a note",))
    for ours in (adopted, splits):
        whole = merge_validation(ours, seed=0, cache=tmp_path)
        assert (whole.mean, whole.std, whole.notes) == (ours.mean, ours.std, ours.notes)
        assert len(whole.train) == len(splits.train) + len(splits.validation)
    assert len(list(tmp_path.glob("[!.]*"))) == 2
