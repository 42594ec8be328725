"""How long a search will take is measured on networks of its own, and only where somebody sees it."""

from dataclasses import replace

import numpy as np
import pytest

from nas.orchestration import console_progress
from nas.orchestration.console_progress import ConsoleProgress
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.search_planning import plan_search
from nas.orchestration.search_request import SearchRequest
from nas.orchestration.time_forecast import seconds_per_image
from nas.resources import Capacity, slots_here
from tests.dashboards.searches import network, search


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> SearchPlan:
    """A search on digits by a recipe of one epoch."""
    tmp_path = tmp_path_factory.mktemp("plan")
    recipe = "epochs: 1\nepoch_images: 64\nbatch_size: 16\n"
    (tmp_path / "one.yaml").write_text(recipe, encoding="utf-8")
    request = SearchRequest(
        budget=["2M-MACs"],
        trials=1,
        storage=f"sqlite:///{tmp_path / 'nas.db'}",
        sampler="random",
        recipe=str(tmp_path / "one.yaml"),
        storage_path=str(tmp_path / "nas-runs"),
    )
    return plan_search(request, slots_here(1, None))


def test_a_recipe_of_one_epoch_is_timed_too(plan: SearchPlan):
    drawn = plan.space.sample(np.random.default_rng(0), budgets=plan.settings.budgets, num_classes=10)
    ticks = iter((0.0, 5.0, 10.0, 13.0))  # the first epoch warms up, the second takes 3 s
    each_s = seconds_per_image(drawn, plan, clock=lambda: next(ticks))
    assert each_s == 3 / (3 * plan.recipe.batch_size)


def test_nothing_is_timed_for_a_search_that_shows_nothing(plan: SearchPlan, monkeypatch: pytest.MonkeyPatch):
    timed = []
    monkeypatch.setattr(console_progress, "forecast", lambda *_: timed.append(1))
    for quiet in (True, False):
        ConsoleProgress(Capacity(1), quiet=quiet).plan(plan, 0, 0)
        assert timed == [1] * (not quiet)


def test_a_study_that_keeps_to_fewer_trainings_at_a_time_says_so(plan: SearchPlan, capsys):
    for possible in (None, 8):
        progress = ConsoleProgress(Capacity(1))
        progress.resume(search(*(network(number) for number in range(3))))  # whose times are known
        progress.plan(replace(plan, trials=9, possible_slots=possible), 3, 0)
        assert ("there is room for 8, which --no-reproducible" in capsys.readouterr().err) is (possible == 8)
