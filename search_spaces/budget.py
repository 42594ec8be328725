"""A budget: the most that a network may take of one thing, as people write it."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from search_spaces.errors import BudgetError
from search_spaces.units import BYTE_SCALES, COUNT_SCALES

_FORM: Final = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)(?:(?P<scale>[kMG])?-(?P<count>macs|params|activations)"
    r"|(?P<bytes>KiB|MiB|GiB)-(?P<memory>peak|weights)(?P<int8>@int8|@fp32)?"
    r"|ms@(?P<target>[A-Za-z0-9][\w.:/@=,?&-]*))",
)
_COUNTS: Final = ("macs", "params", "activations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that a network may take of one resource.

    Attributes:
        resource: `macs`, `params`, `activations`, `peak` (bytes), `weights` (bytes) or `latency_ms`.
        limit: In the unit of the resource; a network that takes exactly this much fits.
        text: How it was written.
        bytes_per_element: Of activations and weights, 4 (fp32) or 1 (int8).
        target: Where the latency is measured; None for the other resources.
    """

    resource: str
    limit: float
    text: str
    bytes_per_element: int = 4
    target: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Return the budget written as ``300M-MACs``, ``512KiB-peak@int8`` or ``12ms@cpu``.

        Raises:
            BudgetError: if it is written in another way or is not above zero.
        """
        read = _FORM.fullmatch(_with_small_macs(text.strip()))
        if read is None or not math.isfinite(number := float(read["number"])) or number <= 0:
            raise BudgetError(
                f"Cannot read the budget '{text[:80]}': expected <number><k|M|G>-<MACs|params|activations>, "
                f"<number><KiB|MiB|GiB>-<peak|weights>[@int8] or <number>ms@<target>, "
                f"for example 300M-MACs."
            )
        exact = Decimal(read["number"])  # 0.29G is 290 million, which 0.29 * 10**9 is not
        if read["target"]:
            return cls(resource="latency_ms", limit=number, text=text.strip(), target=read["target"])
        if read["memory"]:
            return cls(
                resource=read["memory"],
                limit=float(exact * BYTE_SCALES[read["bytes"]]),
                text=text.strip(),
                bytes_per_element=1 if read["int8"] == "@int8" else 4,
            )
        limit = exact * COUNT_SCALES[read["scale"]] if read["scale"] else exact
        return cls(resource=read["count"], limit=float(limit), text=text.strip())

    @property
    def counted(self) -> bool:
        """Whether a closed form of the architecture decides it, before anything is trained."""
        return self.resource != "latency_ms"

    def excess(self, cost: float) -> float:
        """Return by what share of the limit a cost exceeds it; 0 or less fits.

        Args:
            cost: In the unit of `search_spaces.Costs`: memory is given in fp32 bytes.
        """
        return cost * (self.bytes_per_element / 4) / self.limit - 1.0

    def __str__(self) -> str:
        return self.text


def _with_small_macs(text: str) -> str:
    """Return the text with the resource in small letters, so that MACs and macs both read."""
    head, dash, tail = text.partition("-")
    return f"{head}{dash}{tail.lower()}" if tail.lower() in _COUNTS else text
