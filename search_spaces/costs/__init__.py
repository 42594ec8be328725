"""Costs: what a network takes, each a fold over its layers, one file each.

A file binds ``COST``. The law of the room: a cost is a closed form of the architecture, exact to the
last unit, and joins by sum or by maximum over the parts of a network that run one after another.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from search_spaces.shelf import Shelf
from search_spaces.tape import Int, Tape


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One thing that a network takes.

    Attributes:
        unit: `MACs`, `params`, `activations` or `bytes`.
        joins: Whether parts that run one after another add up or the largest counts.
        of: The cost of the layers on a tape, at batch 1.
    """

    unit: str
    joins: Literal["sum", "max"]
    of: Callable[[Tape], Int]


COSTS: Final[Shelf[Cost]] = Shelf(__name__, "COST", "cost")
