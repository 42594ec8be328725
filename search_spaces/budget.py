"""`Budget`: parses texts such as ``300M-MACs`` or ``12ms@cpu``, and compares costs with the limit.

A latency is measured on a target, whose name is everything after the first ``@``; whether there is such a
target is for `trials.target_names` to say.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from search_spaces.budget_advice import advice_on
from search_spaces.costs import COSTS, cost_names, label_of
from search_spaces.errors import BudgetError
from search_spaces.units import BYTE_SCALES, COUNT_SCALES

_FORM: Final = re.compile(
    r"(?P<number>\d+(?:\.\d+)?)(?:(?P<scale>[kMG])?-(?P<count>\w+)"
    r"|(?P<bytes>KiB|MiB|GiB)-(?P<memory>\w+)(?P<int8>@int8|@fp32)?"
    r"|ms(?:-(?P<figure>median|p90))?@(?P<target>\S(?:.*\S)?))",
)
_QUICKEST: Final = "quickest"
_BETWEEN: Final = re.compile(r"\s+and\s+|[\s,;&|+]+")  # what people put between two budgets


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that a network may take of one resource.

    Attributes:
        resource: The name of a cost (`search_spaces.costs`), for example `macs`, or `latency_ms`.
        limit: In the unit of the resource; a network that takes exactly this much fits.
        text: The budget as written.
        bytes_per_element: Bytes of each activation or weight, 4 (fp32) or 1 (int8).
        target: Device on which the latency is measured; None for costs.
        figure: Which figure of a latency is compared, see `trials.latency.latency.FIGURES`: ``quickest``, or
            ``median`` or ``p90`` of the wall clock.
    """

    resource: str
    limit: float
    text: str
    bytes_per_element: int = 4
    target: str | None = None
    figure: str = _QUICKEST

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Return the budget written as ``300M-MACs``, ``512KiB-peak@int8``, ``12ms@cpu`` or ``12ms-p90@cpu``.

        Raises:
            BudgetError: if it is written in another way or is not above zero.
        """
        budget = _read(text.strip())
        if budget is None:
            raise _unreadable(text.strip())
        return budget

    @property
    def counted(self) -> bool:
        """Whether a closed form of the architecture decides it, before anything is trained."""
        return self.resource != "latency_ms"

    @property
    def measured(self) -> str:
        """What is measured for it: the target, and the figure where that is not the quickest run."""
        return measured_name(str(self.target), self.figure)

    def excess(self, cost: float) -> float:
        """Return by what share of the limit a cost exceeds it; 0 or less fits.

        Args:
            cost: In the unit of `search_spaces.Costs`: memory is given in fp32 bytes.
        """
        return cost * (self.bytes_per_element / 4) / self.limit - 1.0

    def __str__(self) -> str:
        return self.text


def unconsidered(budgets: Iterable[str]) -> str:
    """Return the sentence that names budgets which are left out, because nothing is measured."""
    return f"Not considered, because it has to be measured: {', '.join(budgets)}."


def measured_name(target: str, figure: str = _QUICKEST) -> str:
    """Return how a latency is called in results: ``pixel``, or ``pixel (wall median)``."""
    return target if figure == _QUICKEST else f"{target} (wall {figure})"


def _named(unit: str) -> dict[str, str]:
    """Return the costs of a unit by what a budget writes, in small letters, as MACs and macs read."""
    return {name.lower(): name for name in cost_names() if COSTS[name].unit == unit}


def _read(text: str) -> Budget | None:
    """Return the budget that a text is, None if it is none."""
    read = _FORM.fullmatch(text)
    if read is None or not math.isfinite(number := float(read["number"])) or number <= 0:
        return None
    if read["target"]:
        if not text.isprintable() or any(map(_read, _BETWEEN.split(read["target"])[1:])):
            return None
        figure = read["figure"] or _QUICKEST
        return Budget(resource="latency_ms", limit=number, text=text, target=read["target"], figure=figure)
    exact = Decimal(read["number"])  # 0.29G is 290 million, which 0.29 * 10**9 is not
    if read["memory"]:
        size, resource = BYTE_SCALES[read["bytes"]], _named("bytes").get(read["memory"].lower())
    else:
        size, resource = COUNT_SCALES.get(read["scale"], 1), _named("count").get(read["count"].lower())
    if resource is None:
        return None
    eighth = read["int8"] == "@int8"
    return Budget(
        resource=resource, limit=float(exact * size), text=text, bytes_per_element=1 if eighth else 4
    )


def _unreadable(text: str) -> BudgetError:
    shown = text if len(text) <= 80 else f"{text[:79]}…"
    advice = advice_on(text[:400], lambda given: _read(given) is not None)
    if advice is not None:
        return BudgetError(f"Cannot read the budget '{shown}': {advice}.")
    counts, memories = ("|".join(map(label_of, _named(unit).values())) for unit in ("count", "bytes"))
    several = " Give --budget once for each budget." if re.search(r"[,;&|]", text) else ""
    return BudgetError(
        f"Cannot read the budget '{shown}': expected <number><k|M|G>-<{counts}>, "
        f"<number><KiB|MiB|GiB>-<{memories}>[@int8] or <number>ms[-median|-p90]@<target>, for example "
        f"300M-MACs.{several}"
    )
