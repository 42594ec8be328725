"""Refuses single images with values on another scale than those of all others."""

from typing import Final

from search_spaces.errors import DataError
from trials.images.image_files import ImageInfo
from trials.images.pixel_values import outliers

_FEWEST_LEVELS: Final = 64
"""16-bit colours are cut to 8 bits; when none reaches this, they were written with 14 bits or fewer."""

Infos = dict[str, list[ImageInfo | str]]
"""What is known of each image of each split, or why it cannot be read."""


def refuse_outliers(found: Infos) -> None:
    """Refuse images whose values would make all others black."""
    for is_float in (True, False):
        deep = [
            (part, index, info.values)
            for part in found.values()
            for index, info in enumerate(part)
            if isinstance(info, ImageInfo) and info.values and info.values.is_float == is_float
        ]
        for number in outliers([values for _, _, values in deep]):
            part, index, values = deep[number]
            part[index] = f"values up to {values.high:g}, far above those of the other images"


def refuse_dark(found: Infos) -> None:
    """Refuse images with 16-bit colours of which none is bright, which would be black beside the others.

    Raises:
        DataError: if there are no others.
    """
    infos = [info for part in found.values() for info in part if isinstance(info, ImageInfo)]
    narrow = [info.narrow for info in infos if info.narrow is not None]
    if not narrow or max(narrow) >= _FEWEST_LEVELS:
        return
    reach = f"{(max(narrow) + 1) / 256:.1%} of white"
    if len(narrow) == len(infos):
        raise DataError(
            f"The 16-bit colours reach only {reach}: expected all 16 bits in use. Scale them to white, or "
            f"convert the images to 8 bits."
        )
    for part in found.values():
        for index, info in enumerate(part):
            if isinstance(info, ImageInfo) and info.narrow is not None:
                part[index] = f"16-bit colours that reach only {reach}, expected all 16 bits in use"
