import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from search_spaces.errors import DataError
from trials.images.decoding import LARGEST_SIDE, decode
from trials.images.image_table import Part, Table


def encoded(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def in_memory(_, shape):
    return np.empty(shape, dtype=np.uint8)


def decoded(pictures):
    labels = np.zeros(len(pictures), dtype=np.int64)
    table = Table(parts={"train": Part(pictures=pictures, labels=labels)}, classes=("a",))
    found = decode(table, in_memory)
    return found.parts["train"].images, tuple(image.name for image in found.unreadable)


def noise(height, width, channels=3, seed=0):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]))
def test_images_of_one_size_come_back_as_they_were(height, width, channels):
    pixels = noise(height, width, channels)
    images, _ = decoded([encoded(Image.fromarray(pixels))] * 2)
    assert images.shape == (2, height, width, channels)
    np.testing.assert_array_equal(images[0].squeeze(), pixels.squeeze())


def test_mixed_sizes_become_squares_of_the_median_shorter_side():
    sizes = [(10, 20), (30, 12), (16, 16)]
    images, _ = decoded([encoded(Image.fromarray(noise(*size))) for size in sizes])
    assert images.shape == (3, 12, 12, 3)


def test_large_images_shrink_to_the_largest_side():
    images, _ = decoded([encoded(Image.fromarray(noise(300, 270)))])
    assert images.shape == (1, LARGEST_SIDE, LARGEST_SIDE, 3)


def test_one_colour_image_makes_all_colour():
    images, _ = decoded([encoded(Image.fromarray(noise(8, 8, channels))) for channels in (1, 3)])
    assert images.shape == (2, 8, 8, 3)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_shows_white(mode):
    images, _ = decoded([encoded(Image.new(mode, (4, 4), 0))])
    assert images.shape[3] == (3 if mode == "RGBA" else 1)
    assert (images == 255).all()


def test_a_palette_is_looked_up():
    red = Image.new("RGB", (4, 4), (255, 0, 0)).convert("P", palette=Image.Palette.ADAPTIVE)
    images, _ = decoded([encoded(red)])
    assert (images == [255, 0, 0]).all()


def test_sixteen_bits_are_scaled_by_the_largest_value_in_the_data_set():
    dim, bright = np.full((4, 4), 1_000, np.uint16), np.full((4, 4), 4_000, np.uint16)
    images, _ = decoded([encoded(Image.fromarray(dim)), encoded(Image.fromarray(bright))])
    assert (images[0] == 64).all()
    assert (images[1] == 255).all()


def test_the_cameras_rotation_is_applied():
    pixels = noise(4, 8)
    rotation = Image.Exif()
    rotation[0x0112] = 6
    images, _ = decoded([encoded(Image.fromarray(pixels), exif=rotation)])
    np.testing.assert_array_equal(images[0], np.rot90(pixels, -1))


@pytest.mark.parametrize("damage", [lambda content: content[:60], lambda _: b"", lambda _: b"no image"])
def test_few_unreadable_images_are_left_out_and_named(damage):
    good = [encoded(Image.fromarray(noise(8, 8, seed=n))) for n in range(200)]
    images, unreadable = decoded([*good[:7], damage(good[7]), *good[8:]])
    assert unreadable == ("train image 7",)
    assert len(images) == 199
    np.testing.assert_array_equal(images[7], noise(8, 8, seed=8))


def test_more_than_one_percent_unreadable_stops_with_the_list(tmp_path):
    files = []
    for number in range(50):
        files.append(tmp_path / f"{number}.jpg")
        files[-1].write_bytes(b"" if number == 3 else encoded(Image.fromarray(noise(8, 8)), "JPEG"))
    with pytest.raises(DataError, match=r"1 of 50 images, more than 1 %: .*3\.jpg"):
        decoded(files)


def test_nothing_readable_stops():
    with pytest.raises(DataError, match=r"12 of 12 images.*and 2 more"):
        decoded([b"no image"] * 12)
