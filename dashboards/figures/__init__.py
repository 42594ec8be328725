"""Registry of plotly figures, one file each, found by file name.

A file binds ``draw``, which returns a plotly figure, or None if there is nothing to show yet. The name of
its first parameter selects what it receives: ``findings`` (`dashboards.findings.Findings`) or
``explanation`` (`dashboards.explanation.Explanation`) for the figures on every page of a search, which have
no other parameter; ``times`` for figures of the layers of one network. The contract, which tests check for
every file: a figure has a title and named axes, and its JSON stays small at thousands of trials.
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
"""Figures that are shown first; the others follow by name."""


def drawn(findings: Findings, *, besides: tuple[str, ...] = ()) -> dict[str, "Figure"]:
    """Return the figures that have something to show, by name, in the order of pages.

    Args:
        findings: Search with what pages show of it.
        besides: Names of figures that are left out.
    """
    names = [name for name in ORDER if name in FIGURES] + [name for name in FIGURES if name not in ORDER]
    figures = {name: _drawn(FIGURES[name], findings) for name in names if name not in besides}
    return {name: figure for name, figure in figures.items() if figure is not None}


def _drawn(draw: Callable[..., "Figure | None"], findings: Findings) -> "Figure | None":
    given = next(iter(inspect.signature(draw).parameters))
    if given == "findings":
        return draw(findings)
    explanation = findings.explanation
    if given == "explanation" and explanation is not None and explanation.comparison.explains:
        return draw(explanation)
    return None
