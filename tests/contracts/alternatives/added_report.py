"""The report as one line of text."""

from pathlib import Path

from dashboards.findings import Findings


def REPORT(findings: Findings, path: Path) -> tuple[Path, ...]:  # noqa: N802
    """Write the line to `path` and return it."""
    path.write_text(f"{findings.result.study}: {len(findings.result.networks)} networks", encoding="utf-8")
    return (path,)
