"""Search, train.py, timm's transform and the ONNX file's pre-processing see the same pixels of an image."""

import importlib
import importlib.util
import json
import sys
import warnings

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from nas.exports.formats import EXPORTERS
from nas.exports.preprocessing import Preprocessing
from tests.nas.exports.networks import around_mixer, network_to_export
from trials.datasets import open_images
from trials.training.batches import BatchSource, Preprocessor

CPU = torch.device("cpu")
RECIPE = {"name": "short", "epochs": 1, "warmup_epochs": 0}
SIDE = 32
SIZES = ((20, 27), (61, 33), (32, 32), (300, 90), (70, 401), (32, 50))
"""Height and width of images: below, above and of the network's size."""
SUFFIXES = {"jpeg": "jpg", "upright": "jpg", "cmyk": "tif"}


def noise(number, channels):
    height, width = SIZES[number % len(SIZES)]
    rng = np.random.default_rng(number)
    rough = rng.integers(0, 256, (height // 3 + 1, width // 3 + 1, channels), dtype=np.uint8)
    return rough.repeat(3, axis=0).repeat(3, axis=1)[:height, :width]


def of_kind(kind, number):
    """Return an image, and how a file of it is saved."""
    colours = Image.fromarray(noise(number, 3))
    exif = Image.Exif()
    exif[0x0112] = 1 + number % 8
    return {
        "jpeg": (colours, {}),
        "grey": (colours.convert("L"), {}),
        "transparent": (Image.fromarray(noise(number, 4)), {}),
        "grey and transparent": (Image.fromarray(noise(number, 4)).convert("LA"), {}),
        "palette": (colours.quantize(16), {}),
        "palette with a clear colour": (colours.quantize(16), {"transparency": 3}),
        "one bit": (colours.convert("1"), {}),
        "deep": (Image.fromarray(noise(number, 1)[:, :, 0].astype(np.uint16) * 257), {}),
        "upright": (colours, {"exif": exif}),
        "cmyk": (colours.convert("CMYK"), {}),
    }[kind]


KINDS = (
    "jpeg",
    "grey",
    "transparent",
    "grey and transparent",
    "palette",
    "palette with a clear colour",
    "one bit",
    "deep",
    "upright",
    "cmyk",
)


def folder_of(path, kind):
    for name, first in (("ant", 0), ("bee", 100)):
        (path / name).mkdir(parents=True)
        for number in range(first, first + 12):
            image, how = of_kind(kind, number)
            image.save(path / name / f"{number}.{SUFFIXES.get(kind, 'png')}", **how)
    return path


def opened(path, mode):
    """Return an image as a person sees it, by Pillow's own means."""
    with Image.open(path) as file:
        image = ImageOps.exif_transpose(file)
    if image.mode == "I;16":
        return Image.fromarray((np.asarray(image) // 257).astype(np.uint8)).convert(mode)
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert(mode)
    return image.convert(mode)


def content(image):
    """Return the bytes of an image, uint8 [c, h, w], channels last."""
    return image.permute(1, 2, 0).contiguous().numpy().tobytes()


def pixels_of(splits):
    parts = (splits.train, splits.validation, splits.test)
    return sorted(image.tobytes() for part in parts for image in part.images)


def delivered(folder, splits, side):
    """Write what is delivered of a network of a resolution in pixels."""
    given = network_to_export(
        around_mixer("depthwise", side),
        recipe=RECIPE,
        decoded=(*splits.size, splits.channels),
        in_channels=splits.channels,
        mean=splits.mean,
        std=splits.std,
    )
    for form in ("torch_module", "timm", "training_script"):
        EXPORTERS[form].write(given, folder)
    return given


def training_script(folder):
    """Return the delivered train.py as a module."""
    for name in ("my_net", "image_folder"):
        sys.modules.pop(name, None)
    spec = importlib.util.spec_from_file_location("delivered_train", folder / "train.py")
    assert spec is not None
    assert spec.loader is not None
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    return train


def timm_transform(folder):
    """Return timm's transform from the delivered configuration, up to the normalisation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = pytest.importorskip("timm.data", reason="timm is not installed", exc_type=ImportError)
    config = json.loads((folder / "config.json").read_text())["pretrained_cfg"]
    return data.create_transform(**data.resolve_data_config({}, pretrained_cfg=config), use_prefetcher=True)


@pytest.fixture(params=[(kind, 32) for kind in KINDS] + [("jpeg", 16), ("jpeg", 320)], ids=str)
def of_images(request, tmp_path):
    kind, side = request.param
    path = folder_of(tmp_path / "images", kind)
    return path, open_images(str(path), seed=0, cache=tmp_path / "cache", resolution=side)


def test_timm_sees_the_pixels_of_the_search(of_images, tmp_path):
    path, splits = of_images
    delivered(tmp_path, splits, splits.size[0])
    transform, mode = timm_transform(tmp_path), "L" if splits.channels == 1 else "RGB"
    seen = [transform(opened(file, mode)) for file in path.glob("*/*")]
    assert sorted(map(content, seen)) == pixels_of(splits)


def test_train_py_sees_the_pixels_of_the_search(of_images, tmp_path, monkeypatch):
    path, splits = of_images
    delivered(tmp_path, splits, splits.size[0])
    monkeypatch.syspath_prepend(tmp_path)
    train = training_script(tmp_path)
    images, _, _ = train.read(path)
    assert sorted(map(content, images)) == pixels_of(splits)
    prepare = Preprocessor(splits.mean, splits.std, splits.size[0], CPU)
    ours, _ = BatchSource(splits.train, CPU).batch(torch.arange(4))
    theirs = torch.from_numpy(splits.train.images[:4]).permute(0, 3, 1, 2) * (1 / 255)
    assert torch.equal(prepare(ours), train.prepared(theirs))


def test_the_onnx_file_sees_the_pixels_of_the_search(of_images):
    path, splits = of_images
    side, mode = splits.size[0], "L" if splits.channels == 1 else "RGB"
    inside = Preprocessing((side, side, splits.channels), splits.mean, splits.std, side)
    known = set(pixels_of(splits))
    scale, mean = inside.scale.double(), inside.mean.double()
    for file in path.glob("*/*"):
        image = np.array(opened(file, mode)).reshape(1, *opened(file, mode).size[::-1], splits.channels)
        values = inside(torch.from_numpy(image))
        assert content(((values.double() / scale + mean) * 255).round().byte()[0]) in known
    prepare = Preprocessor(splits.mean, splits.std, side, CPU)
    ours, _ = BatchSource(splits.train, CPU).batch(torch.arange(4))
    assert torch.equal(inside(torch.from_numpy(splits.train.images[:4])), prepare(ours))


def test_arrays_are_resized_from_their_own_size_as_images_of_them_would_be(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "mine.npz", images=images, labels=np.arange(40) % 2)
    for side in (16, 28, 48):
        splits = open_images(str(tmp_path / "mine.npz"), seed=0, cache=tmp_path / "cache", resolution=side)
        files = [Image.fromarray(image) for image in images]
        delivered(tmp_path, splits, side)
        transform = timm_transform(tmp_path)
        assert sorted(content(transform(image)) for image in files) == pixels_of(splits)


def test_tensors_are_resized_by_train_py_as_by_the_search(tmp_path, monkeypatch):
    splits = open_images("digits", seed=0, cache=None, resolution=19)
    stored = open_images("digits", seed=0, cache=None)
    delivered(tmp_path, splits, 19)
    monkeypatch.syspath_prepend(tmp_path)
    train = training_script(tmp_path)
    given = torch.from_numpy(stored.train.images).permute(0, 3, 1, 2)
    assert torch.equal(train.sized(given).permute(0, 2, 3, 1), torch.from_numpy(splits.train.images))
