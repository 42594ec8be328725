"""Makes the pages of evidence: claims with their figures from filed results, and each filed result."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_ROOT = Path(__file__).parents[2]
RESULTS = _ROOT / "tests" / "benchmarks" / "results"
_CLAIMS = Path(__file__).parent / "claims.yaml"
_GPU = re.compile(r"NVIDIA [A-Z]\w+|\bH100\b|--device cuda")
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")
_REPOSITORY_ALONE = ("finding_your_way", "same_results")  # of the code's order, of no concern to its users


@dataclass(frozen=True, slots=True)
class Claim:
    """What is said of a figure, and where the figure stands.

    Attributes:
        says: The claim, in a sentence.
        figure: What was measured.
        result: Name of the filed result.
        line: Text of one of its lines, which holds the figure.
        missed: The goal that was missed; empty where none was.
    """

    says: str
    figure: str
    result: str
    line: str
    missed: str = ""


def claims() -> dict[str, list[Claim]]:
    """Return the claims by their subject."""
    written: dict[str, list[dict[str, Any]]] = yaml.safe_load(_CLAIMS.read_text(encoding="utf-8"))
    return {subject: [Claim(**fields) for fields in group] for subject, group in written.items()}


def filed(result: str) -> str:
    """Return the text of a filed result."""
    return (RESULTS / f"{result}.md").read_text(encoding="utf-8")


def conditions(result: str) -> tuple[str, str, str]:
    """Return the command, the machine and the date of a filed result, empty where it does not say."""
    text = filed(result)
    command, machine = (_item(text, start) for start in ("Command", "Machine"))
    dates = _DATE.findall(text)
    gpu = _GPU.search(text.partition("* Machine")[0])
    trained = f"; trained on {gpu[0].replace('--device cuda', 'a GPU')}" if gpu else ""
    where = machine.split(", load")[0] + trained * ("NVIDIA" not in machine)
    return command, where, max(dates, default="")


def evidence_pages() -> dict[str, str]:
    """Return the page of claims and one of each filed result, by their paths."""
    shown = [path.stem for path in sorted(RESULTS.glob("*.md")) if path.stem not in _REPOSITORY_ALONE]
    return {"evidence/index.md": _index(shown), **{f"evidence/{name}.md": filed(name) for name in shown}}


def _item(text: str, start: str) -> str:
    found = re.search(rf"^\* {start}[^:\n]*: (.*)$", text, re.MULTILINE)
    return found[1].split(", seed")[0].replace("|", "\\|") if found else ""


def _index(shown: list[str]) -> str:
    groups = claims()
    missed = [claim for group in groups.values() for claim in group if claim.missed]
    return "\n".join([
        "# What is measured, and what was missed?",
        "",
        "This page lists claims of this documentation with the figure, the command, the machine and the",
        "date of each. A test",
        "compares every figure with the filed result. What was missed comes first.",
        "",
        "## Missed",
        "",
        "| expected | found | filed |",
        "| --- | --- | --- |",
        *(f"| {claim.missed} | {claim.figure} | {_link(claim)} |" for claim in missed),
        *(line for subject, group in groups.items() for line in _section(subject, group)),
        "",
        "## All filed results",
        "",
        ", ".join(f"[{name.replace('_', ' ')}]({name}.md)" for name in shown),
        "",
    ])  # fmt: skip


def _link(claim: Claim) -> str:
    return f"[{claim.result.replace('_', ' ')}]({claim.result}.md), {conditions(claim.result)[2]}"


def _section(subject: str, group: list[Claim]) -> list[str]:
    met = [claim for claim in group if not claim.missed]
    if not met:
        return []
    rows = [
        "",
        f"## {subject}",
        "",
        "| claim | figure | filed | command | machine |",
        "| --- | --- | --- | --- | --- |",
    ]
    for claim in met:
        command, machine, _ = conditions(claim.result)
        rows.append(f"| {claim.says} | {claim.figure} | {_link(claim)} | {command} | {machine} |")
    return rows
