"""Checks numbers that a command or a call is given."""

from typing import Final

from search_spaces.errors import InvalidValueError

_IMAGES: Final = {"classes": (2, 1_000_000), "channels": (1, 65_536)}
"""Fewest and most classes and image channels of networks whose costs are counted."""


def check_at_least(name: str, value: int, least: int) -> None:
    """Check that a number is not too small.

    Args:
        name: Name of the number, as the message shows it.
        value: The number.
        least: Smallest that can be used.

    Raises:
        InvalidValueError: if it is smaller.
    """
    if value < least:
        raise InvalidValueError(f"Cannot use {name} {value}: expected at least {least}.")


def check_images(dashes: str = "", **numbers: int | None) -> None:
    """Check the ``classes`` and ``channels`` that networks are counted for; None is left to the images.

    Args:
        dashes: What the message writes in front of their names.
        numbers: The numbers, by name.

    Raises:
        InvalidValueError: if one is too small, or beyond what costs are counted for.
    """
    for name, value in numbers.items():
        if value is not None:
            least, most = _IMAGES[name]
            check_at_least(f"{dashes}{name}", value, least)
            if value > most:
                raise InvalidValueError(f"Cannot use {dashes}{name} {value}: expected at most {most:,}.")
