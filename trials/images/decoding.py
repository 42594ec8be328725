"""Turns encoded images of any size and mode into one uint8 array, and counts those it cannot.

Images of one size keep it. Of mixed sizes, each is stretched to a square whose side is the median of
the shorter sides, so that nothing is cut off (VTAB does so too, https://arxiv.org/abs/1910.04867).
Nothing is kept above `LARGEST_SIDE`. Images are grey if every one is, else colour; transparency
shows white; 16-bit values are divided by the largest in the data set; the camera's rotation is
applied.
"""

import os
import statistics
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image, ImageOps

from search_spaces.errors import DataError
from trials.images.image_table import Encoded, Part, Table
from trials.images.splits import Images

LARGEST_SIDE: Final = 256
"""Pixels: above the resolutions that searched networks see, and 200 kB an image."""
UNREADABLE_SHARE: Final = 0.01
NAMED: Final = 10
CHUNK: Final = 1_024

S = TypeVar("S")
R = TypeVar("R")

Allocate = Callable[[str, tuple[int, int, int, int]], UInt8[np.ndarray, "n h w c"]]
"""Makes room for the images of a part: in memory or in a file."""

_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, struct.error, OverflowError)
"""What Pillow raises on damaged files, by format."""
_DEEP: Final = {"I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
_GREY: Final = {"1", "L", "LA", "La"} | _DEEP
_TRANSPOSING: Final = {5, 6, 7, 8}
_ORIENTATION: Final = 0x0112  # the EXIF tag


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What every image of a data set is brought to.

    Attributes:
        height: Rows.
        width: Columns.
        channels: 1 or 3.
        ceiling: The value of a 16-bit or floating-point image that becomes 255.
    """

    height: int
    width: int
    channels: int
    ceiling: float = 255.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    height: int
    width: int
    grey: bool
    ceiling: float


def decode(table: Table, allocate: Allocate) -> tuple[dict[str, Images], tuple[str, ...]]:
    """Return the images of each part of `table`, and the names of those that cannot be read.

    Args:
        table: The encoded images.
        allocate: Makes the array that a part is decoded into.

    Raises:
        DataError: if more than 1 % of the images are unreadable; lists them.
    """
    looks = {name: list(_mapped(look, part.pictures)) for name, part in table.parts.items()}
    every = [seen for part in looks.values() for seen in part if seen is not None]
    total = sum(len(part) for part in looks.values())
    if not every:
        _check_readable([_called(n, i, e) for n, i, e in _pictures(table)], total)
    frame = _common_frame(every)
    decoded: dict[str, Images] = {}
    unreadable: list[str] = []
    for name, part in table.parts.items():
        decoded[name], bad = _decode_part(name, part, frame, allocate)
        unreadable += bad
    _check_readable(unreadable, total)
    return decoded, tuple(unreadable)


def look(encoded: Encoded) -> _Look | None:
    """Return the size and kind of an image without decoding it, or None if it is unreadable."""
    if isinstance(encoded, np.ndarray):
        grey = encoded.ndim == 2 or encoded.shape[2] == 1
        return _Look(height=encoded.shape[0], width=encoded.shape[1], grey=grey, ceiling=255.0)
    try:
        with _opened(encoded) as image:
            turned = image.getexif().get(_ORIENTATION) in _TRANSPOSING
            width, height = image.size[::-1] if turned else image.size
            ceiling = float(np.asarray(image).max()) if image.mode in _DEEP else 255.0
            grey = image.mode in _GREY
    except (*_BROKEN, Image.DecompressionBombError):
        return None
    return _Look(height=height, width=width, grey=grey, ceiling=ceiling)


def decode_one(encoded: Encoded, frame: Frame) -> UInt8[np.ndarray, "h w c"] | None:
    """Return an image as `frame` asks, or None if it is unreadable."""
    try:
        if isinstance(encoded, np.ndarray):
            return _framed(Image.fromarray(encoded.squeeze(2) if _is_flat(encoded) else encoded), frame)
        with _opened(encoded) as image:
            return _framed(image, frame)
    except (*_BROKEN, Image.DecompressionBombError):
        return None


def _is_flat(pixels: Shaped[np.ndarray, "..."]) -> bool:
    return pixels.ndim == 3 and pixels.shape[2] == 1


def _opened(encoded: bytes | Path) -> Image.Image:
    return Image.open(BytesIO(encoded) if isinstance(encoded, bytes) else encoded)


def _framed(image: Image.Image, frame: Frame) -> UInt8[np.ndarray, "h w c"]:
    upright = ImageOps.exif_transpose(image)
    plain = _in_mode(upright, "L" if frame.channels == 1 else "RGB", frame.ceiling)
    size = (frame.width, frame.height)
    sized = plain if plain.size == size else plain.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(sized, dtype=np.uint8).reshape(frame.height, frame.width, frame.channels)


def _in_mode(image: Image.Image, mode: str, ceiling: float) -> Image.Image:
    if image.mode in _DEEP:
        values = np.asarray(image, dtype=np.float64) * (255.0 / ceiling if ceiling > 0 else 0.0)
        return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert(mode)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, clear).convert(mode)
    return image.convert(mode)


def _common_frame(looks: Sequence[_Look]) -> Frame:
    sizes = {(seen.height, seen.width) for seen in looks}
    height, width = next(iter(sizes))
    if len(sizes) > 1:
        height = width = int(statistics.median(min(seen.height, seen.width) for seen in looks))
    return Frame(
        height=min(height, LARGEST_SIDE),
        width=min(width, LARGEST_SIDE),
        channels=1 if all(seen.grey for seen in looks) else 3,
        ceiling=max((seen.ceiling for seen in looks if seen.ceiling != 255.0), default=255.0),
    )


def _decode_part(name: str, part: Part, frame: Frame, allocate: Allocate) -> tuple[Images, list[str]]:
    shape = (len(part.pictures), frame.height, frame.width, frame.channels)
    if _is_decoded(part.pictures, shape):
        return Images(images=np.asarray(part.pictures), labels=part.labels), []
    room = allocate(name, shape)
    kept: list[int] = []
    bad: list[str] = []
    decoded = _mapped(lambda encoded: (encoded, decode_one(encoded, frame)), part.pictures)
    for index, (encoded, pixels) in enumerate(decoded):
        if pixels is None:
            bad.append(_called(name, index, encoded))
        else:
            room[len(kept)] = pixels
            kept.append(index)
    return Images(images=room[: len(kept)], labels=part.labels[kept]), bad


def _is_decoded(pictures: object, shape: tuple[int, int, int, int]) -> bool:
    return isinstance(pictures, np.ndarray) and pictures.dtype == np.uint8 and pictures.shape == shape


def _mapped(function: Callable[[S], R], items: Iterable[S]) -> Iterator[R]:
    """Yield `function` of each item, computed by threads: Pillow decodes outside Python's lock."""
    waiting = iter(items)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while chunk := list(islice(waiting, CHUNK)):
            yield from pool.map(function, chunk)


def _pictures(table: Table) -> Iterator[tuple[str, int, Encoded]]:
    for name, part in table.parts.items():
        for index, encoded in enumerate(part.pictures):
            yield name, index, encoded


def _called(part: str, index: int, encoded: Encoded) -> str:
    return str(encoded) if isinstance(encoded, Path) else f"{part} image {index}"


def _check_readable(unreadable: Sequence[str], total: int) -> None:
    if len(unreadable) <= UNREADABLE_SHARE * total:
        return
    listed = ", ".join(unreadable[:NAMED])
    more = f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else ""
    raise DataError(
        f"Cannot read {len(unreadable)} of {total} images, more than 1 %: {listed}{more}. "
        f"Repair or remove them."
    )
