"""What every evaluator owes."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from nas.evaluators import EVALUATORS, SearchFacts
from search_spaces.budget import Budget
from search_spaces.pricing import prices
from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from trials.datasets import open_images
from trials.training.recipe import Recipe

SPACE = SearchSpace(
    name="few",
    resolution=(8,),
    width=(0.5, 1.0),
    divisor=8,
    stages=(StageSpace(channels=16, depth=(1, 2), options={"mixer": ("depthwise",), "kernel": (3, 5)}),),
)
RECIPE = Recipe(name="short", epochs=1, warmup_epochs=0, epoch_images=64, batch_size=32, precision="fp32")


@pytest.fixture(params=list(EVALUATORS))
def evaluator(request):
    return EVALUATORS[request.param]


@pytest.fixture
def facts(tmp_path):
    splits = open_images("digits", seed=0, cache=tmp_path / "images")
    return SearchFacts(
        space=SPACE,
        prices=prices(SPACE.codes, num_classes=10, in_channels=1),
        budgets=(Budget.parse("10M-MACs"),),
        recipe=RECIPE,
        splits=splits,
        data="digits",
        cache=str(tmp_path / "images"),
        seed=0,
        metric="accuracy",
        trials=2,
        device="cpu",
        threads=1,
    )


def test_it_trains_networks_by_default(evaluator):
    assert evaluator.trials >= 1


def test_its_work_travels_and_done_again_expects_the_same_of_networks_that_fit(evaluator, facts, tmp_path):
    work = evaluator.work(facts)
    if work is None:
        return
    folder = tmp_path / "work"
    folder.mkdir()
    config = {**json.loads(json.dumps(work.config)), "folder": str(folder), "attempt": None}
    reports: list[Mapping[str, Any]] = []
    found = work.run(config, reports.append)
    assert len(found["codes"]) == len(found["values"]) >= 4
    assert all(0 <= value <= 1 for value in found["values"])
    assert len({tuple(row) for row in found["codes"]}) == len(found["codes"])
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    again: list[Mapping[str, Any]] = []
    assert work.run(config, again.append) == found
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert json.loads(json.dumps(reports)) == reports
    assert not any("epoch" in str(report) for report in again)
