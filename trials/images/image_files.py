"""Opens one encoded image: its size and values without guessing, upright pixels, or why it cannot be read."""

import re
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Shaped
from PIL import ExifTags, Image, UnidentifiedImageError

from trials.images.image_table import Encoded
from trials.images.pixel_values import EXPECTED, ValueRange

FORMATS: Final = re.findall(
    r"\w+",
    "BMP DIB GIF JPEG PPM PNG AVIF DDS ICO ICNS CUR JPEG2000 PCX DCX PSD QOI SGI TIFF WEBP XBM XPM SUN IM "
    "MSP TGA",
)
"""Kinds of files that are opened, whatever their suffix: of pixels, and without help of other programs."""
_DEEP: Final = {"I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
_GREY: Final = {"1", "L", "LA", "La"} | _DEEP
# TIFF 6.0, https://www.itu.int/itudoc/itu-t/com16/tiff-fx
_SAMPLE_FORMAT: Final = 339
_WHITE_IS_ZERO: Final = 0
_SIGNED: Final = 2
_POINTER: Final = b"version https://git-lfs"
_POINTER_LENGTH: Final = len(_POINTER)
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by the EXIF orientation."""


class UnreadableImageError(Exception):
    """An image that cannot be read; the message says why in a few words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """What is known of an image before its pixels are converted.

    Attributes:
        height: Height in pixels when upright.
        width: Width in pixels when upright.
        grey: Whether it has no colours.
        values: Range of its values if they are wider than 8 bits or floats, else None.
        narrow: Highest value of 16-bit colours after they were cut to 8 bits, else None.
        frames: Whether it has further frames or pages.
    """

    height: int
    width: int
    grey: bool
    values: ValueRange | None = None
    narrow: int | None = None
    frames: bool = False


def image_info(encoded: Encoded) -> ImageInfo:
    """Return what is known of an image; decodes it only if its values are wider than 8 bits.

    Raises:
        UnreadableImageError: if it cannot be read.
    """
    if isinstance(encoded, np.ndarray):
        return ImageInfo(
            height=encoded.shape[0], width=encoded.shape[1], grey=encoded.ndim == 2 or encoded.shape[2] == 1
        )
    try:
        with _opened(encoded) as image:
            return _info(image)
    except UnreadableImageError:
        raise
    except Exception as error:  # the parsers of damaged files raise anything
        raise UnreadableImageError(_reason(error, encoded)) from error


def upright_image(encoded: Encoded) -> Image.Image:
    """Return an image as a person would see it.

    Raises:
        UnreadableImageError: if it cannot be read.
    """
    try:
        if isinstance(encoded, np.ndarray):
            flat = encoded.ndim == 3 and encoded.shape[2] == 1
            return Image.fromarray(encoded.squeeze(2) if flat else encoded)
        with _opened(encoded) as image:
            image.load()
            turn = _UPRIGHT.get(_orientation(image))  # after loading, which turns TIFF files by itself
            return image if turn is None else image.transpose(turn)
    except UnreadableImageError:
        raise
    except Exception as error:  # the parsers of damaged files raise anything
        raise UnreadableImageError(_reason(error, encoded)) from error


def deep_values(image: Image.Image) -> Shaped[np.ndarray, "h w"] | None:
    """Return the values of an image that are wider than 8 bits; None if it has none such."""
    return np.asarray(image) if image.mode in _DEEP else None


def _opened(encoded: bytes | Path) -> Image.Image:
    if isinstance(encoded, Path) and not encoded.is_file():  # to open a pipe would wait for ever
        raise UnreadableImageError("a broken link" if encoded.is_symlink() else "no file")
    image = Image.open(BytesIO(encoded) if isinstance(encoded, bytes) else encoded, formats=FORMATS)
    _check_meaning(image)
    return image


def _check_meaning(image: Image.Image) -> None:
    """Refuse the kinds of TIFF whose values Pillow gives as if they were others."""
    tags: Any = getattr(image, "tag_v2", {})
    if image.mode == "L" and _SIGNED in np.atleast_1d(tags.get(_SAMPLE_FORMAT, 1)):
        raise UnreadableImageError("signed 8-bit values: expected unsigned ones")
    if image.mode in _DEEP and tags.get(ExifTags.Base.PhotometricInterpretation) == _WHITE_IS_ZERO:
        raise UnreadableImageError("a deep image in which white is zero: expected black to be")


def _info(image: Image.Image) -> ImageInfo:
    grey, deep = image.mode in _GREY, image.mode in _DEEP
    tiles = getattr(image, "tile", ())  # gone after loading, which looking for EXIF in a PNG does
    cut = not deep and any(";16" in str(tile[3]) for tile in tiles)
    turned = image.format != "TIFF" and _orientation(image) > 4  # the size of a TIFF is that when upright
    width, height = image.size[::-1] if turned else image.size
    values = ValueRange.of(np.asarray(image)) if deep else None
    if values is not None and values.problem is not None:
        raise UnreadableImageError(f"{values.problem}, expected {EXPECTED}")
    narrow = int(np.asarray(image.convert("RGB")).max()) if cut else None
    return ImageInfo(
        height=height, width=width, grey=grey, values=values, narrow=narrow, frames=_has_more_frames(image)
    )


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 where there is none that can be read."""
    with suppress(Exception):  # the pixels are sound whatever the fields beside them hold
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
        return int(found) if found in _UPRIGHT else 1
    return 1


def _has_more_frames(image: Image.Image) -> bool:
    if image.format == "MPO":  # a photograph with its preview or depth
        return False
    with suppress(Exception):
        image.seek(1)
        return True
    return False


def _reason(error: Exception, encoded: Encoded) -> str:
    if isinstance(error, UnidentifiedImageError):
        return _kind_of(encoded)
    if isinstance(error, Image.DecompressionBombError):
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        return f"more than {limit / 1e6:.0f} megapixels, the most that is read"
    if "MAX_TEXT" in str(error):
        return "a text field longer than Pillow reads"
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:120] or type(error).__name__


def _kind_of(encoded: Encoded) -> str:
    """Return what a file is that Pillow does not know, in words."""
    if isinstance(encoded, Path):
        with encoded.open("rb") as file:
            start = file.read(_POINTER_LENGTH)
    else:
        start = bytes(encoded[:_POINTER_LENGTH])
    if start == _POINTER:
        return "a pointer of Git LFS, whose image was not fetched"
    return "not an image" if start else "empty"
