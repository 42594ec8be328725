"""Figures: one question to a search and its answer, one file each.

A file binds ``draw``, which returns a plotly figure. The name of its first argument says what it is given:
``findings`` (`dashboards.findings.Findings`) or ``explanation`` (`dashboards.explanation.Explanation`) for
those on every page of a search, which take nothing else; ``times`` for the layers of one network. It returns
None where there is nothing to show yet. The law of the
room: every figure has a title and named axes, and stays small at 5,000 trials.
"""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from dashboards.findings import Findings
from search_spaces.shelf import Shelf

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

FIGURES: Final = Shelf[Callable[..., "Figure | None"]](__name__, "draw", "figure")

ORDER: Final = ("pareto_macs", "convergence", "pareto_latency", "pareto_params", "factor_effects")
"""What is shown first; the others follow by name."""


def drawn(findings: Findings, *, besides: tuple[str, ...] = ()) -> dict[str, "Figure"]:
    """Return the figures that have something to show, by name, in the order in which they are read.

    Args:
        findings: What is drawn.
        besides: Figures that are left out.
    """
    names = [name for name in ORDER if name in FIGURES] + [name for name in FIGURES if name not in ORDER]
    figures = {name: _drawn(FIGURES[name], findings) for name in names if name not in besides}
    return {name: figure for name, figure in figures.items() if figure is not None}


def _drawn(draw: Callable[..., "Figure | None"], findings: Findings) -> "Figure | None":
    given = next(iter(inspect.signature(draw).parameters))
    if given == "findings":
        return draw(findings)
    if given == "explanation" and findings.explanation is not None:
        return draw(findings.explanation)
    return None
