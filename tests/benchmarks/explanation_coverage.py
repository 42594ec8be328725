"""How often the intervals of explanations hold the truth, after random and after factor_gp searches.

Run: ``python -m tests.benchmarks.explanation_coverage STATE.json [SEEDS]``. The searches are kept in the file
and go on where they stopped; what is found is filed under results/ at the end.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution

from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Grid
from nas.bayesopt.problem import Params, Problem
from nas.samplers import SAMPLERS
from nas.tabular.table import load
from trials.torch_threads import torch_threads

MACRO = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
NAMES = ("random", "factor_gp")
NOMINAL = 0.9

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A space of which everything is known.

    Attributes:
        name: In the table.
        trials: Number of trainings that an explanation rests on.
        distributions: Distribution of each parameter; all are finite.
        truth: True value of a point.
        observe: Value of one training of a point.
    """

    name: str
    trials: int
    distributions: Mapping[str, BaseDistribution]
    truth: Callable[[Params], float]
    observe: Callable[[Params, np.random.Generator], float]


def cases() -> Iterator[Case]:
    """Yield NAS-Bench-Macro, if it is there, and synthetic spaces."""
    if MACRO.exists():
        task = load(MACRO).task()
        yield Case("NAS-Bench-Macro", 60, task.distributions, task.truth, task.observe)
    yield synthetic("one factor decides", (3.0, 0.5, 0.4, 0.3, 0.0, 0.0), 0.0)
    yield synthetic("several and a pair", (1.0, 1.0, 0.7, 0.0, 0.0, 0.0), 1.0)


def synthetic(name: str, sizes: Sequence[float], pair: float) -> Case:
    """Return a space of six factors, some without any effect; the first two may act together.

    Args:
        name: In the table.
        sizes: Range of the main effect of each factor, in points.
        pair: Range of the joint effect of the first two.
    """
    space: dict[str, BaseDistribution] = {
        f"{'abcdef'[j]}": IntDistribution(0, 4) if j % 2 else CategoricalDistribution(("p", "q", "r", "s"))
        for j in range(len(sizes))
    }
    rng = np.random.default_rng(len(name))
    effects = [rng.permutation(np.linspace(0, 1, 5 if j % 2 else 4)) for j in range(len(sizes))]
    joint = rng.uniform(-0.5, 0.5, (4, 5))

    def truth(point: Params) -> float:
        at = [value if isinstance(value, int) else "pqrs".index(value) for value in point.values()]
        main = sum(size * effect[i] for size, effect, i in zip(sizes, effects, at, strict=True))
        return float(90.0 + main + pair * joint[at[0], at[1]])

    return Case(name, 40, space, truth, lambda point, rng: truth(point) + float(rng.normal(0, 0.15)))


def searched(case: Case, sampler: str, seed: int) -> list[list[Any]]:
    """Return the points and values of one search, ``[[params, value], ...]``."""
    study = optuna.create_study(
        direction="maximize", sampler=SAMPLERS[sampler](Problem(distributions=case.distributions, seed=seed))
    )
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    found = []
    for _ in range(case.trials):
        trial = study.ask(dict(case.distributions))
        value = case.observe(trial.params, rng)
        study.tell(trial, value)
        found.append([trial.params, value])
    return found
