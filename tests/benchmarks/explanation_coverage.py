"""How often the intervals of explanations hold the truth, after random and after factor_gp searches.

Run: ``python -m tests.benchmarks.explanation_coverage STATE.json [SEEDS]``. The searches are kept in the file
and go on where they stopped; what is found is filed under results/ at the end.
"""

import itertools
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from scipy.stats import norm

from nas.bayesopt.column import Column
from nas.bayesopt.feasible_region import Region
from nas.bayesopt.grid import Grid
from nas.bayesopt.problem import Params, Problem
from nas.explanation.effects import Effects
from nas.explanation.evidence import Evidence, of_trials
from nas.explanation.factor_levels import factor_settings, independent
from nas.samplers import SAMPLERS
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.table import load
from tests.benchmarks.filing import file_result

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


def truth(case: Case) -> tuple[dict[tuple[str, Any], float], dict[str, float]]:
    """Return the main effect of each value and the first-order Sobol index of each factor."""
    levels = [
        Column.of(n, d).values(np.arange(Column.of(n, d).levels, dtype=np.float64))
        for n, d in case.distributions.items()
    ]
    names = list(case.distributions)
    points = itertools.product(*levels)
    values = np.array([case.truth(dict(zip(names, p, strict=True))) for p in points])
    table = values.reshape([len(found) for found in levels])
    effects: dict[tuple[str, Any], float] = {}
    shares: dict[str, float] = {}
    for j, name in enumerate(names):
        others = tuple(i for i in range(len(names)) if i != j)
        effect = table.mean(axis=others) - table.mean()
        effects |= {(name, value): float(e) for value, e in zip(levels[j], effect, strict=True)}
        shares[name] = float((effect**2).mean() / table.var())
    return effects, shares


def evidence_of(case: Case, trainings: Sequence[Sequence[Any]], seed: int) -> Evidence:
    """Return the evidence of the trainings of one search."""
    study = optuna.create_study(direction="maximize")
    space = dict(case.distributions)
    study.add_trials(
        [optuna.trial.create_trial(params=p, distributions=space, value=v) for p, v in trainings]
    )
    region = Region(Grid(space), {})
    ones = lambda rows: np.ones(len(rows))  # noqa: E731
    return of_trials(study, region, lambda rows: rows, ones, lambda _: region, seed, (), case.name)


@dataclass
class Held:
    """What the intervals of some explanations held.

    Attributes:
        effects: Whether each effect lay in its interval.
        shares: Whether each share did.
        identified: Whether each share was told at all.
        errors: Error of each effect.
    """

    effects: list[bool] = field(default_factory=list)
    shares: list[bool] = field(default_factory=list)
    identified: list[bool] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)

    def add(self, case: Case, trainings: Sequence[Sequence[Any]], seed: int, known: Any) -> None:
        """Explain one search, and compare."""
        true_effects, true_shares = known
        evidence, rng = evidence_of(case, trainings, seed), np.random.default_rng(seed)
        base = independent(rng, evidence.region, 256)
        effects = Effects(evidence, evidence.fitted(), base, rng, NOMINAL)
        reach = float(norm.ppf((1 + NOMINAL) / 2))
        for factor in factor_settings(evidence.region, base, 9):
            found = effects.main_effect(factor)
            for value, mean, error in zip(found.values, found.means, found.errors, strict=True):
                apart = mean - true_effects[factor.name, value]
                self.effects.append(bool(abs(apart) <= reach * error))
                self.errors.append(apart)
            share, true = found.share, true_shares[factor.name]
            self.shares.append(share.low - 1e-9 <= true <= share.high)
            self.identified.append(share.identified)

    @property
    def row(self) -> str:
        """Cells of a table."""
        rmse = float(np.sqrt(np.mean(np.square(self.errors))))
        told = np.mean([held for held, said in zip(self.shares, self.identified, strict=True) if said])
        cells = [np.mean(self.effects), np.mean(self.shares), np.mean(self.identified), told]
        return f"{rmse:.3f} | " + " | ".join(f"{cell:.0%}" for cell in cells)


def main() -> None:
    """Run the searches that are missing, explain all of them and file how often the truth was held."""
    state, seeds = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20
    done: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    table = [
        "| space | searched by | searches | RMSE of effects | effects held | shares held | shares told |"
    ]
    table[0] += " of those, held |"
    table.append("| --- " * 8 + "|")
    with torch_threads(1):
        for seed, case, name in itertools.product(range(seeds), cases(), NAMES):
            key = f"{case.name}/{name}/{seed}"
            if key not in done:
                done[key] = searched(case, name, seed)
                state.write_text(json.dumps(done))
        for case in cases():
            known = truth(case)
            for name in NAMES:
                held = Held()
                for seed in range(seeds):
                    held.add(case, done[f"{case.name}/{name}/{seed}"], seed, known)
                table.append(f"| {case.name}, {case.trials} trainings | {name} | {seeds} | {held.row} |")
    told = "How often nominal 90 % intervals of `nas explain` hold the truth, which is known of these spaces."
    file_result(
        "explanation_coverage",
        command=f"python -m tests.benchmarks.explanation_coverage STATE.json {seeds}",
        seed=f"0 to {seeds - 1}",
        lines=[told, "", *table],
    )


if __name__ == "__main__":
    main()
