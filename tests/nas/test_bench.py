"""Samplers are compared on a table from the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from nas.__main__ import run

TOY: dict[str, Any] = {
    "format": "nas-table",
    "version": 1,
    "name": "toy",
    "direction": "maximize",
    "parameters": {"depth": [1, 2, 3, 4], "width": [8, 16, 24], "mixer": ["conv", "attention"]},
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [
        {
            "point": [depth, width, mixer],
            "values": [60 + 5 * depth + width / 2 - (mixer == "conv") + noise for noise in (-0.2, 0.2)],
            "costs": {"macs": depth * width * 1000},
        }
        for depth in TOY["parameters"]["depth"]
        for width in TOY["parameters"]["width"]
        for mixer in TOY["parameters"]["mixer"]
    ]
    file = tmp_path / "toy.json"
    file.write_text(json.dumps({**TOY, "rows": rows}))
    return file


def test_regret_is_reported_for_each_sampler_and_drawn(table: Path, tmp_path: Path, capsys):
    words = ["--budget", "50k-MACs", "--trials", "10", "--seeds", "3"]
    samplers = ["--sampler", "evolution", "--sampler", "random"]
    plot = tmp_path / "regret.html"
    status = run(["bench", "--table", str(table), *words, *samplers, "--plot", str(plot), "--json"])
    assert status == 0
    report = json.loads(capsys.readouterr().out)
    assert list(report["samplers"]) == ["evolution", "random"]
    for row in report["samplers"].values():
        mean, low, high = row["regret"][-1]
        assert mean >= 0
        assert low <= mean <= high
        assert row["over_budget"] == row["repeated"] == 0
    assert "plotly" in plot.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "No table was given"),
        (("--table", "none.json"), "Cannot read the table none.json"),
        (("--table", "TABLE", "--budget", "1M-params"), "has no cost 'params'"),
        (("--table", "TABLE", "--sampler", "nobody"), "No sampler is called 'nobody'"),
        (("--table", "TABLE", "--seeds", "0"), "Cannot use --seeds 0"),
    ],
)
def test_what_cannot_be_compared_is_said_in_a_line(words, message: str, table: Path, capsys):
    assert run(["bench", *(str(table) if word == "TABLE" else word for word in words)]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert len(err.splitlines()) == 1
