"""Pixels mean the same in every container, or are refused in it."""

import io
import struct
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from search_spaces.errors import DataError
from trials.datasets import open_images

BASE = np.random.default_rng(0).integers(0, 256, (40, 10, 10))
KINDS = {
    "bytes": BASE.astype(np.uint8),
    "12 bits": (BASE * 16).astype(np.uint16),
    "8 bits in 16": (BASE // 2).astype(np.uint16),
    "16 bits": (BASE * 257).astype(np.uint16),
    "32 bits": (BASE * 257).astype(np.int32),
    "floats to 1": (BASE / 255).astype(np.float32),
    "floats to 0.4": (BASE / 640).astype(np.float32),
    "floats to 255": BASE.astype(np.float32),
    "floats to 4,000": (BASE * 16).astype(np.float32),
    "below 0": (BASE * 8 - 1024).astype(np.int32),
    "floats from -1": (BASE / 127.5 - 1).astype(np.float32),
    "NaN at a border": np.where(np.arange(10) < 2, np.nan, BASE).astype(np.float32),
    "infinite": np.where(np.arange(10) < 2, np.inf, BASE).astype(np.float32),
    "no data in all": np.where(np.arange(10) < 2, 3.4e38, BASE).astype(np.float32),
    "no data in one": np.where((np.arange(400) < 20).reshape(40, 10, 1), 3.4e38, BASE).astype(np.float32),
    "no data as an integer": np.where(np.arange(10) < 2, 2**31 - 1, BASE).astype(np.int32),
}
REFUSED = [kind for kind in KINDS if kind.startswith(("below", "floats from", "NaN", "infinite", "no data"))]


def as_arrays(path, values):
    np.savez(path / "a.npz", images=values, labels=np.arange(40) // 20)
    return path / "a.npz"


def tiffs(values):
    for image in values:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "TIFF")
        yield buffer.getvalue()


def as_folder(path, values):
    for index, content in enumerate(tiffs(values)):
        file = path / str(index // 20) / f"{index:02}.tif"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return path


def as_parquet(path, values):
    pq.write_table(
        pa.table({"image": list(tiffs(values)), "label": (np.arange(40) // 20).tolist()}), path / "a.parquet"
    )
    return path / "a.parquet"


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_the_same_in_every_container_or_refused_in_each(tmp_path, kind):
    found = []
    for number, write in enumerate((as_arrays, as_folder, as_parquet)):
        (tmp_path / str(number)).mkdir()
        path = write(tmp_path / str(number), KINDS[kind])
        try:
            splits = open_images(str(path), seed=0, cache=None)
        except DataError:
            found.append("refused")
        else:
            found.append(splits.fingerprint)
            assert (splits.train.images == 0).mean() < 0.1
    assert len(set(found)) == 1
    assert (found[0] == "refused") == (kind in REFUSED)


def test_arrays_of_two_splits_are_scaled_alike(tmp_path):
    train, test = (BASE * 16).astype(np.uint16), (BASE * 8).astype(np.uint16)
    labels = np.arange(40) % 2
    np.savez(tmp_path / "a.npz", x_train=train, y_train=labels, x_test=test, y_test=labels)
    assert open_images(str(tmp_path / "a.npz"), seed=0, cache=None).test.images.max() == 128


def deep_png(high: int) -> bytes:
    """Return a PNG of 16-bit colours, which Pillow reads and does not write."""
    rows = b"".join(b"\0" + np.full((8, 3), high, ">u2").tobytes() for _ in range(8))
    head = struct.pack(">IIBBBBB", 8, 8, 16, 2, 0, 0, 0)
    pieces = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in pieces
    )


def test_sixteen_bit_colours_that_use_few_of_them_are_refused(tmp_path):
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for index in range(8):
            (tmp_path / name / f"{index}.png").write_bytes(deep_png(4_095 - index))
    with pytest.raises(DataError, match="16-bit colours reach only"):
        open_images(str(tmp_path), seed=0, cache=None)


def test_one_dark_image_of_sixteen_bit_colours_is_left_out_by_name(tmp_path):
    for name in ("ant", "bee"):
        (tmp_path / name).mkdir()
        for index in range(60):
            pixels = np.random.default_rng(index).integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / name / f"{index}.png")
    (tmp_path / "ant" / "dark.png").write_bytes(deep_png(4_095))
    found = open_images(str(tmp_path), seed=0, cache=None)
    assert found.unreadable == (str(tmp_path / "ant" / "dark.png"),)
    assert any("16-bit colours that reach only 6.2% of white" in note for note in found.notes)


def test_signed_bytes_and_white_as_zero_are_refused_in_tiff(tmp_path):
    from PIL import TiffImagePlugin

    for name, tag, image in (
        ("signed", 339, Image.fromarray(BASE[0].astype(np.uint8))),
        ("white", 262, Image.fromarray(BASE[0].astype(np.uint16))),
    ):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[tag] = 2 if tag == 339 else 0
        for kind in ("ant", "bee"):
            (tmp_path / name / kind).mkdir(parents=True)
            for index in range(4):
                image.save(tmp_path / name / kind / f"{index}.tif", tiffinfo=tags)
        content = (tmp_path / name / "ant" / "0.tif").read_bytes()
        with Image.open(io.BytesIO(content)) as saved:
            if getattr(saved, "tag_v2", {}).get(tag) != tags[tag]:
                pytest.skip("this Pillow does not write the tag")
        with pytest.raises(DataError, match=r"signed 8-bit|white is zero"):
            open_images(str(tmp_path / name), seed=0, cache=None)
