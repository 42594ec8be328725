"""A pattern that gives the first block a kernel of its own."""

from collections.abc import Sequence

from search_spaces.architecture import Option
from search_spaces.patterns import Pattern, Slots


def _apply(value: str, blocks: Sequence[dict[str, Option]], slots: Slots) -> None:
    del slots
    if value == "large":
        blocks[0]["kernel"] = 7


PATTERN = Pattern(values=("same", "large"), apply=_apply, kinds={}, takes={"large": ("kernel", ())}, rank=2)
