"""What a supernet takes is forecast as a range from timed steps, and it pays from some searches on."""

from itertools import count

import pytest

from nas.evaluators._weight_sharing import forecast_lines
from tests.trials.supernet.supernets import CPU, SPACE, TRAINING, recipe_of, shared_for
from trials.images.splits import Splits
from trials.supernet.cost_forecast import CostForecast, cost_forecast, work_of
from trials.supernet.step_networks import StepNetworks

SHAPE = {"num_classes": 2, "in_channels": 3}


def work_for(rule: str, **options):
    networks = StepNetworks(SPACE, recipe_of(rule, **options), None, **SHAPE, seed=0)
    return networks, work_of(networks, recipe_of(rule, **options), TRAINING, images=96, validation=24)


def forecast_for(rule: str, splits: Splits, clock) -> CostForecast:
    networks, work = work_for(rule)
    sizes = {"readings": 100, "memory": 2**30}
    return cost_forecast(
        shared_for(splits), networks, recipe_of(rule), work, **sizes, splits=splits, device=CPU, clock=clock
    )


def test_nesting_costs_what_distillation_does_and_shrinking_saves():
    for rule in ("sandwich", "sorted"):
        _, work = work_for(rule)
        _, whole = work_for(rule, shrink_from=0.0)
        assert 0 < work.alone < work.training < whole.training
        assert whole.alone == 0
    assert work_for("sandwich")[1] == work_for("sorted")[1]
    assert work_for("single_path")[1].alone == 0


@pytest.mark.parametrize("rule", ["sandwich", "sorted", "single_path"])
def test_the_range_holds_the_expected_time_and_travels(rule, tiny_splits):
    ticks = count()
    found = forecast_for(rule, tiny_splits, lambda: float(next(ticks)))  # each step takes a second
    low, high = found.training_range_s
    assert 0 < low < found.training_s < high
    assert found.reading_range_s[0] < found.reading_s < found.reading_range_s[1]
    assert CostForecast.from_json(found.to_json()) == found
    before = {name: value for name, value in found.to_json().items() if name != "spread"}
    assert CostForecast.from_json(before).spread == (1.0, 1.0)


def test_it_says_hours_memory_trainings_and_from_how_many_budgets_it_pays():
    forecast = CostForecast(
        training_s=7200.0, reading_s=600.0, ordinary_s=300.0, memory=3 * 2**30, spread=(0.8, 1.25)
    )
    spoken = forecast_lines(forecast, (1_000_000, 3_000_000), trials=8, recipe="proxy")
    assert spoken[0].startswith("Supernet 1 h 26 min to 3 h 00 min and about 3,072 MiB of memory to train")
    assert "as much as 26 trainings by recipe proxy" in spoken[0]
    assert "pays from 4 searches on" in spoken[1]
    assert forecast.pays_from(26) == 1
    assert (
        "It saves no trainings with --trials 16"
        in forecast_lines(forecast, (1, 2), trials=16, recipe="proxy")[1]
    )
