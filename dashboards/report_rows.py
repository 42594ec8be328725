"""Tables that reports of every format show alike: the best networks and the best setting of each factor."""

from collections.abc import Iterator
from typing import Final

from dashboards.difference import difference
from dashboards.explanation import Explanation, Rule
from dashboards.findings import Findings
from dashboards.result import TrialResult
from dashboards.tables import expected_value
from search_spaces.units import counted, format_accuracy, format_bytes, format_count

_MOST_SHOWN: Final = 12
NETWORK_NUMBERS: Final = (1, 2, 3, 4, 5, 6, 8)
"""Columns of the best networks that are numbers."""
RULES_HEAD: Final = ("factor", "best value", "probability", "gain, points", "trained", "")
RULES_NUMBERS: Final = (2, 3, 4)
"""Columns of the best settings that are numbers."""


def networks_head(findings: Findings) -> tuple[str, ...]:
    """Return the headings of the table of the best networks."""
    metric = findings.result.value_name
    return ("network", metric, "expected", "against the best", "MACs", "params", "peak", "latency", "epochs")


def network_rows(findings: Findings, best: TrialResult) -> list[list[str]]:
    """Return the best networks that fit and were trained to the end, one row each; none where it is one."""
    others = [n for n in findings.result.networks if n.state == "complete" and n.fits][:_MOST_SHOWN]
    if len(others) < 2:
        return []
    return [
        [
            f"#{n.trial}",
            accuracy_text(n),
            expected_value(n),
            "–" if n == best else str(difference(n, best)),
            format_count(n.costs["macs"]),
            format_count(n.costs["params"]),
            format_bytes(n.costs["peak"]),
            ", ".join(f"{ms:.3g} ms {on}" for on, ms in (n.latency_ms or {}).items()) or "–",
            str(n.epochs),
        ]
        for n in others
    ]


def against_the_best(best: TrialResult) -> str:
    """Return what the differences of the best networks are, in sentences."""
    of = "expected values" if best.posterior_mean is not None else "values on validation images"
    return (
        f"against the best: the difference to #{best.trial} in points with its 95 % "
        f"interval, of {of}. Where the interval includes 0, this search does not tell the two apart. It "
        "takes the errors of the two as independent, so it is wide rather than narrow."
    )


def rules_basis(found: Explanation) -> str:
    """Return what the best settings rest on, and which budgets they do not consider, in sentences."""
    based = f"{found.comparison.verdict} Based on {counted(found.trained, 'network')}."
    return based if found.gap is None else f"{based} {found.gap}"


def rule_rows(found: Explanation) -> list[list[str]]:
    """Return the best setting of each factor, one row each."""
    return [list(_cells(rule)) for rule in found.rules]


def accuracy_text(network: TrialResult) -> str:
    """Return the value of a network with its standard error, a dash without one."""
    if network.accuracy is None:
        return "–"
    return format_accuracy(network.accuracy, network.standard_error)


def _cells(rule: Rule) -> Iterator[str]:
    yield rule.factor
    yield f"{rule.value}" + (f" ± {rule.spread:.2g}" if rule.spread is not None else "")
    yield f"{rule.probability:.0%}"
    yield "–" if rule.gain is None else f"{100 * rule.gain:+.2f}"
    yield str(rule.trained)
    yield rule.warning or ""
