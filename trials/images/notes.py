"""Words for what is left out of a data set or chosen in it: counts and short lists."""

from collections.abc import Sequence
from typing import Final

_NAMED: Final = 5


def listed(names: Sequence[str]) -> str:
    """Return the first few names in quotes, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(f"'{name}'" for name in names[:_NAMED]) + more


def on_one_line(text: str) -> str:
    """Return a text without line breaks and with bytes of names that are no UTF-8 escaped."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode("utf-8").split())
