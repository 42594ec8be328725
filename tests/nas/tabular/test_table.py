"""Tables are read as they are published, and searches are replayed from them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nas.samplers import SAMPLERS
from nas.tabular.plot import regret_figure
from nas.tabular.regret import interval, markdown, per_seed, summary
from nas.tabular.replay import compare, replay
from nas.tabular.table import Table, load
from search_spaces.errors import DataError, NothingFitsError

MACRO = Path(__file__).parents[4] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"


def toy(direction: str = "maximize") -> dict[str, Any]:
    rows = [
        {"point": [d, m], "values": [d + v, d + v + 1.0][: 1 + d % 2], "costs": {"macs": 10.0 * d}}
        for d in (1, 2, 3)
        for v, m in enumerate(("conv", "attention"))
    ]
    return {
        "format": "nas-table",
        "version": 1,
        "name": "toy",
        "direction": direction,
        "parameters": {"depth": [1, 2, 3], "mixer": ["conv", "attention"]},
        "rows": rows,
    }


def written(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return load(written(tmp_path / "toy.json", toy()))


def test_a_table_says_what_was_trained(table: Table) -> None:
    row = table.row({"depth": 3, "mixer": "attention"})
    assert table.means[row] == 4.5
    assert table.costs["macs"][row] == 30.0
    assert np.isnan(table.values[table.row({"depth": 2, "mixer": "conv"}), 1])


def test_a_minimised_table_is_turned_round(tmp_path: Path) -> None:
    turned = load(written(tmp_path / "toy.json", toy("minimize")))
    assert turned.means[turned.row({"depth": 3, "mixer": "attention"})] == -4.5


def test_a_task_keeps_its_budget(table: Table) -> None:
    task = table.task(20.0)
    assert task.best == 3.0
    assert task.fits({"depth": 2, "mixer": "conv"})
    assert not task.fits({"depth": 3, "mixer": "conv"})
    with pytest.raises(NothingFitsError, match="smallest needs 10"):
        table.task(5.0)
    with pytest.raises(DataError, match="has no cost 'params'"):
        table.task(5.0, "params")


@pytest.mark.parametrize("content", [{}, [1], {**toy(), "version": 2}, {**toy(), "rows": []}])
def test_a_table_of_another_format_is_said_so(tmp_path: Path, content: object) -> None:
    with pytest.raises(DataError, match="Expected a nas-table"):
        load(written(tmp_path / "other.json", content))


def test_a_missing_table_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Cannot read the table"):
        load(tmp_path / "absent.json")


def test_a_table_with_holes_names_one_of_them(tmp_path: Path) -> None:
    content = toy()
    del content["rows"][1], content["rows"][3]
    with pytest.raises(
        DataError, match="it misses 2 points, such as depth 1, mixer attention; expected one row"
    ) as said:
        load(written(tmp_path / "holes.json", content))
    assert "\n" not in str(said.value)


def test_a_value_that_is_a_list_is_named(tmp_path: Path) -> None:
    content = toy()
    content["parameters"]["depth"] = [[1], [2], [3]]
    for row in content["rows"]:
        row["point"][0] = [row["point"][0]]
    with pytest.raises(DataError, match=r"parameter 'depth' has the value \[1\], expected text or numbers"):
        load(written(tmp_path / "lists.json", content))


def test_a_network_without_a_value_is_named(tmp_path: Path) -> None:
    content = toy()
    content["rows"][2]["values"] = [None]
    with pytest.raises(DataError, match="depth 2, mixer conv has no value that is a number"):
        load(written(tmp_path / "unknown.json", content))


def test_a_network_in_several_rows_is_named(tmp_path: Path) -> None:
    content = toy()
    content["rows"].append(content["rows"][2])
    with pytest.raises(
        DataError, match="depth 2, mixer conv stands in several rows, expected one row for each of the 6"
    ):
        load(written(tmp_path / "twice.json", content))


def test_nas_bench_macro_loads_as_published() -> None:
    if not MACRO.exists():
        pytest.skip("NAS-Bench-Macro is not at ../shared/data/nas-bench-macro")
    table = load(MACRO)
    assert table.points.shape == (6561, 8)
    point = {f"layer{i}": letter for i, letter in enumerate("02012100")}
    assert table.means[table.row(point)] == pytest.approx(89.1967, abs=1e-4)
    assert table.costs["macs"][table.row(point)] == 47_327_744


def test_a_replayed_search_finds_the_best_and_keeps_count(table: Table) -> None:
    for workers in (1, 3, 9):
        runs = replay(table.task(20.0), SAMPLERS["random"], [0, 1], 4, workers)
        assert runs.regret.shape == (2, 4)
        assert (np.diff(runs.regret, axis=1) <= 0).all()
        assert (runs.regret[:, -1] == 0).all()  # four trials are all that fits
        assert runs.over_budget == runs.repeated == 0


def test_samplers_are_compared_seed_by_seed(table: Table) -> None:
    tasks = [table.task(20.0), table.task()]
    results = compare(tasks, ["random", "evolution"], range(3), 4)
    report = summary(results, "random", [1, 4])
    evolution = report["samplers"]["evolution"]
    difference = per_seed(results["evolution"]) - per_seed(results["random"])
    assert evolution["more_than_random"][0] == interval(difference[:, 0])
    assert "| evolution |" in markdown(report, "random")
    assert len(regret_figure(results, "toy").data) == 4


def test_an_interval_covers_its_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = [low <= 1.0 <= high for _ in range(400) for _, low, high in [interval(rng.normal(1, 2, 8))]]
    # 380 expected with a standard deviation of 4.4: four of them fail once in 30,000 seeds.
    assert 362 <= sum(hits) <= 398
