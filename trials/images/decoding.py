"""Decodes images of any size and mode into one uint8 array and skips unreadable ones.

Images of one size keep it. Images of mixed sizes are resized to a square whose side is the median of their
shorter sides, without cropping (as in VTAB, https://arxiv.org/abs/1910.04867). No side exceeds
`LARGEST_SIDE`. The result is grey if every image is, otherwise RGB; transparent pixels become white; wider
values are scaled as `trials.images.pixel_values` says; the EXIF orientation is applied; of several frames
the first is taken.
"""

import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image

from search_spaces.errors import DataError
from search_spaces.units import counted
from trials.images.image_files import ImageInfo, UnreadableImageError, deep_values, image_info, upright_image
from trials.images.image_table import Encoded, Part, Table
from trials.images.pixel_values import as_bytes, brightest, darkened
from trials.images.splits import Images
from trials.images.threads import mapped
from trials.images.unlike_images import Infos, refuse_dark, refuse_outliers

LARGEST_SIDE: Final = 256
"""Largest side of a decoded image in pixels: above the resolutions of searched networks, 200 kB an image."""
UNREADABLE_SHARE: Final = 0.01
NAMED: Final = 10

S = TypeVar("S")
R = TypeVar("R")

Allocate = Callable[[str, tuple[int, int, int, int]], UInt8[np.ndarray, "n h w c"]]
"""Allocates the array of a split's images by name and shape, in memory or in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFormat:
    """Size and channels that every image of a data set is converted to.

    Attributes:
        height: Height in pixels.
        width: Width in pixels.
        channels: 1 or 3.
        brightest: Value of wider integers that becomes 255.
        brightest_float: Value of floats that becomes 255.
    """

    height: int
    width: int
    channels: int
    brightest: float = 255.0
    brightest_float: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """An image that was left out.

    Attributes:
        name: Its path, or its split and number.
        reason: Why it cannot be read.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """Decoded images of each split.

    Attributes:
        parts: The images that could be read.
        rows: Number of each of them among those of the table.
        unreadable: The others.
        notes: What was chosen in images, one line each.
    """

    parts: dict[str, Images]
    rows: dict[str, Int64[np.ndarray, " n"]]
    unreadable: tuple[Unreadable, ...]
    notes: tuple[str, ...]


def decode(table: Table, allocate: Allocate, size: tuple[int, int, int] | None = None) -> Decoded:
    """Return the decoded images of each split of `table`, and those that cannot be read.

    Args:
        table: Encoded images.
        allocate: Allocates the array of a split.
        size: Height, width and channels of the decoded images; by default those that suit them all.

    Raises:
        DataError: if more than 1 % of the images are unreadable; lists them.
    """
    Image.init()  # before threads do
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, on fields beside the pixels
        return _decode(table, allocate, size)


def _decode(table: Table, allocate: Allocate, size: tuple[int, int, int] | None) -> Decoded:
    shared: dict[ImageInfo | str, ImageInfo | str] = {}  # of a million images most are alike
    found: Infos = {
        name: [shared.setdefault(info, info) for info in mapped(_tried(image_info), part.pictures)]
        for name, part in table.parts.items()
    }
    refuse_outliers(found)
    refuse_dark(found)
    infos = [info for part in found.values() for info in part if isinstance(info, ImageInfo)]
    if not infos:
        _check_readable(_named(table, found), table)
    pixel_format = _common_format(infos)
    if size is not None:
        height, width, channels = size
        pixel_format = replace(pixel_format, height=height, width=width, channels=channels)
    parts, rows = {}, {}
    for name, part in table.parts.items():
        parts[name], rows[name] = _decode_part(name, part, pixel_format, allocate, found[name])
    unreadable = _named(table, found)
    _check_readable(unreadable, table)
    return Decoded(parts=parts, rows=rows, unreadable=unreadable, notes=_notes(infos))


def decode_image(encoded: Encoded, pixel_format: PixelFormat) -> UInt8[np.ndarray, "h w c"]:
    """Return an image in the given format.

    Raises:
        UnreadableImageError: if it cannot be read.
    """
    upright = upright_image(encoded)
    try:
        return _converted(upright, pixel_format)
    except (OSError, ValueError, MemoryError) as error:  # modes that Pillow does not convert
        raise UnreadableImageError(f"{upright.mode}: {error}") from error


def _tried(function: Callable[[S], R]) -> Callable[[S], R | str]:
    """Return a function that returns the reason where `function` cannot read an image."""

    def tried(item: S) -> R | str:
        try:
            return function(item)
        except UnreadableImageError as error:
            return str(error)

    return tried


def _converted(image: Image.Image, pixel_format: PixelFormat) -> UInt8[np.ndarray, "h w c"]:
    plain = _in_mode(image, "L" if pixel_format.channels == 1 else "RGB", pixel_format)
    size = (pixel_format.width, pixel_format.height)
    resized = plain if plain.size == size else plain.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8).reshape(*size[::-1], pixel_format.channels)


def _in_mode(image: Image.Image, mode: str, pixel_format: PixelFormat) -> Image.Image:
    values = deep_values(image)
    if values is not None:
        is_float = np.issubdtype(values.dtype, np.floating)
        ceiling = pixel_format.brightest_float if is_float else pixel_format.brightest
        return Image.fromarray(as_bytes(values, ceiling)).convert(mode)
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, clear).convert(mode)
    return image.convert(mode)


def _common_format(infos: Sequence[ImageInfo]) -> PixelFormat:
    sizes = {(info.height, info.width) for info in infos}
    height, width = next(iter(sizes))
    if len(sizes) > 1:
        height = width = int(statistics.median(min(info.height, info.width) for info in infos))
    return PixelFormat(
        height=min(height, LARGEST_SIDE),
        width=min(width, LARGEST_SIDE),
        channels=1 if all(info.grey for info in infos) else 3,
        brightest=_brightest(infos, is_float=False),
        brightest_float=_brightest(infos, is_float=True),
    )


def _brightest(infos: Sequence[ImageInfo], *, is_float: bool) -> float:
    ranges = [info.values for info in infos if info.values and info.values.is_float == is_float]
    ceiling = brightest(ranges) if ranges else 255.0
    if ranges and darkened(ranges, ceiling):
        raise DataError(
            f"The values of the images reach {ceiling:g}, which makes a typical pixel black: expected no "
            f"marks for missing values among them. Replace these."
        )
    return ceiling


def _decode_part(
    name: str, part: Part, pixel_format: PixelFormat, allocate: Allocate, infos: list[ImageInfo | str]
) -> tuple[Images, Int64[np.ndarray, " n"]]:
    """Return the images of one split with their numbers; notes in `infos` which cannot be read."""
    shape = (len(part.pictures), pixel_format.height, pixel_format.width, pixel_format.channels)
    if _is_decoded(part.pictures, shape):
        return Images(images=np.asarray(part.pictures), labels=part.labels), np.arange(shape[0])
    images = allocate(name, shape)
    kept: list[int] = []
    decoded = mapped(_tried(lambda encoded: decode_image(encoded, pixel_format)), part.pictures)
    for index, pixels in enumerate(decoded):
        if isinstance(infos[index], str):
            continue
        if isinstance(pixels, str):
            infos[index] = pixels
        else:
            images[len(kept)] = pixels
            kept.append(index)
    return Images(images=images[: len(kept)], labels=part.labels[kept]), np.array(kept, dtype=np.int64)


def _is_decoded(pictures: object, shape: tuple[int, int, int, int]) -> bool:
    return isinstance(pictures, np.ndarray) and pictures.dtype == np.uint8 and pictures.shape == shape


def _named(table: Table, found: Infos) -> tuple[Unreadable, ...]:
    """Return images that cannot be read with their names, in the order of the table."""
    failed: list[Unreadable] = []
    for name, part in table.parts.items():
        if any(isinstance(info, str) for info in found[name]):
            for index, (info, encoded) in enumerate(zip(found[name], part.pictures, strict=True)):
                if isinstance(info, str):
                    failed.append(Unreadable(name=_name_of(name, part, index, encoded), reason=info))
    return tuple(failed)


def _name_of(split: str, part: Part, index: int, encoded: Encoded) -> str:
    if isinstance(encoded, Path):
        return str(encoded)
    return f"{split} image {index if part.numbers is None else part.numbers[index]}"


def _notes(infos: Sequence[ImageInfo]) -> tuple[str, ...]:
    several = sum(info.frames for info in infos)
    if not several:
        return ()
    return (f"Took the first frame of {counted(several, 'image')} with several frames or pages.",)


def _check_readable(unreadable: Sequence[Unreadable], table: Table) -> None:
    total = sum(len(part.pictures) for part in table.parts.values())
    if len(unreadable) <= UNREADABLE_SHARE * total:
        return
    raise DataError(
        f"Cannot read {len(unreadable)} of {total} images, more than 1 %: {named(unreadable)}. "
        f"Repair or remove them."
    )


def named(unreadable: Sequence[Unreadable]) -> str:
    """Return the names of the first images that cannot be read, by reason, and how many more there are."""
    by_reason: dict[str, list[str]] = {}
    for image in unreadable[:NAMED]:
        by_reason.setdefault(image.reason, []).append(image.name)
    listed = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in by_reason.items())
    return listed + (f" and {len(unreadable) - NAMED} more" if len(unreadable) > NAMED else "")
