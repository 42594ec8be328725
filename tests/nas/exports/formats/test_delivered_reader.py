"""The delivered train.py reads folders of images as the search does, to the pixel."""

import importlib.util
import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from nas.exports.formats import EXPORTERS
from nas.exports.held_out import held_out_digests
from search_spaces.errors import DataError
from tests.nas.exports.networks import around_mixer, network_to_export
from trials.datasets import open_images
from trials.datasets.image_folder import DATASET
from trials.images.decoding import decode
from trials.training.batches import BatchSource, Preprocessor

CPU = torch.device("cpu")
RECIPE = {"name": "short", "epochs": 1, "warmup_epochs": 0}
MODES = ("RGB", "L", "RGBA", "LA", "P", "1", "CMYK", "I;16")


def picture(path, number=0, *, mode="RGB", side=24, turned=False):
    """Write an image of noise that tells its number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(number)
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 65536, (side, side + 4)).astype(np.uint16))
    else:
        pixels = rng.integers(0, 256, (side, side + 4, 4), dtype=np.uint8)
        image = Image.fromarray(pixels, "RGBA").convert(mode)
    exif = Image.Exif()
    if turned:
        exif[0x0112] = 6
    image.save(path, exif=exif)


def classes(folder, count=6, names=("ant", "bee", "cat"), **how):
    for label, name in enumerate(names):
        for number in range(count):
            picture(folder / name / f"{number}.png", 1000 * label + number, **how)


def plain(folder):
    classes(folder)


def of_modes(folder):
    for number, mode in enumerate(MODES):
        for name in ("ant", "bee"):
            picture(
                folder / name / f"{mode.replace(';', '')}.{'tif' if mode == 'CMYK' else 'png'}",
                number,
                mode=mode,
            )


def of_sizes(folder):
    for number, side in enumerate((8, 20, 33, 300)):
        for name in ("ant", "bee"):
            picture(folder / name / f"{number}.jpg", number, side=side, turned=number % 2 == 0)


def deep_grey(folder):
    classes(folder, mode="I;16")


def with_stray_files(folder):
    classes(folder, 120)
    (folder / "ant" / ".DS_Store").write_bytes(b"Bud1")
    (folder / "ant" / "labels.csv").write_text("a,b")
    (folder / "bee" / "zz.png").write_bytes(b"\x89PNG")
    (folder / ".ipynb_checkpoints").mkdir()
    shutil.copy(folder / "ant" / "0.png", folder / ".ipynb_checkpoints" / "0.png")
    (folder / "README.txt").write_text("mine")


def with_deeper_folders(folder):
    classes(folder)
    picture(folder / "ant" / "more" / "still more" / "x.png", 99)


def with_splits(*names):
    def make(folder):
        for number, name in enumerate(names):
            classes(folder / name, 4 + number)

    return make


def with_links(folder):
    classes(folder / "real")
    (folder / "data").mkdir()
    for name in ("ant", "bee", "cat"):
        (folder / "data" / name).symlink_to(folder / "real" / name)
    shutil.rmtree(folder / "real" / "cat" / "none", ignore_errors=True)


def other_suffixes(folder):
    classes(folder)
    for name in ("ant", "bee"):
        for suffix in ("jfif", "jpe", "JPG", "webp", "jp2", "bmp"):
            picture(folder / name / "image.png", 7)
            with Image.open(folder / name / "image.png") as image:
                form = {"jfif": "JPEG", "jpe": "JPEG", "JPG": "JPEG", "jp2": "JPEG2000"}.get(suffix, suffix)
                image.save(folder / name / f"{suffix}.{suffix}", form)
        shutil.move(folder / name / "image.png", folder / name / "no_suffix")


def unknown_class_in_test(folder):
    classes(folder / "train")
    classes(folder / "test", names=("ant", "bee", "dog"))


def mostly_broken(folder):
    classes(folder)
    for number in range(3):
        (folder / "bee" / f"z{number}.png").write_bytes(b"\x89PNG")


def empty(folder):
    folder.mkdir()


LAYOUTS = {
    "plain": plain,
    "modes": of_modes,
    "sizes": of_sizes,
    "16 bits": deep_grey,
    "stray files": with_stray_files,
    "deeper folders": with_deeper_folders,
    "links": with_links,
    "other suffixes": other_suffixes,
    "unknown class": unknown_class_in_test,
    "mostly broken": mostly_broken,
    "empty": empty,
    "train, val": with_splits("train", "val"),
    "training, valid, test": with_splits("Training", "valid", "TEST"),
    "training_set, test_set": with_splits("training_set", "test_set"),
    "train2017, val2017": with_splits("train2017", "val2017"),
    "train, dev, holdout": with_splits("train", "dev", "holdout"),
    "train, Testing": with_splits("train", "Testing"),
}

REFUSED = ("unknown class", "mostly broken", "empty")


@pytest.fixture(scope="module")
def delivered(tmp_path_factory):
    """Return the delivered train.py and the folder it lies in."""
    folder = tmp_path_factory.mktemp("delivered")
    return written(folder)


def written(folder, **known):
    given = network_to_export(around_mixer("depthwise"), recipe=RECIPE, **known)
    for form in ("torch_module", "training_script"):
        EXPORTERS[form].write(given, folder)
    for name in ("my_net", "image_folder"):
        sys.modules.pop(name, None)
    sys.path.insert(0, str(folder))
    try:
        spec = importlib.util.spec_from_file_location("delivered_train", folder / "train.py")
        assert spec is not None
        assert spec.loader is not None
        train = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(train)
        importlib.import_module("image_folder")
    finally:
        sys.path.remove(str(folder))
    return train


def read_rows(read):
    """Return the split, label and pixels of each image, or why the folder is refused."""
    try:
        return sorted(read())
    except (DataError, ValueError) as error:
        return str(error)


def searched(path):
    decoded = decode(DATASET.read(path), lambda _, shape: np.empty(shape, dtype=np.uint8))
    for split, part in decoded.parts.items():
        for image, label in zip(part.images, part.labels, strict=True):
            yield split, int(label), image.tobytes()


def trained(train, path):
    images, labels, splits = train.read(path)
    for split, label, image in zip(splits, labels.tolist(), images.permute(0, 2, 3, 1), strict=True):
        yield split, label, image.contiguous().numpy().tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_gives_the_images_classes_and_splits_of_the_search(layout, delivered, tmp_path):
    LAYOUTS[layout](tmp_path / "images")
    path = tmp_path / "images" / "data" if layout == "links" else tmp_path / "images"
    found = read_rows(lambda: trained(delivered, path))
    assert found == read_rows(lambda: searched(path))
    assert isinstance(found, str) == (layout in REFUSED)


def test_a_single_class_can_be_read_but_not_searched_for(delivered, tmp_path):
    classes(tmp_path, names=("ant",))
    assert {label for _, label, _ in trained(delivered, tmp_path)} == {0}


def test_the_images_that_the_search_held_out_are_not_trained_on(tmp_path):
    of_sizes(tmp_path / "images")
    for number in range(10, 30):
        for name in ("ant", "bee"):
            picture(tmp_path / "images" / name / f"{number}.jpg", number + 100 * (name == "bee"), side=number)
    splits = open_images(str(tmp_path / "images"), seed=3, cache=None)
    (tmp_path / "net").mkdir()
    known = {"decoded": splits.train.images.shape[1:], "held_out_digests": held_out_digests(splits)}
    train = written(tmp_path / "net", mean=splits.mean, std=splits.std, **known)
    (tmp_path / "images" / "ant" / "0.jpg").rename(tmp_path / "images" / "ant" / "renamed.jpg")
    picture(tmp_path / "images" / "bee" / "new.jpg", 12345, side=200)
    images, _, given = train.read(tmp_path / "images")
    rows = train.divided(images, given)
    pixels = {part: {images[i].permute(1, 2, 0).numpy().tobytes() for i in rows[part]} for part in rows}
    for part in ("validation", "test"):
        assert pixels[part] == {image.tobytes() for image in getattr(splits, part).images}
    assert len(pixels["train"] - {image.tobytes() for image in splits.train.images}) == 1
    prepare = Preprocessor(splits.mean, splits.std, 32, CPU)
    ours, _ = BatchSource(splits.validation, CPU).batch(torch.arange(4))
    theirs = torch.from_numpy(splits.validation.images[:4]).permute(0, 3, 1, 2) * (1 / 255)
    assert torch.equal(prepare(ours), train.prepared(theirs))
