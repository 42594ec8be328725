"""Report format md: a Markdown file with everything of the HTML report but figures."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from dashboards import comparison_rows
from dashboards.explanation import NOT_SHOWN
from dashboards.findings import Findings
from dashboards.latency_table import HEAD, NUMBERS, latency_rows, latency_summary
from dashboards.markdown_notes import budget_table, stage_table, study_note
from dashboards.markdown_text import escaped
from dashboards.report_rows import (
    NETWORK_NUMBERS,
    RULES_HEAD,
    RULES_NUMBERS,
    against_the_best,
    network_rows,
    networks_head,
    rule_rows,
    rules_basis,
)
from dashboards.result import capitalised
from dashboards.tables import caption
from search_spaces.units import format_count


def REPORT(findings: Findings, path: Path) -> tuple[Path, ...]:  # noqa: N802 -- found by this name
    """Write the report to `path` and return it."""
    result = findings.result
    lines = [f"# {result.study}", "", study_note(findings), ""]
    best = result.best
    if best is not None:
        lines += [f"## Best network: #{best.trial}", "", *budget_table(findings, best), ""]
        lines += [*stage_table(findings, best), ""]
        if rows := network_rows(findings, best):
            lines += ["## Best networks after the search", "", escaped(caption(result)), ""]
            lines += [escaped(against_the_best(best)), ""]
            lines += [*_table(networks_head(findings), rows, NETWORK_NUMBERS), ""]
    if findings.latencies:
        lines += ["## Latencies", "", " ".join(latency_summary(findings.latencies)), ""]
        lines += [*_table(HEAD, latency_rows(findings.latencies), NUMBERS), ""]
    lines += _best_settings(findings)
    for comparison in findings.comparisons:
        lines += [f"## {capitalised(comparison_rows.title(comparison))}", ""]
        lines += [*comparison_rows.markdown(comparison), ""]
    if findings.references:
        published = "Other published" if findings.comparisons else "Published"
        lines += [f"## {published} networks of similar cost", ""]
        cells = [
            (r.name, format_count(r.costs["macs"]), format_count(r.costs["params"]), r.imagenet)
            for r in findings.references
        ]
        lines += [*_table(("network", "MACs", "params", "ImageNet-1k, published"), cells, (1, 2)), ""]
    lines += ["## Recipe", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in findings.recipe.items()]
    versions = ", ".join(f"{name} {number}" for name, number in findings.versions.items())
    lines += ["", f"Created {findings.made} with {versions}."]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return (path,)


def _best_settings(findings: Findings) -> Iterator[str]:
    found = findings.explanation
    if found is None:
        return
    yield from ("## Best setting of each factor", "", escaped(rules_basis(found)), "")
    if found.comparison.explains:
        yield from _table(RULES_HEAD, rule_rows(found), RULES_NUMBERS)
    else:
        yield escaped(NOT_SHOWN)
    yield ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> Iterator[str]:
    marks = tuple("---:" if i in numbers else "---" for i in range(len(head)))
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join(marks)} |"
    yield from (f"| {' | '.join(map(escaped, row))} |" for row in rows)
