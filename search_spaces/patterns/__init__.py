"""Patterns: choices that let the blocks of one stage differ, one file each.

A file binds ``PATTERN``; an entry point of the group ``search_spaces.patterns`` adds one from another
package. A stage offers values of a pattern under its name, for example ``attend: [none, last]``; nothing else
has to know of it: the blocks that it makes are described, priced, built and exported one by one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from search_spaces.architecture import Option
from search_spaces.shelf import Shelf

Slots: TypeAlias = Mapping[str, Option]
"""The values that the slots of a stage have, by name; whatever is read counts as a choice that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One way in which the blocks of a stage may differ.

    Attributes:
        values: What a stage may offer; the first changes nothing.
        apply: Writes on ``apply(value, blocks, slots)`` the choices of some of the blocks of a stage, each a
            dict that is empty or holds what earlier patterns chose, ``mixer`` among it. It may read the
            slots; a block without a ``mixer`` gets that of the slot ``mixer``.
        kinds: Slots that list further mixers, and their kind: ``conv`` or ``attention``.
        mixer_kind: The kind that mixers of the slot ``mixer`` have beside this pattern; None for any.
        takes: Of the values that need it, the option that some mixer of the stage has to take, and the
            mixers for which it does if not any with the option: ``{"cycle": ("dilation", ())}``.
        rank: Patterns of a lower rank apply first; from 1 on every block has a mixer.
    """

    values: tuple[str, ...]
    apply: Callable[[str, Sequence[dict[str, Option]], Slots], None]
    kinds: Mapping[str, str]
    mixer_kind: str | None = None
    takes: Mapping[str, tuple[str, tuple[str, ...]]]
    rank: int


PATTERNS: Final[Shelf[Pattern]] = Shelf(__name__, "PATTERN", "pattern", Pattern)


def in_order(names: Iterable[str]) -> list[str]:
    """Return names of patterns in the order in which they apply."""
    return sorted(names, key=lambda name: (PATTERNS[name].rank, name))
