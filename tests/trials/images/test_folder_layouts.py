"""Folders as they lie on people's disks: every image in them is used, counted in a line, or refused."""

import io
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from search_spaces.errors import DataError
from tests.trials.accounting import accounted
from trials.images.splits import Splits

WORDS = (
    *("ant", "bee", "cat", "Bus", "train", "test", "val", "training_set", "test_set", "train2017", "dev"),
    *("holdout", "seg_train", "seg_test", "images", "data", "part1", "part2", "extra", "unlabelled", "tr"),
    *("test_tube", "train_station", "0", "1", "e\u0301t\u00e9", "\u00e9t\u00e9", "thumbs"),
)
HIDDEN = (".ipynb_checkpoints", "__MACOSX", "@eaDir", ".thumbnails", "$RECYCLE.BIN", "lost+found")
KINDS = ("hidden", "other", "foreign", "loop", "broken", "alias")
SUFFIXES = (".png", ".PNG", ".jpg", ".jfif", ".jpe", ".webp", ".gif", ".bmp", "", ".dat", ".tif")
OTHERS = ("labels.csv", ".DS_Store", "Thumbs.db", "notes.txt", "README", "x.json", "model.pt")


def picture(rng, kind="PNG", side=8):
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def folder(path, *names, count=12, seed=0):
    """Write `count` different images into each of some folders and return how many there are."""
    for number, name in enumerate(names):
        (path / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            content = picture(np.random.default_rng([seed, number, index]))
            (path / name / f"{index}.png").write_bytes(content)
    return count * len(names)


def lengths(splits):
    return [len(part) for part in (splits.train, splits.validation, splits.test)]


class Layout:
    """Draws a folder of images and counts them."""

    def __init__(self, rng):
        self.rng, self.made, self.serial = rng, 0, 0

    def usual(self, path):
        """Write class folders, perhaps below folders for splits, with what else lies on disks among them."""
        classes = self.rng.choice(
            ["ant", "bee", "cat", "Bus", "test_tube"], self.rng.integers(2, 5), replace=False
        )
        families = [
            ("",),
            ("train", "val"),
            ("Training", "Testing"),
            ("seg_train", "seg_test"),
            ("train", "test"),
        ]
        for split in families[self.rng.integers(len(families))]:
            for name in classes:
                (path / split / name).mkdir(parents=True)
                for _ in range(self.rng.integers(8, 16)):
                    self.file(path / split / name)
                if self.rng.random() < 0.4:
                    self.oddities(path / split / name)
            if self.rng.random() < 0.3:
                self.oddities(path / split)
        if self.rng.random() < 0.3:
            self.write(path / self.rng.choice(WORDS), depth=2)

    def write(self, path, depth=0):
        path.mkdir(parents=True, exist_ok=True)
        rng = self.rng
        for _ in range(rng.integers(0, 3) if depth < 2 else 0):
            self.file(path)
        names = rng.choice(WORDS, rng.integers(1, 5), replace=False) if depth < 3 else []
        for name in names:
            if rng.random() < 0.5 or depth == 2:
                (path / name).mkdir(exist_ok=True)
                for _ in range(rng.integers(0, 12)):
                    self.file(path / name)
            else:
                self.write(path / name, depth + 1)
        self.oddities(path)

    def file(self, path):
        self.serial += 1
        suffix = self.rng.choice(SUFFIXES, p=[0.5, *[0.05] * 10])
        kind = "TIFF" if suffix == ".tif" else "PNG"  # otherwise the content says what it is
        (path / f"f{self.serial}{suffix}").write_bytes(picture(self.rng, kind))
        self.made += 1

    def oddities(self, path):
        for kind in self.rng.choice(KINDS, 2, p=[0.2, 0.2, 0.2, 0.17, 0.03, 0.2]):
            self.serial += 1
            if kind == "hidden":
                place = path / self.rng.choice(HIDDEN)
                place.mkdir(exist_ok=True)
                (place / f"{self.serial}.png").write_bytes(picture(self.rng))
                self.made += 1
            elif kind == "other":
                (path / self.rng.choice(OTHERS)).write_bytes(b"something else")
            elif kind == "foreign":
                (path / f"{self.serial}.heic").write_bytes(b"\0\0\0 ftypheic")
                self.made += 1
            elif kind == "broken":
                (path / f"{self.serial}.png").symlink_to("/no/such/disk/1.png")
                self.made += 1
            elif kind == "loop":
                (path / f"loop{self.serial}").symlink_to(self.rng.choice([".", ".."]))
            elif shown := [other for other in sorted(path.iterdir()) if other.name not in HIDDEN]:
                (path / f"alias{self.serial}").symlink_to(shown[0])
                self.made += not (path / f"alias{self.serial}").is_dir() and is_seen(path, self.serial)


def is_seen(path, serial):
    """Return whether a link without a suffix shows an image."""
    return (path / f"alias{serial}").is_file() and (path / f"alias{serial}").read_bytes()[:4] in {
        b"\x89PNG",
        b"II*\0",
    }


def check_layouts(tmp_path, seeds):
    outcomes = []
    for seed in seeds:
        drawn = Layout(np.random.default_rng([16, seed]))
        (drawn.write if seed % 2 else drawn.usual)(tmp_path / "images")
        outcomes.append(accounted(tmp_path / "images", drawn.made))
        shutil.rmtree(tmp_path / "images")
    return sum(isinstance(outcome, Splits) for outcome in outcomes)


@pytest.mark.slow
def test_no_image_of_any_layout_is_lost_in_silence(tmp_path):
    check_layouts(tmp_path, range(12))


@pytest.mark.long
def test_no_image_of_1000_layouts_is_lost_in_silence(tmp_path):
    read = check_layouts(tmp_path, range(1_000))
    # the others were refused in one line
    assert read > 300


@pytest.mark.parametrize(
    "hidden", [".ipynb_checkpoints", ".thumbnails", "__MACOSX", "@eaDir", "@Recycle", "$RECYCLE.BIN"]
)
def test_copies_in_hidden_folders_are_counted_and_not_read(tmp_path, hidden):
    made = folder(tmp_path, "ant", "bee")
    shutil.copytree(tmp_path / "ant", tmp_path / "ant" / hidden)
    splits = accounted(tmp_path, made + 12)
    assert sum(lengths(splits)) == made
    assert splits.notes == (f"Left out 12 hidden images: 'ant/{hidden}'.",)


@pytest.mark.parametrize("target", [".", "..", "../ant"])
def test_a_link_that_leads_back_is_named_and_each_folder_is_read_once(tmp_path, target):
    made = folder(tmp_path, "ant", "bee")
    (tmp_path / "ant" / "all").symlink_to(target)
    splits = accounted(tmp_path, made)
    assert splits.notes == ("1 link to folders that are read in another place: 'ant/all'.",)


def test_links_to_folders_elsewhere_are_read_once(tmp_path):
    made = folder(tmp_path / "store", "ant", "bee")
    (tmp_path / "store" / "bee" / "back").symlink_to("..")
    (tmp_path / "images").mkdir()
    for name in ("ant", "bee"):
        (tmp_path / "images" / name).symlink_to(tmp_path / "store" / name)
    (tmp_path / "images" / "ant" / "self").symlink_to("self")
    assert isinstance(accounted(tmp_path / "images", made), DataError | Splits)


def test_a_link_to_an_image_that_is_gone_is_unreadable_and_one_to_a_text_does_not_matter(tmp_path):
    made = folder(tmp_path, "ant", "bee", count=120)
    (tmp_path / "ant" / "linked.png").symlink_to("/no/such/disk/7.png")
    (tmp_path / "ant" / ".#notes.txt").symlink_to("somebody@host.12:34")
    (tmp_path / ".#x").symlink_to("somebody@host.12:34")
    splits = accounted(tmp_path, made + 1)
    assert splits.unreadable == (str(tmp_path / "ant" / "linked.png"),)
    assert "linked.png (a broken link)" in splits.notes[0]


def test_a_pipe_with_the_name_of_an_image_is_unreadable(tmp_path):
    made = folder(tmp_path, "ant", "bee", count=120)
    os.mkfifo(tmp_path / "ant" / "pipe.png")
    os.mkfifo(tmp_path / "ant" / "pipe")
    splits = accounted(tmp_path, made + 1)
    assert "pipe.png (no file)" in splits.notes[0]


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [
        (".jfif", "JPEG"),
        (".jpe", "JPEG"),
        (".avif", "AVIF"),
        (".jp2", "JPEG2000"),
        ("", "JPEG"),
        (".5", "WEBP"),
    ],
)
def test_images_are_read_whatever_their_suffix(tmp_path, suffix, kind):
    made = folder(tmp_path, "ant", "bee")
    (tmp_path / "ant" / f"one{suffix}").write_bytes(picture(np.random.default_rng(5), kind, side=16))
    assert sum(lengths(accounted(tmp_path, made + 1))) == made + 1


def test_images_of_kinds_that_are_not_read_are_counted(tmp_path):
    made = folder(tmp_path, "ant", "bee")
    for name in ("a.heic", "b.HEIC", "c.svg"):
        (tmp_path / "ant" / name).write_bytes(b"?")
    notes = accounted(tmp_path, made + 3).notes
    assert notes == (
        "Left out 3 images of kinds that are not read (.heic, .svg): convert them to PNG or JPEG to use "
        "them.",
    )


def test_a_flat_test_folder_is_unlabelled_and_counted(tmp_path):
    made = folder(tmp_path / "train", "ant", "bee") + folder(tmp_path, "test", seed=1)
    notes = accounted(tmp_path, made).notes
    assert notes == (f"Left out 12 images in '{tmp_path / 'test'}': in no class folder.",)
    shutil.move(tmp_path / "test", tmp_path / "all")
    shutil.move(tmp_path / "all", tmp_path / "test" / "all")
    assert accounted(tmp_path, made).notes == notes


def test_images_beside_the_folders_are_counted(tmp_path):
    made = folder(tmp_path / "train", "ant", "bee") + folder(tmp_path, ".", "train", count=1, seed=1)
    assert len(accounted(tmp_path, made).notes) == 2


def test_classes_are_the_same_in_both_forms_of_unicode(tmp_path):
    composed, divided = "\u00e9t\u00e9", "e\u0301te\u0301"
    made = folder(tmp_path / "train", "ant", divided) + folder(tmp_path / "test", "ant", composed, seed=1)
    splits = accounted(tmp_path, made)
    assert splits.classes == ("ant", divided)
    assert len(splits.test) == 24


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("train/ant", "train/bee", "training/ant", "training/bee"), "two folders for the train split"),
        (("train/ant", "train/bee", "more/ant", "more/bee"), "no split by its name"),
        (("test/ant", "test/bee", "other/ant", "other/bee"), "none in a folder for training"),
        (("train", "test"), "have no classes"),
        (("ant/train", "ant/test", "bee/train", "bee/test"), "hold folders for splits"),
        (
            ("small/train/ant", "small/train/bee", "large/train/ant", "large/train/bee"),
            "hold folders for splits",
        ),
        (("part1/ant", "part1/bee", "part2/ant", "part2/bee"), "look like parts"),
        (("train/ant", "train/bee", "test/ant", "test/dog"), "dog' is not among the training classes"),
    ],
)
def test_folders_that_can_be_read_in_two_ways_are_refused(tmp_path, folders, message):
    folder(tmp_path, *folders, count=6)
    with pytest.raises(DataError, match=message):
        raise accounted(tmp_path, 0)


def test_class_names_may_be_words_for_splits(tmp_path):
    made = folder(tmp_path, "bus", "train", "car")
    splits = accounted(tmp_path, made)
    assert splits.classes == ("bus", "car", "train")
    assert splits.notes == (f"'train' in '{tmp_path}' is a class here, not a split.",)


def test_a_data_set_inside_other_folders_is_found(tmp_path):
    made = folder(tmp_path / "a" / "b" / "train", "ant", "bee") + folder(
        tmp_path / "a" / "b" / "val", "ant", "bee", seed=1
    )
    splits = accounted(tmp_path, made)
    assert lengths(splits) == [19, 24, 5]
    assert splits.notes == (
        f"The images are those in '{tmp_path / 'a' / 'b'}', the only folder with images.",
    )


def test_the_same_image_in_two_splits_or_classes_is_reported(tmp_path):
    folder(tmp_path / "train", "ant", "bee")
    folder(tmp_path / "val", "ant", "bee", seed=1)
    folder(tmp_path / "test", "ant", "bee", seed=2)
    shutil.copy(tmp_path / "train" / "ant" / "1.png", tmp_path / "test" / "ant" / "copy.png")
    shutil.copy(tmp_path / "train" / "ant" / "2.png", tmp_path / "val" / "bee" / "copy.png")
    notes = accounted(tmp_path, 74).notes
    assert [note.partition(":")[0] for note in notes] == [
        "1 of the 25 validation images are also training images, pixel by pixel",
        "1 of the 25 test images are also training images, pixel by pixel",
        "1 image in two classes or more, pixel by pixel",
    ]


def test_images_without_folders_have_no_classes(tmp_path):
    made = folder(tmp_path, ".")
    assert "have no classes" in str(accounted(tmp_path, made))


def test_a_class_of_other_kinds_of_files_says_so(tmp_path):
    folder(tmp_path, "ant", "bee")
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.heic").write_bytes(b"?")
    assert "no images but 1 file of kinds that are not read" in str(accounted(tmp_path, 25))


def test_names_that_are_no_utf8_are_escaped_on_one_line(tmp_path):
    made = folder(tmp_path, "ant", "bee", count=60)
    (tmp_path / "ant" / os.fsdecode(b"\xe9\n.png")).symlink_to("/no/such/disk")
    (note,) = accounted(tmp_path, made + 1).notes
    assert "\\udce9 .png (a broken link)" in note
