"""Names of folders and files for splits, in every form that people write."""

from itertools import product

import pytest

from search_spaces.errors import DataError
from tests.trials.accounting import accounted
from tests.trials.images.test_folder_layouts import folder
from trials.images.folder_rules import is_hidden, splits_among

TRAIN = ("train", "training", "Train", "TRAIN", "Training", "tr", "trn")
OTHERS = {
    "validation": ("val", "valid", "validation", "dev", "Val", "VALIDATION", "devel", "va"),
    "test": ("test", "testing", "Test", "TESTING", "eval", "evaluation", "holdout", "hold-out", "te", "tst"),
}
FORMS = (
    *("{}", "{}_set", "{}-set", "{}set", "{}2017", "{}_2017", "2017_{}", "{}_data", "{} images", "images_{}"),
    *("{}_images", "{}1", "01_{}", "seg_{}", "pets-{}", "ILSVRC2012_img_{}", "{}_dataset", "{}.v2", "{}_v2"),
)


def variants():
    """Yield names of a training split and of another in the same form, and what the other is."""
    for form, train, (split, words) in product(FORMS, TRAIN, OTHERS.items()):
        for word in words:
            yield form.format(train), form.format(word), split


def test_every_form_of_a_name_is_recognised_beside_its_like():
    for train, other, split in variants():
        assert splits_among([train, other]) == {train: "train", other: split}, (train, other)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("train-00000-of-00002", "test-00000-of-00001"), {"train", "test"}),
        (("trainval", "test"), {"train", "test"}),
        (("TrainImages", "TestImages"), {"train", "test"}),
        (("train_station", "test_tube", "valley"), set()),
        (("asset", "offset", "tests"), set()),
        (("bullet_train", "bus"), set()),
        (("en", "te", "fr"), set()),
        (("trainer", "tester", "device", "evaluate"), set()),
        (("ant", "bee"), set()),
    ],
)
def test_words_that_hold_a_keyword_are_no_splits(names, found):
    assert set(splits_among(names).values()) == found


@pytest.mark.long
def test_folders_of_every_form_are_read_as_splits_or_refused(tmp_path):
    read = 0
    for number, (train, other, _) in enumerate(variants()):
        root = tmp_path / str(number)
        made = folder(root / train, "ant", "bee", count=4) + folder(
            root / other, "ant", "bee", count=2, seed=1
        )
        found = accounted(root, made)
        assert isinstance(found, DataError) or found.classes == ("ant", "bee"), (train, other)
        read += not isinstance(found, DataError)
    assert read > 0.9 * number


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("training_set", "test_set"),
        ("train2017", "val2017"),
        ("Training", "Testing"),
        ("train", "dev"),
        ("train", "eval"),
        ("train", "holdout"),
        ("seg_train/seg_train", "seg_test/seg_test"),
        ("tr", "te"),
    ],
)
def test_folders_for_splits_are_never_classes(tmp_path, names):
    made = sum(folder(tmp_path / name, "ant", "bee", count=4, seed=n) for n, name in enumerate(names))
    assert accounted(tmp_path, made).classes == ("ant", "bee")


@pytest.mark.parametrize(
    ("name", "as_folder", "as_file"),
    [
        (".git", True, True),
        ("__MACOSX", True, False),
        ("@eaDir", True, True),
        ("Thumbs.db", True, True),
        ("__1.png", True, False),
        ("@home", False, False),
        ("$5", False, False),
        ("_background", False, False),
    ],
)
def test_hidden_names_are_those_of_systems(name, as_folder, as_file):
    assert is_hidden(name, folder=True) == as_folder
    assert is_hidden(name, folder=False) == as_file
