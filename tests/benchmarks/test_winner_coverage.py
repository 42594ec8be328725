"""How often the interval of a search's winner holds, as it is reported and as the raw value has it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import optuna
import pytest
from numpy.typing import NDArray
from optuna.trial import TrialState

from nas.bayesopt.feasible_region import region_of
from nas.bayesopt.history import Histories
from nas.bayesopt.problem import Params, Problem
from nas.bayesopt.proposer import Proposer
from nas.bayesopt.scoring import inputs
from nas.bayesopt.shrinkage import expected_shares
from nas.samplers import SAMPLERS
from nas.tabular.table import load
from nas.tabular.task import Task
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.synthetic_spaces import factors_and_interactions, wrong_structure
from trials.training.evaluation import wilson_error

MACRO = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
Floats = NDArray[np.float64]
Reached = Callable[[Params, np.random.Generator], float]

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]


@dataclass(frozen=True)
class Space:
    """A space whose networks have known accuracies.

    Attributes:
        task: The space as a search task.
        reached: Function from a point to the true accuracy of the weights of one training, in [0, 1].
    """

    task: Task
    reached: Reached


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    yield
    optuna.logging.set_verbosity(before)


def macro(seed: int) -> Space:
    del seed
    if not MACRO.exists():
        pytest.skip("NAS-Bench-Macro is not at ../shared/data/nas-bench-macro")
    table = load(MACRO)
    return Space(table.task(), lambda p, rng: float(rng.choice(table.values[table.row(p)])) / 100)


def synthetic(task: Task) -> Space:
    """Return a space whose best network reaches 97 %; each training differs by the noise of the task."""
    return Space(task, lambda p, rng: float(np.clip(0.97 + task.observe(p, rng) / 100, 0.5, 0.995)))


def equal(seed: int) -> Space:
    return Space(factors_and_interactions(seed), lambda *_: 0.95)


SPACES: dict[str, tuple[Callable[[int], Space], int]] = {
    "NAS-Bench-Macro, 360 images": (macro, 360),
    "NAS-Bench-Macro, 5,000 images": (macro, 5_000),
    "factors and interactions, 360 images": (lambda seed: synthetic(factors_and_interactions(seed)), 360),
    "wrong structure, 360 images": (lambda seed: synthetic(wrong_structure(seed)), 360),
    "equal networks, 360 images": (equal, 360),
}
"""Spaces by name: a function from a seed to one, and the number of validation images."""

CASES: list[tuple[str, str, tuple[int, ...], int]] = [
    *((name, sampler, (16, 40), 40) for name in list(SPACES)[:2] for sampler in ("random", "factor_gp")),
    *((name, "random", (16, 40), 40) for name in list(SPACES)[2:]),
    *((name, "factor_gp", (16,), 20) for name in list(SPACES)[2:]),
]
"""Space, sampler, numbers of networks after which the winner is looked at, and searches."""


def searched(
    space: Space, sampler: str, seed: int, *, images: int, trials: int
) -> tuple[optuna.Study, Problem, Floats]:
    """Return a search, its problem, and the true accuracy of each trained network."""
    task = space.task
    problem = Problem(
        distributions=task.distributions,
        seed=seed,
        known_constraints_batch=task.known_constraints_batch,
    )
    study = optuna.create_study(direction="maximize", sampler=SAMPLERS[sampler](problem))
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    true = []
    for _ in range(trials):
        trial = study.ask(dict(task.distributions))
        true.append(space.reached(trial.params, rng))
        study.tell(trial, rng.binomial(images, true[-1]) / images)
    return study, problem, np.array(true)


def outcome(study: optuna.Study, problem: Problem, true: Floats, images: int, trials: int) -> list[float]:
    """Return what came of the winner after some trials: held, bias and regret, expected and raw."""
    region = region_of(problem)
    nobody = optuna.trial.create_trial(state=TrialState.RUNNING)
    history = Histories(region).read(study, nobody)
    rows, shares, true = history.rows[:trials], history.values[:trials, 0], true[:trials]
    errors = np.array([wilson_error(p * (1 - p) / images, images) for p in shares])
    seen = inputs(region, rows, history.fidelity[:trials])
    fitted = Proposer.of(region, problem.seed).surrogate.fitted(seen, shares)
    means, deviations = expected_shares(shares, errors, fitted.prior_correlation(inputs(region, rows)))
    found = []
    for values, widths in ((means, deviations), (shares, errors)):
        best = int(values.argmax())
        held = abs(values[best] - true[best]) <= 1.96 * widths[best]
        found += [float(held), values[best] - true[best], true.max() - true[best], widths[best]]
    return found


@pytest.mark.parametrize(("name", "sampler", "after", "searches"), CASES)
def test_the_interval_of_the_winner_holds(name: str, sampler: str, after: tuple[int, ...], searches: int):
    """Nominal 95 %: less than 75 % of 20 searches has a probability below 0.1 %."""
    make, images = SPACES[name]
    found: dict[int, list[list[float]]] = {trials: [] for trials in after}
    for seed in range(searches):
        study, problem, true = searched(make(seed), sampler, seed, images=images, trials=max(after))
        for trials in after:
            found[trials].append(outcome(study, problem, true, images, trials))
    means = {trials: np.mean(outcomes, axis=0) for trials, outcomes in found.items()}
    file({f"{name} | {sampler} | {n} | {searches}": row.tolist() for n, row in means.items()})
    assert all(row[0] >= 0.75 for row in means.values())


def file(rows: dict[str, list[float]]) -> None:
    """Add rows to the filed results, and write all of them as a table."""
    kept = RESULTS / "winner_coverage.json"
    every = {**(json.loads(kept.read_text()) if kept.exists() else {}), **rows}
    kept.write_text(json.dumps(every, indent=1) + "\n")
    held = np.array([row[0] for row in every.values()])
    file_result(
        "winner_coverage",
        command="pytest -m benchmark tests/benchmarks/test_winner_coverage.py",
        seed="0 to one less than the searches",
        lines=[
            "How often the nominal 95 % interval of a search's winner holds what its weights truly reach, "
            "if winner and interval are those of the posterior, and if they are the highest raw value "
            "± 1.96 standard errors. A row's coverage has an error of 4 points or so. Over all rows the "
            f"posterior's interval holds {held.mean():.1%}. Bias and regret in points of accuracy.",
            "",
            "| space | sampler | networks | searches | holds, posterior | raw | bias, posterior | raw "
            "| regret, posterior | raw |",
            "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *(
                f"| {name} | {r[0]:.0%} | {r[4]:.0%} | {100 * r[1]:+.2f} | {100 * r[5]:+.2f} "
                f"| {100 * r[2]:.2f} | {100 * r[6]:.2f} |"
                for name, r in every.items()
            ),
        ],
    )
