"""Optuna's test cases for samplers, known constraints, and the examples."""

import re
import runpy
import sys
from pathlib import Path

import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing.pytest_samplers import (
    BasicSamplerTestCase,
    MultiObjectiveSamplerTestCase,
    RelativeSamplerTestCase,
)

PACKAGE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PACKAGE.parent))

import factor_gp_sampler
from factor_gp_sampler import FactorGPSampler, NothingFeasibleError, ProblemError, observations_of

SPACE = {
    "depth": IntDistribution(1, 4),
    "mixer": CategoricalDistribution(("conv", "attention", "pooling")),
    "width": CategoricalDistribution((16, 24, 32)),
    "rate": FloatDistribution(1e-3, 1.0, log=True),
}


class TestFactorGPSampler(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: FactorGPSampler(n_startup_trials=0)


def excess(point):
    return [point["depth"] * point["width"] - 80]


def value(point):
    return point["depth"] * point["width"] / 20 - (point["mixer"] == "pooling") - abs(point["rate"] - 0.1)


def search(trials, workers=1, **options):
    sampler = FactorGPSampler(SPACE, known_constraints_func=excess, **options)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(0, trials, workers):
        for trial in [study.ask(SPACE) for _ in range(workers)]:
            study.tell(trial, value(trial.params))
    return study


@pytest.mark.parametrize("workers", [1, 4])
def test_no_proposal_breaks_a_known_constraint_or_repeats_a_point(workers):
    study = search(8, workers)
    assert all(excess(trial.params)[0] <= 0 for trial in study.trials)
    assert len({str(trial.params) for trial in study.trials}) == 8


def test_the_same_seed_and_trials_give_the_same_proposal():
    study = search(5)
    points = []
    for _ in range(2):
        again = optuna.create_study(direction="maximize", sampler=FactorGPSampler(SPACE, seed=3))
        again.add_trials(study.trials)
        points.append(again.ask(SPACE).params)
    assert points[0] == points[1]


def test_a_budget_that_nothing_keeps_is_said_so():
    sampler = FactorGPSampler(SPACE, known_constraints_func=lambda _: [1.0])
    with pytest.raises(NothingFeasibleError, match="keeps the known constraints"):
        optuna.create_study(sampler=sampler).ask(SPACE)
    with pytest.raises(ProblemError, match="expected 0 or more"):
        FactorGPSampler(seed=-1)


def test_an_earlier_study_is_learnt_from():
    earlier = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
    for trial in [earlier.ask(SPACE) for _ in range(30)]:
        earlier.tell(trial, value(trial.params))
    study = search(2, evidence=[observations_of(earlier)])
    found = [value(trial.params) for trial in earlier.trials]
    assert value(study.trials[0].params) > sorted(found)[len(found) // 2]


def test_the_example_runs(capsys):
    runpy.run_path(str(PACKAGE / "example.py"), run_name="__main__")
    assert capsys.readouterr().out.count(":") >= 3


def test_the_examples_of_the_readme_run():
    blocks = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    code = "\n".join(blocks)
    loaded = 'module = optunahub.load_module(package="samplers/factor_gp_sampler")'
    assert loaded in code
    code = code.replace("import optunahub\n", "").replace(loaded, "")
    exec(code, {"module": factor_gp_sampler, "__name__": "readme"})
    assert len(blocks) >= 6
