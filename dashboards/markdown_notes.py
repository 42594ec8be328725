"""What is written beside a trial and beside a study, as Markdown without HTML."""

from collections.abc import Mapping
from typing import Final

from dashboards.findings import Findings
from dashboards.part_names import part_names, part_words
from dashboards.result import TrialResult
from search_spaces.budget import Budget
from search_spaces.costs import format_cost
from search_spaces.units import format_accuracy, format_bytes, format_count, format_seconds

_BAR: Final = 12  # characters of a full bar
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_ENDINGS: Final = {
    "complete": "trained to the end",
    "pruned": "not trained to the end",
    "running": "in training",
    "fail": "failed",
    "waiting": "waiting",
}


def trial_note(findings: Findings, network: TrialResult, *, picture: str | None) -> str:
    """Return what a network is, whether it fits, how it ended, and its stages as a table.

    Args:
        findings: Of the search that it belongs to.
        network: What is described.
        picture: Address of its picture; None for none.
    """
    best = " – **the best so far**" if network == findings.result.best else ""
    lines = [f"**{_told(network)}**{best}", ""]
    if picture is not None:
        lines += [f"![The network from left to right]({picture})", ""]
    return "\n".join([*lines, *budget_table(findings, network), "", *stage_table(findings, network)])


def _told(network: TrialResult) -> str:
    """Return how far a network came, and why no further."""
    told = _ENDINGS.get(network.state, network.state)
    if network.reason is not None:
        told = network.reason
    fits = "" if network.fits else "misses its budget; "
    if network.accuracy is None:
        return f"{fits}{told}"
    reached = format_accuracy(network.accuracy, network.standard_error)
    return f"{fits}{reached} after {network.epochs} epochs; {told}"


def taken(network: TrialResult, budget: Budget) -> float | None:
    """Return how much of a budgeted resource a network takes; None where it was not measured."""
    if not budget.counted:
        return (network.latency_ms or {}).get(str(budget.target))
    cost = network.costs.get(budget.resource)  # an older study has no costs that came later
    return None if cost is None else cost * budget.bytes_per_element / 4


def amount(budget: Budget, value: float) -> str:
    """Return an amount of a budgeted resource in its unit."""
    if not budget.counted:
        return f"{value:.3g} ms"
    return format_cost(budget.resource, value)


def verdicts(network: TrialResult) -> Mapping[str, str]:
    """Return for each budget whether a network kept it before it was trained, and by how much."""
    return {
        budget: f"fits, {-excess:.1%} to spare" if excess <= 0 else f"misses by {excess:.1%}"
        for budget, excess in (network.excess or {}).items()
    }


def budget_table(findings: Findings, network: TrialResult) -> list[str]:
    """Return one line for each budget, then what else the network takes."""
    told = verdicts(network)
    rows = ["| budget | takes | |", "| --- | ---: | --- |"]
    for budget in findings.result.budgets:
        value = taken(network, budget)
        shown = "–" if value is None else amount(budget, value)
        rows.append(f"| {budget} | {shown} | {told.get(budget.text, '–')} |")
    costs = network.costs
    others = [
        f"{format_count(costs['macs'])} MACs",
        f"{format_count(costs['params'])} parameters",
        f"peak {format_bytes(costs['peak'])}",
        f"weights {format_bytes(costs['weights'])}",
        *(f"{ms:.3g} ms on {target}" for target, ms in (network.latency_ms or {}).items()),
        f"{format_seconds(network.seconds)} of training",
    ]
    return [*rows, "", " · ".join(others)]


def stage_table(findings: Findings, network: TrialResult) -> list[str]:
    """Return one line for each part with the share of its multiply-accumulates as a bar."""
    parts = findings.parts(network)
    total = sum(part.costs.macs for part in parts)
    rows = ["| | what | map | MACs | params | peak |", "| --- | --- | --- | :--- | ---: | ---: |"]
    for name, part in zip(part_names(parts), parts, strict=True):
        rows.append(
            f"| {name} | {part_words(part, name)} | {part.channels} × {part.side}² "
            f"| `{bar(part.costs.macs / total)}` {format_count(part.costs.macs)} "
            f"| {format_count(part.costs.params)} | {format_bytes(part.costs.peak)} |"
        )
    return rows


def bar(share: float) -> str:
    """Return a share in [0, 1] as a bar of characters, to an eighth of one."""
    eighths = round(8 * _BAR * min(max(share, 0.0), 1.0))
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(_BAR)


def study_note(findings: Findings) -> str:
    """Return where a search stands: its best network, its rivals, and how to go on."""
    result = findings.result
    budgets = " and ".join(map(str, result.budgets))
    lines = [
        f"`{result.space}` on `{result.data.rpartition('/')[2]}` within **{budgets}**, "
        f"proposed by `{result.sampler}`, seed {result.seed}: **{result.trained} networks trained**.",
        "",
    ]
    if not result.networks:
        return "\n".join([*lines, "Nothing has been tried yet; this page follows the search as it runs."])
    if result.best is None:
        lines += ["No network that fits has been trained to the end yet.", ""]
    lines += [
        "| network | accuracy | MACs | params | latency | |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for network in result.networks[:5]:
        accuracy = "–" if network.accuracy is None else f"{network.accuracy:.2%}"
        latency = ", ".join(f"{ms:.3g} ms {on}" for on, ms in (network.latency_ms or {}).items())
        mark = "best" if network == result.best else _ENDINGS.get(network.state, network.state)
        lines.append(
            f"| #{network.trial} | {accuracy} | {format_count(network.costs['macs'])} "
            f"| {format_count(network.costs['params'])} | {latency or '–'} | {mark} |"
        )
    return "\n".join([*lines, "", *(f"    {command}" for command in findings.commands)])
