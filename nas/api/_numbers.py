"""Checks numbers that a command or a call is given."""

from search_spaces.errors import InvalidValueError


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
