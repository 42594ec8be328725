"""One word for one thing: words that the code, its help and its pages do not use."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXTS = [
    *(
        path
        for package in ("search_spaces", "trials", "dashboards", "nas")
        for path in (ROOT / package).rglob("*.py")
    ),
    *(ROOT / "docs").rglob("*.md"),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
]
WORDS = {
    "told": "report_line, prior_mean, config, or a verb of the field",
    "law of the room": "contract",
    "vouch(es|ed)?( for|_for)?": "lower_bound",
    "rivals?": "front_networks",
    "beliefs?": "AcquisitionState",
    "wish(es)?": "ExportOptions",
    "deliverer": "StudyExporter",
    "stopwatch": "LatencyCache",
    "foresight|foresees?|foreseen|foretells?|foretold": "predict",
    "telling": "TrialReporter",
    "roll_?call": "NodeAdmission",
    "forgetting": "TuneMemoryTrimmer",
    "lift(s|ed|ing)?": "codegen, extract",
    "stretch(es|ed)?": "scale",
    "judg(e|es|ed|ing)": "compare, evaluate",
    "levers?": "factor setting",
    "liked": "preferred",
}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_has_given_way_to_the_fields_term(word: str):
    # Also as a part of a name: underscores and capitals divide words.
    pattern = re.compile(rf"(?<![a-z])(?:{word})(?![a-z])", re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in TEXTS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == [], f"say {WORDS[word]}"
