"""The parts of the comparison of found, designed and random networks, without its trainings."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import search_spaces
from search_spaces.budget import Budget
from search_spaces.catalog import SPACES
from search_spaces.published import references
from tests.benchmarks import filing, truth, truth_networks
from tests.benchmarks.truth import BUDGET, Truth, arguments
from tests.benchmarks.truth_networks import FAMILIES, designed, of_no_family
from tests.benchmarks.truth_table import lines_of, missing, paired, welch


@pytest.mark.slow
def test_every_family_is_scaled_into_the_budget_with_either_stem():
    budget = Budget.parse(BUDGET)
    networks = designed(budget, classes=10, side=32)
    assert len(FAMILIES) >= 8
    assert len(networks) == 2 * len(FAMILIES)
    assert set(FAMILIES) <= set(references())
    for name, network in {**networks, **of_no_family(budget, classes=10)}.items():
        macs = search_spaces.count(network, num_classes=10, deploy=True).macs
        assert 0.95 * budget.limit <= macs <= budget.limit, name
        assert network.resolution == 32 or "small stem" not in name


def test_networks_that_fix_the_recipe_are_in_no_group():
    fixing = of_no_family(Budget.parse(BUDGET), classes=10).values()
    assert not any(space.contains(network) for space in SPACES.values() for network in fixing)
    assert not any(search_spaces.reference(name) in fixing for name in references())


def test_intervals_hold_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(0)
    draws = 2_000
    inside = [0, 0]
    for _ in range(draws):
        first, few, other = (
            rng.normal(mean, sd, count).tolist()
            for mean, sd, count in ((1, 0.5, 5), (0, 0.3, 3), (0, 0.5, 5))
        )
        for i, (difference, half) in enumerate((welch(first, few), paired(first, other))):
            inside[i] += abs(difference - 1.0) <= half
    # 95 % with a standard error of 0.5 %: outside of 92 % to 98 % once in 10^9 runs
    assert all(0.92 * draws <= count <= 0.98 * draws for count in inside)


def test_a_state_in_parts_is_filed_with_what_is_still_to_come():
    network = {"resolution": 32, "stages": [{"depth": 2}, {"depth": 1}]}
    record = {
        "validation": 0.7,
        "test": 0.69,
        "seconds": 600,
        "network": network,
        "costs": {"macs": 4_900_000, "params": 100_000},
    }
    state = {
        "budget": BUDGET,
        "space": "any",
        "trials": 24,
        "planned": {"found": 5, "screened": 20, "designed": 6},
        "recipe": {"epochs": 5, "epoch_images": 40_000, "batch_size": 64, "learning_rate": 0.002},
        "trainings": {
            **{f"found/{seed}/{seed}": {**record, "test": 0.70 + seed / 100} for seed in (0, 1)},
            **{f"designed/a/{seed}": record for seed in (1, 2)},
            "screened/a/0": record,
        },
    }
    lines = "\n".join(lines_of(state))
    assert missing(state) == "3 of 5 found, 19 of 20 screened, 4 of 6 designed"
    assert "| found | 0, seed 0 | 70.0% | 70.0% | 32 | 4.90M | 100k | 3 |" in lines
    assert "Found minus designed (the better of the best two): +1.5 points" in lines
    assert "minus random" not in lines
    begun = {name: value for name, value in state.items() if name != "recipe"}
    assert "The recipe of the comparison is not fixed yet." in lines_of(begun)[0]
    assert lines.endswith("Still to come: 3 of 5 found, 19 of 20 screened, 4 of 6 designed.")


def test_the_command_takes_another_budget_and_device(tmp_path):
    given = arguments(["--budget", "20M-MACs", "--device", "cuda", "--folder", str(tmp_path / "runs")])
    assert given.state.name == "truth_20M-MACs_cuda.json"
    assert (given.at_once, given.folder.is_dir()) == (1, True)


@pytest.fixture
def few_images(tmp_path):
    """Return a folder with a few coloured squares as CIFAR-10 has its images."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 200), ("test", 40)):
        cells = []
        for i in range(count):
            written = io.BytesIO()
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            pixels[..., 0] = 25 * (i % 10)
            Image.fromarray(pixels).save(written, "PNG")
            cells.append({"bytes": written.getvalue()})
        labels = pa.array([i % 10 for i in range(count)], pa.int64())
        (tmp_path / "images").mkdir(exist_ok=True)
        pq.write_table(pa.table({"image": cells, "label": labels}), tmp_path / "images" / f"{split}.parquet")
    return tmp_path / "images"


@pytest.mark.long
def test_the_comparison_goes_on_where_it_was_interrupted(few_images, tmp_path, monkeypatch):
    for name, value in {"SEARCH_SEEDS": (0,), "AGAIN_ON": (1,), "RATES": {"cpu": (2e-3,)}}.items():
        monkeypatch.setattr(truth, name, value)
    monkeypatch.setattr(truth_networks, "FAMILIES", FAMILIES[:1])
    monkeypatch.setattr(filing, "RESULTS", tmp_path)
    words = ["--images", str(few_images), "--trials", "2", "--folder", str(tmp_path / "runs")]
    words += ["--state", str(tmp_path / "state.json")]
    with pytest.raises(SystemExit, match="The time is over"):
        Truth(arguments([*words, "--hours", "0"])).run()
    begun = json.loads((tmp_path / "state.json").read_text())
    Truth(arguments([*words, "--searches-at-once", "2"])).run()
    ended = json.loads((tmp_path / "state.json").read_text())
    assert ended["fixing"].items() >= begun["fixing"].items()
    assert [ended["searches"][f"{group}/0"]["trained"] for group in ("found", "random")] == [2, 2]
    assert missing(ended) == "4 of 5 found, 4 of 5 random"
    with pytest.raises(SystemExit, match="was begun with another trials: expected 3, found 2"):
        Truth(arguments([*words, "--trials", "3"]))
    assert "**" not in (tmp_path / "truth.md").read_text()  # one search says nothing yet
