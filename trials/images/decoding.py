"""Decodes images of any size and mode into one uint8 array and skips unreadable ones.

Images of one size keep it. Images of mixed sizes are resized to a square whose side is the median of their
shorter sides, without cropping (as in VTAB, https://arxiv.org/abs/1910.04867). No side exceeds
`LARGEST_SIDE`. The result is grey if every image is, otherwise RGB; transparent pixels become white; 16-bit
values are scaled by the largest in the data set; the EXIF orientation is applied.
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
"""Largest side of a decoded image in pixels: above the resolutions of searched networks, 200 kB an image."""
UNREADABLE_SHARE: Final = 0.01
NAMED: Final = 10
CHUNK: Final = 1_024

S = TypeVar("S")
R = TypeVar("R")

Allocate = Callable[[str, tuple[int, int, int, int]], UInt8[np.ndarray, "n h w c"]]
"""Allocates the array of a split's images by name and shape, in memory or in a file."""

_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, struct.error, OverflowError)
"""Errors that Pillow raises on damaged files, depending on the format."""
_DEEP: Final = {"I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
_GREY: Final = {"1", "L", "LA", "La"} | _DEEP
_TRANSPOSING: Final = {5, 6, 7, 8}
_ORIENTATION: Final = 0x0112  # the EXIF tag


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """Size and channels that every image of a data set is converted to.

    Attributes:
        height: Height in pixels.
        width: Width in pixels.
        channels: 1 or 3.
        ceiling: Value of 16-bit and floating-point images that becomes 255.
    """

    height: int
    width: int
    channels: int
    ceiling: float = 255.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _ImageInfo:
    height: int
    width: int
    grey: bool
    ceiling: float


def decode(table: Table, allocate: Allocate) -> tuple[dict[str, Images], tuple[str, ...]]:
    """Return the decoded images of each split of `table`, and the names of those that cannot be read.

    Args:
        table: Encoded images.
        allocate: Allocates the array of a split.

    Raises:
        DataError: if more than 1 % of the images are unreadable; lists them.
    """
    infos = {name: list(_mapped(image_info, part.pictures)) for name, part in table.parts.items()}
    readable = [info for part in infos.values() for info in part if info is not None]
    total = sum(len(part) for part in infos.values())
    if not readable:
        _check_readable([_name_of(n, i, e) for n, i, e in _pictures(table)], total)
    pixel_format = _common_format(readable)
    decoded: dict[str, Images] = {}
    unreadable: list[str] = []
    for name, part in table.parts.items():
        decoded[name], failed = _decode_part(name, part, pixel_format, allocate)
        unreadable += failed
    _check_readable(unreadable, total)
    return decoded, tuple(unreadable)


def image_info(encoded: Encoded) -> _ImageInfo | None:
    """Return the size and mode of an image without decoding it; None if it is unreadable."""
    if isinstance(encoded, np.ndarray):
        grey = encoded.ndim == 2 or encoded.shape[2] == 1
        return _ImageInfo(height=encoded.shape[0], width=encoded.shape[1], grey=grey, ceiling=255.0)
    try:
        with _opened(encoded) as image:
            turned = image.getexif().get(_ORIENTATION) in _TRANSPOSING
            width, height = image.size[::-1] if turned else image.size
            ceiling = float(np.asarray(image).max()) if image.mode in _DEEP else 255.0
            grey = image.mode in _GREY
    except (*_BROKEN, Image.DecompressionBombError):
        return None
    return _ImageInfo(height=height, width=width, grey=grey, ceiling=ceiling)


def decode_image(encoded: Encoded, pixel_format: PixelFormat) -> UInt8[np.ndarray, "h w c"] | None:
    """Return an image in the given format; None if it is unreadable."""
    try:
        if isinstance(encoded, np.ndarray):
            return _converted(
                Image.fromarray(encoded.squeeze(2) if _is_flat(encoded) else encoded), pixel_format
            )
        with _opened(encoded) as image:
            return _converted(image, pixel_format)
    except (*_BROKEN, Image.DecompressionBombError):
        return None


def _is_flat(pixels: Shaped[np.ndarray, "..."]) -> bool:
    return pixels.ndim == 3 and pixels.shape[2] == 1


def _opened(encoded: bytes | Path) -> Image.Image:
    return Image.open(BytesIO(encoded) if isinstance(encoded, bytes) else encoded)


def _converted(image: Image.Image, pixel_format: PixelFormat) -> UInt8[np.ndarray, "h w c"]:
    upright = ImageOps.exif_transpose(image)
    plain = _in_mode(upright, "L" if pixel_format.channels == 1 else "RGB", pixel_format.ceiling)
    size = (pixel_format.width, pixel_format.height)
    resized = plain if plain.size == size else plain.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8).reshape(*size[::-1], pixel_format.channels)


def _in_mode(image: Image.Image, mode: str, ceiling: float) -> Image.Image:
    if image.mode in _DEEP:
        values = np.asarray(image, dtype=np.float64) * (255.0 / ceiling if ceiling > 0 else 0.0)
        return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert(mode)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, clear).convert(mode)
    return image.convert(mode)


def _common_format(infos: Sequence[_ImageInfo]) -> PixelFormat:
    sizes = {(info.height, info.width) for info in infos}
    height, width = next(iter(sizes))
    if len(sizes) > 1:
        height = width = int(statistics.median(min(info.height, info.width) for info in infos))
    return PixelFormat(
        height=min(height, LARGEST_SIDE),
        width=min(width, LARGEST_SIDE),
        channels=1 if all(info.grey for info in infos) else 3,
        ceiling=max((info.ceiling for info in infos if info.ceiling != 255.0), default=255.0),
    )


def _decode_part(
    name: str, part: Part, pixel_format: PixelFormat, allocate: Allocate
) -> tuple[Images, list[str]]:
    shape = (len(part.pictures), pixel_format.height, pixel_format.width, pixel_format.channels)
    if _is_decoded(part.pictures, shape):
        return Images(images=np.asarray(part.pictures), labels=part.labels), []
    images = allocate(name, shape)
    kept: list[int] = []
    failed: list[str] = []
    decoded = _mapped(lambda encoded: (encoded, decode_image(encoded, pixel_format)), part.pictures)
    for index, (encoded, pixels) in enumerate(decoded):
        if pixels is None:
            failed.append(_name_of(name, index, encoded))
        else:
            images[len(kept)] = pixels
            kept.append(index)
    return Images(images=images[: len(kept)], labels=part.labels[kept]), failed


def _is_decoded(pictures: object, shape: tuple[int, int, int, int]) -> bool:
    return isinstance(pictures, np.ndarray) and pictures.dtype == np.uint8 and pictures.shape == shape


def _mapped(function: Callable[[S], R], items: Iterable[S]) -> Iterator[R]:
    """Yield `function` of each item, computed by threads: Pillow decodes without holding the GIL."""
    waiting = iter(items)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while chunk := list(islice(waiting, CHUNK)):
            yield from pool.map(function, chunk)


def _pictures(table: Table) -> Iterator[tuple[str, int, Encoded]]:
    for name, part in table.parts.items():
        for index, encoded in enumerate(part.pictures):
            yield name, index, encoded


def _name_of(part: str, index: int, encoded: Encoded) -> str:
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
