"""Words for what is left out of a data set or chosen in it: counts and short lists."""

from collections.abc import Sequence
from typing import Final

NAMED: Final = 5


def counted(number: int, what: str) -> str:
    """Return a number with its noun: "1 image", "1,200 images"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return the first few names in quotes, and how many more there are."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:NAMED]) + more
