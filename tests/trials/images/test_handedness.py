"""Images are mirrored in training only where nothing tells a mirror image from an original."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from trials.datasets import open_images
from trials.images import handedness
from trials.images.handedness import handedness_of
from trials.images.splits import Images

COUNT = 2500


def scenes(rng: np.random.Generator) -> Images:
    """Coloured discs and squares on coloured grounds, all with a stroke that leans to the right."""
    images, labels = np.empty((COUNT, 24, 24, 3), np.uint8), rng.integers(3, size=COUNT)
    for number, label in enumerate(labels):
        colours = [tuple(int(v) for v in rng.integers(256, size=3)) for _ in range(3)]
        image = Image.new("RGB", (24, 24), colours[0])
        draw = ImageDraw.Draw(image)
        x, y, side = (int(v) for v in rng.integers(2, 14, size=3))
        (draw.ellipse if label == 1 else draw.rectangle)((x, y, x + side, y + side), fill=colours[1])
        draw.line((x, y + side, x + side, y), fill=colours[2], width=2)
        images[number] = np.asarray(image)
    return Images(images=images, labels=labels.astype(np.int64))


def texts(rng: np.random.Generator) -> Images:
    """Coloured letters anywhere on coloured grounds."""
    images, labels = np.empty((COUNT, 32, 32, 3), np.uint8), rng.integers(5, size=COUNT)
    fonts = {size: ImageFont.load_default(size=size) for size in range(14, 22)}
    for number, label in enumerate(labels):
        ground, ink = (tuple(int(v) for v in rng.integers(256, size=3)) for _ in range(2))
        image = Image.new("RGB", (32, 32), ground)
        font = fonts[int(rng.integers(14, 22))]
        place = (int(rng.integers(12)), int(rng.integers(10)))
        ImageDraw.Draw(image).text(place, "EFGPR"[label], fill=ink, font=font)
        images[number] = np.asarray(image)
    return Images(images=images, labels=labels.astype(np.int64))


def with_mirror_images(images: Images) -> Images:
    """As many images, of which a random half is mirrored."""
    mirrored = np.random.default_rng(1).random(len(images)) < 0.5
    pixels = np.where(mirrored[:, None, None, None], images.images[:, :, ::-1], images.images)
    return Images(images=pixels, labels=images.labels)


def test_grey_images_are_not_mirrored_even_as_colour():
    grey = open_images("digits", seed=0, cache=None).train
    coloured = Images(images=grey.images.repeat(3, axis=3), labels=grey.labels)
    for images in (grey, coloured):
        found = handedness_of(images)
        assert not found.mirrored
        assert found.reason == "grey images may be digits or texts"


@pytest.mark.slow
@pytest.mark.parametrize("drawn", [scenes, texts])
def test_images_are_mirrored_if_their_mirror_images_are_among_them(
    drawn: Callable[[np.random.Generator], Images],
):
    images = drawn(np.random.default_rng(0))
    handed, natural = handedness_of(images), handedness_of(with_mirror_images(images))
    assert (handed.mirrored, natural.mirrored) == (False, True)
    assert natural.reason.endswith("of 2500 cases, 50 % is chance")


def test_a_few_images_are_too_few_to_tell():
    few = with_mirror_images(scenes(np.random.default_rng(0)))
    found = handedness_of(Images(images=few.images[:200], labels=few.labels[:200]))
    assert not found.mirrored
    assert "too few" in found.reason
    assert handedness_of(Images(images=few.images[:200], labels=few.labels[:200])) == found


def test_two_images_are_no_error():
    few = scenes(np.random.default_rng(0))
    assert not handedness_of(Images(images=few.images[:2], labels=few.labels[:2])).mirrored


def test_large_images_are_resized_a_few_at_once_with_the_same_answer(monkeypatch):
    whole = scenes(np.random.default_rng(0))
    images = Images(images=whole.images[:600].repeat(2, axis=1).repeat(2, axis=2), labels=whole.labels[:600])
    before, prepared, counts = handedness_of(images), handedness._prepared, []

    def noted(pixels):
        counts.append(len(pixels))
        return prepared(pixels)

    monkeypatch.setattr(handedness, "_prepared", noted)
    monkeypatch.setattr(handedness, "_PIECE_BYTES", 7 * 4 * 48 * 48 * 3)
    assert handedness_of(images) == before
    assert max(counts) == 7
    assert sum(counts) == 600
