"""Costs: what a network takes (MACs, parameters, memory), computed from its layers, one file each.

A file binds ``COST``; an entry point of the group ``search_spaces.costs`` adds one from another package. A
new cost is counted for every network, stored with every trial, shown in tables and usable in a budget
without any other edit. The contract: a cost is a closed form of the architecture, exact to the last unit,
and joins by sum or by maximum over the parts of a network that run one after another.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from typing_extensions import override

from search_spaces.shelf import Shelf
from search_spaces.tape import Int, Tape
from search_spaces.units import format_bytes, format_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One thing that a network takes.

    Attributes:
        unit: `count` for a number of things, written with k, M or G; `bytes` for memory in fp32, written
            with KiB, MiB or GiB.
        joins: Whether parts that run one after another add up or the largest counts.
        of: The cost of the layers on a tape, at batch 1.
        label: Its name in budgets and tables where that has capitals; None for the name of the file.
    """

    unit: Literal["count", "bytes"]
    joins: Literal["sum", "max"]
    of: Callable[[Tape], Int]
    label: str | None = None


COSTS: Final[Shelf[Cost]] = Shelf(__name__, "COST", "cost", Cost)

_FIRST: Final = ("macs", "params", "activations", "peak", "weights")  # in tables and files; others follow


class Costs(Mapping[str, int]):
    """What one network takes at batch 1, by the name of the cost and as attributes: ``costs.macs``.

    Immutable and hashable; equal where all names and values are.

    Args:
        values: One whole number for each cost, memory in bytes of fp32: ``macs``, ``params``,
            ``activations``, ``peak``, ``weights``, and what other files and packages add.
    """

    __slots__ = ("_values",)

    def __init__(self, **values: int) -> None:
        self._values = values

    def __getattr__(self, name: str) -> int:
        if name.startswith("_") or name not in self._values:
            raise AttributeError(f"Costs have no '{name}'")
        return self._values[name]

    @override
    def __getitem__(self, name: str) -> int:
        return self._values[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    @override
    def __len__(self) -> int:
        return len(self._values)

    @override
    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    @override
    def __repr__(self) -> str:
        return f"Costs({', '.join(f'{name}={value}' for name, value in self._values.items())})"


@cache
def cost_names() -> tuple[str, ...]:
    """Return the names of all costs in the order of tables and files."""
    return (*_FIRST, *(name for name in COSTS if name not in _FIRST))


def in_bytes(name: str) -> bool:
    """Return whether a cost is memory, in bytes."""
    return COSTS[name].unit == "bytes"


def label_of(name: str) -> str:
    """Return a cost's name as budgets and tables write it, for example ``MACs``."""
    return COSTS[name].label or name


def column_of(name: str) -> str:
    """Return a cost's name with its unit, as studies and CSV files hold it, for example ``peak_bytes``."""
    return f"{name}_bytes" if in_bytes(name) else name


def format_cost(name: str, value: float) -> str:
    """Return an amount of a cost in its unit with three significant digits, ``301M`` or ``1.5 MiB``."""
    return format_bytes(value) if in_bytes(name) else format_count(value)
