"""Report format md: a Markdown file with everything of the HTML report but figures."""

from pathlib import Path

from dashboards import comparison_rows
from dashboards.findings import Findings
from dashboards.latency_table import HEAD, NUMBERS, latency_rows, latency_summary
from dashboards.markdown_notes import budget_table, stage_table, study_note
from dashboards.result import capitalised
from search_spaces.units import format_count


def REPORT(findings: Findings, path: Path) -> tuple[Path, ...]:  # noqa: N802 -- found by this name
    """Write the report to `path` and return it."""
    result = findings.result
    lines = [f"# {result.study}", "", study_note(findings), ""]
    best = result.best
    if best is not None:
        lines += [f"## Best network: #{best.trial}", "", *budget_table(findings, best), ""]
        lines += [*stage_table(findings, best), ""]
    if findings.latencies:
        cells = [HEAD, tuple("---:" if i in NUMBERS else "---" for i in range(len(HEAD)))]
        rows = ["| " + " | ".join(row) + " |" for row in (*cells, *latency_rows(findings.latencies))]
        lines += ["## Latencies", "", " ".join(latency_summary(findings.latencies)), "", *rows, ""]
    for comparison in findings.comparisons:
        lines += [f"## {capitalised(comparison_rows.title(comparison))}", ""]
        lines += [*comparison_rows.markdown(comparison), ""]
    if findings.references:
        lines += [
            f"## {'Other published' if findings.comparisons else 'Published'} networks of similar cost",
            "",
            "| network | MACs | params | ImageNet-1k, published |",
            "| --- | ---: | ---: | --- |",
        ]
        lines += [
            f"| {r.name} | {format_count(r.costs['macs'])} | {format_count(r.costs['params'])} "
            f"| {r.imagenet} |"
            for r in findings.references
        ]
        lines.append("")
    lines += ["## Recipe", "", "| | |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in findings.recipe.items()]
    versions = ", ".join(f"{name} {number}" for name, number in findings.versions.items())
    lines += ["", f"Created {findings.made} with {versions}."]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return (path,)
