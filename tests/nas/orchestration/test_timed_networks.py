import numpy as np
import pytest

from nas.orchestration.search_plan import SearchPlan, plan_search
from nas.orchestration.time_forecast import seconds_per_image
from nas.resources import slots_here


@pytest.fixture
def plan(tmp_path) -> SearchPlan:
    """A search on digits by a recipe of one epoch."""
    (tmp_path / "one.yaml").write_text("epochs: 1\nepoch_images: 64\n", encoding="utf-8")
    return plan_search(
        budget=["4M-MACs"],
        space=None,
        data="digits",
        trials=1,
        hours=None,
        study=None,
        storage=f"sqlite:///{tmp_path / 'nas.db'}",
        sampler="random",
        recipe=str(tmp_path / "one.yaml"),
        seed=0,
        slots=slots_here(1, None),
        storage_path=str(tmp_path / "nas-runs"),
    )


def test_a_recipe_of_one_epoch_is_timed_too(plan: SearchPlan):
    network = plan.space.sample(np.random.default_rng(0), budgets=plan.settings.budgets, num_classes=10)
    ticks = iter((0.0, 5.0, 10.0, 13.0))  # the first epoch warms up, the second takes 3 s
    each_s = seconds_per_image(network, plan, clock=lambda: next(ticks))
    assert each_s == 3 / (3 * plan.recipe.batch_size)
