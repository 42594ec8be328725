"""`Budget`: parses texts such as ``300M-MACs`` or ``12ms@cpu``, and compares costs with the limit."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from search_spaces.costs import COSTS, cost_names, label_of
from search_spaces.errors import BudgetError
from search_spaces.units import BYTE_SCALES, COUNT_SCALES

_FORM: Final = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)(?:(?P<scale>[kMG])?-(?P<count>\w+)"
    r"|(?P<bytes>KiB|MiB|GiB)-(?P<memory>\w+)(?P<int8>@int8|@fp32)?"
    r"|ms@(?P<target>[A-Za-z0-9][\w.:/@=,?&-]*))",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that a network may take of one resource.

    Attributes:
        resource: The name of a cost (`search_spaces.costs`), for example `macs`, or `latency_ms`.
        limit: In the unit of the resource; a network that takes exactly this much fits.
        text: The budget as written.
        bytes_per_element: Bytes of each activation or weight, 4 (fp32) or 1 (int8).
        target: Device on which the latency is measured; None for costs.
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
        text = text.strip()
        read = _FORM.fullmatch(text)
        if read is None or not math.isfinite(number := float(read["number"])) or number <= 0:
            raise _unreadable(text)
        if read["target"]:
            return cls(resource="latency_ms", limit=number, text=text, target=read["target"])
        exact = Decimal(read["number"])  # 0.29G is 290 million, which 0.29 * 10**9 is not
        if read["memory"]:
            if read["memory"] not in _named("bytes"):
                raise _unreadable(text)
            return cls(
                resource=read["memory"],
                limit=float(exact * BYTE_SCALES[read["bytes"]]),
                text=text,
                bytes_per_element=1 if read["int8"] == "@int8" else 4,
            )
        resource = _named("count").get(read["count"].lower())
        if resource is None:
            raise _unreadable(text)
        limit = exact * COUNT_SCALES[read["scale"]] if read["scale"] else exact
        return cls(resource=resource, limit=float(limit), text=text)

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


def _named(unit: str) -> dict[str, str]:
    """Return the costs of a unit by what a budget writes, counts in small letters, as MACs and macs read."""
    names = [name for name in cost_names() if COSTS[name].unit == unit]
    return {name.lower() if unit == "count" else name: name for name in names}


def _unreadable(text: str) -> BudgetError:
    counts, memories = ("|".join(map(label_of, _named(unit).values())) for unit in ("count", "bytes"))
    return BudgetError(
        f"Cannot read the budget '{text[:80]}': expected <number><k|M|G>-<{counts}>, "
        f"<number><KiB|MiB|GiB>-<{memories}>[@int8] or <number>ms@<target>, for example 300M-MACs."
    )
