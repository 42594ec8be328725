"""Writes the notes of trials and studies in the dashboard, as Markdown without HTML."""

import re
from collections.abc import Mapping
from typing import Final

from dashboards.comparison_rows import markdown
from dashboards.findings import Findings
from dashboards.markdown_text import escaped
from dashboards.metric_names import metric_name
from dashboards.part_names import part_names, part_words
from dashboards.result import SEEN, SearchResult, TrialResult
from dashboards.tables import caption, expected_value
from search_spaces.budget import Budget
from search_spaces.costs import format_cost
from search_spaces.units import counted, format_accuracy, format_bytes, format_count, format_seconds

_LINE: Final = 76  # characters of a command on one line
_WORD: Final = re.compile(r"""(?:'[^']*'|"[^"]*"|[^\s'"])+""")
_ENDINGS: Final = {
    "complete": "trained to the end",
    "pruned": "not trained to the end",
    "running": "in training",
    "fail": "failed",
    "waiting": "waiting",
}


def trial_note(findings: Findings, network: TrialResult, *, picture: str | None) -> str:
    """Return the note of a trial: how it ended, its budgets, its costs, and its stages as a table.

    Args:
        findings: Findings of its search.
        network: Network of the trial.
        picture: URL of its picture; None for none.
    """
    best = " – **the best so far**" if network == findings.result.best else ""
    lines = [f"**{_outcome(network, findings.result)}**{best}", ""]
    if picture is not None:
        lines += [f"![The network from left to right]({picture})", ""]
    return "\n".join([*lines, *budget_table(findings, network), "", *stage_table(findings, network)])


def _outcome(network: TrialResult, result: SearchResult) -> str:
    """Return the metric of a network and why its training ended, in words."""
    ending = escaped(network.reason) if network.reason else _ending(network, result)
    over = "" if network.fits else "over budget; "
    if network.accuracy is None:
        return f"{over}{ending}"
    reached = f"{format_accuracy(network.accuracy, network.standard_error)} {result.value_name}"
    return f"{over}{reached} after {counted(network.epochs, 'epoch')}; {ending}"


def _ending(network: TrialResult, result: SearchResult) -> str:
    """Return how a training stands; one of a search that does not run is not in training."""
    if network.state == "running" and result.state is not None and result.state.state != "running":
        return "interrupted"
    return _ENDINGS.get(network.state, network.state)


def amount_used(network: TrialResult, budget: Budget) -> str:
    """Return how much of a budgeted resource a network uses; a latency with the upper bound that counts."""
    if budget.counted:
        cost = network.costs.get(budget.resource)  # an older study has no costs that came later
        return "–" if cost is None else format_amount(budget, cost * budget.bytes_per_element / 4)
    median_ms = (network.latency_ms or {}).get(budget.measured)
    bound_ms = (network.latency_bound_ms or {}).get(budget.measured)
    if median_ms is None:
        return "–"
    bound = "" if bound_ms is None else f" (upper bound {format_amount(budget, bound_ms)})"
    return format_amount(budget, median_ms) + bound


def format_amount(budget: Budget, value: float) -> str:
    """Return an amount of a budgeted resource with its unit."""
    if not budget.counted:
        return f"{value:.3g} ms"
    return format_cost(budget.resource, value)


def verdicts(network: TrialResult) -> Mapping[str, str]:
    """Return for each budget whether a network fits it, and by how much."""
    return {
        budget: f"fits, {-excess:.1%} to spare" if excess <= 0 else f"over by {excess:.1%}"
        for budget, excess in (network.excess or {}).items()
    }


def budget_table(findings: Findings, network: TrialResult) -> list[str]:
    """Return a table row for each budget, and a line with the other costs of a network."""
    verdict = verdicts(network)
    rows = [
        "| budget | used | |",
        "| --- | ---: | --- |",
        *(
            f"| {budget} | {amount_used(network, budget)} | {verdict.get(budget.text, '–')} |"
            for budget in findings.result.budgets
        ),
    ]
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


def score_rows(findings: Findings, network: TrialResult) -> list[list[str]]:
    """Return a row for each figure of a network: weights, images, metric, value with its error."""
    rows = [
        [
            score.weights_name,
            f"{score.split} images",
            metric_name(score.metric),
            format_accuracy(score.value, score.standard_error),
        ]
        for score in network.scores
        if score.split != SEEN
    ]
    if network.posterior_mean is not None:
        expected = [
            "unlimited validation images, expected",
            findings.result.value_name,
            expected_value(network),
        ]
        rows.insert(
            1, [network.scores[0].weights_name if network.scores else "weights of the search", *expected]
        )
    return rows


def score_table(findings: Findings) -> list[str]:
    """Return the figures of the best network as a table, each with its weights, images and metric."""
    best = findings.result.best
    if best is None or not best.scores:
        return []
    reads = findings.result.test_reads
    return [
        f"| #{best.trial} | images | metric | value |",
        "| --- | --- | --- | ---: |",
        *(f"| {' | '.join(row)} |" for row in score_rows(findings, best)),
        "",
        f"Test images were read {reads} {'time' if reads == 1 else 'times'} in this study.",
    ]


def stage_table(findings: Findings, network: TrialResult) -> list[str]:
    """Return a table row for each part of a network, with its share of the MACs."""
    parts = findings.parts(network)
    total = sum(part.costs.macs for part in parts)
    rows = [
        "| | layers | output | MACs | share | params | peak |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, part in zip(part_names(parts), parts, strict=True):
        rows.append(
            f"| {name} | {part_words(part, name)} | {part.channels} × {part.side}² "
            f"| {format_count(part.costs.macs)} | {part.costs.macs / total:.0%} "
            f"| {format_count(part.costs.params)} | {format_bytes(part.costs.peak)} |"
        )
    return rows


def study_note(findings: Findings) -> str:
    """Return the note of a study: its progress, its best networks, and the commands for what comes next."""
    result = findings.result
    budgets = " and ".join(map(str, result.budgets)) or "no budget"
    lines = [
        f"`{result.space}` on `{result.data.rpartition('/')[2]}` within **{budgets}**, "
        f"sampler `{result.sampler}`, seed {result.seed}: **{counted(result.trained, 'network')} trained**.",
        "",
    ]
    if result.state is not None:
        lines += [f"The search {'is' if result.state.state == 'running' else 'was'} **{result.state}**.", ""]
    if result.supernet is not None:
        lines += [f"Supernet: {'. '.join(result.supernet.lines)}.", ""]
    if not result.networks:
        return "\n".join([*lines, "Nothing has been tried yet; this page updates while the search runs."])
    if result.best is None:
        lines += ["No network that fits has been trained to the end yet.", ""]
    lines += [
        f"| network | {result.value_name} | expected | MACs | params | latency | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for network in result.networks[:5]:
        accuracy = (
            "–" if network.accuracy is None else format_accuracy(network.accuracy, network.standard_error)
        )
        latency = ", ".join(f"{ms:.3g} ms {on}" for on, ms in (network.latency_ms or {}).items())
        mark = "best" if network == result.best else _ending(network, result)
        lines.append(
            f"| #{network.trial}{'' if network.name is None else f' {escaped(network.name)}'} | {accuracy} "
            f"| {expected_value(network)} | {format_count(network.costs['macs'])} "
            f"| {format_count(network.costs['params'])} | {latency or '–'} | {mark} |"
        )
    found = [line for comparison in findings.comparisons for line in ("", *markdown(comparison))]
    commands = [f"    {line}" for command in findings.commands for line in command_lines(command)]
    lines += ["", caption(result), *found, "", *score_table(findings)]
    return "\n".join([*lines, "", "To do this search again and export its best network:", "", *commands])


def command_lines(command: str) -> list[str]:
    """Return a command on lines of few characters that a shell reads as one, broken before words."""
    lines = [""]
    for word in _WORD.findall(command):
        if lines[-1].strip() and len(lines[-1]) + len(word) + 3 > _LINE:
            lines[-1] += " \\"
            lines.append(f"    {word}")
        else:
            lines[-1] += f" {word}" if lines[-1] else word
    return lines
