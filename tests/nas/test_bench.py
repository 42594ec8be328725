"""Samplers are compared on a table from the command line."""

import json
from pathlib import Path
from typing import Any

import optuna
import pytest

from nas.__main__ import run
from nas.bayesopt.problem import Problem

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
        (("--table", "none.json"), "Cannot read the table 'none.json': No such file or directory. Expected"),
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


def test_no_regret_is_negative_and_people_get_a_table(table: Path, capsys):
    words = ["bench", "--table", str(table), "--sampler", "evolution", "--sampler", "random"]
    assert run([*words, "--trials", "10", "--seeds", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert all(low >= 0 for row in report["samplers"].values() for _, low, _ in row["regret"])
    assert run([*words, "--trials", "10", "--seeds", "3"]) == 0
    printed = capsys.readouterr().out
    assert "|" not in printed
    assert "more than evolution after 10" in printed


def test_one_seed_gives_no_interval(table: Path, capsys):
    words = ["--sampler", "random", "--trials", "10", "--seeds", "1"]
    assert run(["bench", "--table", str(table), *words, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["samplers"].values()
    assert row["regret"][0][1:] == [None, None]
    assert run(["bench", "--table", str(table), *words]) == 0
    assert "nan" not in capsys.readouterr().out


def over_budget(problem: Problem) -> optuna.samplers.BaseSampler:
    """Return a sampler that knows no budget."""
    return optuna.samplers.RandomSampler(seed=problem.seed)


def test_a_sampler_that_breaks_the_budget_gains_nothing_by_it(table: Path, capsys):
    words = ["--budget", "8k-MACs", "--sampler", f"{__name__}:over_budget", "--trials", "10", "--seeds", "3"]
    assert run(["bench", "--table", str(table), *words, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["samplers"].values()
    assert row["over_budget"] > 0
    assert all(mean >= 0 for mean, _, _ in row["regret"])
