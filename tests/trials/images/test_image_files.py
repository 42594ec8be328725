"""Whatever an image file holds, it is an image or an unreadable one with a reason; never another error."""

import io
import re
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from tests.trials.accounting import accounted
from tests.trials.images.test_folder_layouts import folder
from trials.images.decoding import PixelFormat, decode_image
from trials.images.image_files import UnreadableImageError, image_info

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
WANTED = PixelFormat(height=4, width=6, channels=3)
TAGS = (
    0x0112,
    0x8769,
    0x8825,
    0x010E,
    0x011A,
    0x9003,
    0x927C,
    0xA005,
    0x0100,
    0x0111,
    0x0132,
    0xC4A5,
    0x014A,
)
POINTERS = (0x8769, 0x8825, 0xA005, 0x014A)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif_block(rng):
    """Return a directory of TIFF tags, mostly well formed, with odd types, counts, offsets and ends."""
    order = "<>"[rng.integers(2)]
    entries = []
    for _ in range(rng.integers(0, 6)):
        tag = int(rng.choice(TAGS)) if rng.random() < 0.8 else int(rng.integers(0, 65_536))
        kind = int(rng.integers(0, 16)) if rng.random() < 0.9 else int(rng.integers(0, 65_536))
        count = int(
            rng.choice([0, 1, 2, 3, 4, 5, 1_000, 2**31, 2**32 - 1], p=[0.05, 0.5, *[0.08] * 5, 0.03, 0.02])
        )
        value = rng.bytes(4) if rng.random() < 0.5 else struct.pack(f"{order}I", int(rng.integers(0, 80)))
        entries.append(struct.pack(f"{order}HHI", tag, kind, count) + value)
    written = len(entries) if rng.random() < 0.8 else int(rng.integers(0, 65_536))
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    block = head + struct.pack(f"{order}H", written) + b"".join(entries) + rng.bytes(int(rng.integers(0, 60)))
    if rng.random() < 0.3:
        block = bytearray(block)
        for place in rng.integers(0, len(block), rng.integers(1, 4)):
            block[place] = rng.integers(0, 256)
    return bytes(block[: rng.integers(0, len(block) + 1)] if rng.random() < 0.2 else block)


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def with_exif(block, kind):
    """Return an image file in which the block stands where EXIF does."""
    image = Image.fromarray(PIXELS)
    if kind == "JPEG":
        plain = saved(image, "JPEG")
        piece = b"Exif\0\0" + block
        return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(piece) + 2) + piece + plain[2:]
    if kind == "PNG":
        plain = saved(image, "PNG")
        return plain[:33] + png_chunk(b"eXIf", block) + plain[33:]
    return saved(image, "WEBP", lossless=True, exif=b"Exif\0\0" + block)


def outcome(content):
    """Return the pixels of a file, or why it cannot be read; anything else that happens is a fault."""
    try:
        image_info(content)
        return decode_image(content, WANTED)
    except UnreadableImageError as error:
        reason = str(error)
    assert len(reason.splitlines()) == 1
    return reason


def check_exif(count):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(count):
            rng = np.random.default_rng([17, seed])
            kind = ("JPEG", "PNG", "WEBP")[seed % 3]
            found = outcome(with_exif(exif_block(rng), kind))
            assert not isinstance(found, str), (seed, found)  # the pixels are sound


def test_odd_exif_blocks_spoil_no_image():
    check_exif(300)


@pytest.mark.long
def test_24_000_odd_exif_blocks_spoil_no_image():
    check_exif(24_000)


def check_damage(count):
    image = Image.fromarray(PIXELS)
    files = [
        saved(image, kind)
        for kind in (
            "PNG",
            "JPEG",
            "GIF",
            "TIFF",
            "WEBP",
            "BMP",
            "PPM",
            "TGA",
            "AVIF",
            "JPEG2000",
            "ICO",
            "PCX",
            "SGI",
        )
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(count):
            rng = np.random.default_rng([18, seed])
            content = bytearray(files[seed % len(files)])
            for place in rng.integers(0, min(len(content), 400), rng.integers(1, 6)):
                content[place] = rng.integers(0, 256)
            outcome(bytes(content[: rng.integers(1, len(content) + 1)] if rng.random() < 0.3 else content))


def test_damaged_files_are_images_or_unreadable():
    check_damage(130)


@pytest.mark.long
def test_20_000_damaged_files_are_images_or_unreadable():
    check_damage(20_000)


@pytest.mark.parametrize(
    ("kind", "count", "value", "is_turned"),
    [
        (3, 1, 6, True),
        (3, 1, 0, False),
        (3, 1, 9, False),
        (3, 2, 6, False),
        (2, 2, 0x36, False),
        (7, 4, 6, False),
    ],
)
def test_only_a_plain_orientation_turns_an_image(kind, count, value, is_turned):
    block = b"II*\0\x08\0\0\0\1\0" + struct.pack("<HHII", 0x0112, kind, count, value) + b"\0\0\0\0"
    info = image_info(with_exif(block, "PNG"))
    assert (info.height, info.width) == ((6, 4) if is_turned else (4, 6))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_before_decoding_is_that_of_the_upright_image(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(Image.fromarray(PIXELS), kind, exif=exif)
    info = image_info(content)
    assert (info.height, info.width) == ((6, 4) if orientation > 4 else (4, 6))
    pixels = decode_image(content, PixelFormat(height=info.height, width=info.width, channels=3))
    turned = np.rot90(PIXELS, {1: 0, 3: 2, 6: -1, 8: 1}.get(orientation, 0))
    if kind != "JPEG" and orientation in {1, 3, 6, 8} and kind != "WEBP":
        np.testing.assert_array_equal(pixels, turned)


def huge_png():
    """Return the head of an image of 196 megapixels."""
    size = struct.pack(">II", 14_000, 14_000) + b"\x08\x00\x00\x00\x00"
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", size) + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")


def long_text_png():
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "x" * (2 * 2**20), zip=True)
    return saved(Image.fromarray(PIXELS), "PNG", pnginfo=text)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (huge_png(), "more than 179 megapixels"),
        (long_text_png(), "a text field longer than Pillow reads"),
        (b"", "empty"),
        (b"plain text", "not an image"),
        (saved(Image.fromarray(PIXELS), "PNG")[:60], "truncated|Truncated|broken"),
    ],
)
def test_an_unreadable_image_is_named_with_its_reason(tmp_path, content, reason):
    made = folder(tmp_path, "ant", "bee", count=60)
    (tmp_path / "ant" / "odd.png").write_bytes(content)
    splits = accounted(tmp_path, made + 1)
    assert splits.unreadable == (str(tmp_path / "ant" / "odd.png"),)
    assert re.search(reason, splits.notes[0])


def test_of_several_frames_the_first_is_taken_and_said(tmp_path):
    made = folder(tmp_path, "ant", "bee")
    frames = [Image.fromarray(np.roll(PIXELS, n, 0)) for n in range(3)]
    for name, kind in (("a.tif", "TIFF"), ("b.gif", "GIF"), ("c.png", "PNG"), ("d.webp", "WEBP")):
        frames[0].save(tmp_path / "ant" / name, kind, save_all=True, append_images=frames[1:])
    notes = accounted(tmp_path, made + 4).notes
    assert notes[0] == "Took the first frame of 4 images with several frames or pages."
