"""`Choice`: one slot of a search space, its name and its possible values."""

from dataclasses import dataclass
from typing import Final

from search_spaces.architecture import Option
from search_spaces.errors import SpaceError
from search_spaces.patterns import PATTERNS

GLOBALS: Final = ("resolution", "width", "conv_depth", "attention_depth")
"""The choices of every space that are of no stage, in the order of an encoding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One slot of a search space.

    Attributes:
        name: For example ``resolution`` or ``stage3.kernel``.
        values: Its possible values, distinct, numbers in rising order.
    """

    name: str
    values: tuple[Option, ...]

    def __post_init__(self) -> None:
        if not self.values or len(set(self.values)) != len(self.values):
            raise SpaceError(
                f"The choice '{self.name}' got the values {list(self.values)}: expected at least "
                f"one value and none twice.",
                at=self._place,
            )
        numbers = [v for v in self.values if isinstance(v, int | float) and type(v) is not bool]
        if len(numbers) == len(self.values) and numbers != sorted(numbers):
            raise SpaceError(
                f"The choice '{self.name}' got the values {numbers}: expected rising numbers.", at=self._place
            )

    @property
    def _place(self) -> tuple[str | int, ...]:
        stage, _, slot = self.name.rpartition(".")
        own = slot in {*GLOBALS, "block", "depth", *PATTERNS}
        inside = (slot,) if own else ("options", slot)
        return ("stages", int(stage.removeprefix("stage")) - 1, *inside) if stage else inside

    def nearest(self, value: Option, allowed: tuple[Option, ...]) -> Option:
        """Return `value` if it is allowed, else the allowed number nearest to it, else the first."""
        if value in allowed:
            return value
        numbers = [v for v in allowed if isinstance(v, int | float)]
        if isinstance(value, int | float) and numbers:
            return min(numbers, key=lambda v: (abs(v - value), v))
        return allowed[0]
