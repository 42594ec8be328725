"""Seven budgets on NAS-Bench-Macro: what it costs to reach a mean regret of .05 in each of them.

Run ``python -m tests.benchmarks.seven_budgets STATE.json [SEEDS]``. Each finished search is kept in the file,
so that it goes on where it stopped; what there is is filed under results/. One supernet for all budgets and
a few trainings in each stand against seven separate searches, and both once more where each search learns
from those of the smaller budgets before it, as ``--learn-from`` does.

A search of a budget ends for all seeds after as many trials as bring its mean regret over the seeds to .05;
the next budget learns from these trials. A tabled training costs its MACs x 50 epochs x 50,000 images over
the throughput of the supernet's training, in images through networks of mean MACs. The supernet's training
and its readings count in full, as measured (``results/supernet_macro.md``).
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray

from nas.bayesopt.problem import Problem, Source, TransferSource
from nas.samplers import SAMPLERS
from nas.study.earlier_studies import LEAST
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.task import Task
from tests.benchmarks.evidence_regret import BUDGETS_M, READINGS, SUPERNETS, column, supernet, table
from tests.benchmarks.filing import file_result

Floats = NDArray[np.float64]

WANTED: Final = 0.05
LIMITS: Final = (20, 40)
"""Trials of a search: of all of them first, then where they do not suffice."""
DRAWS: Final = 2_000
SEARCHES: Final = {
    "separate": "seven separate searches",
    "supernet": "one supernet, seven searches",
    "separate, learning": "seven searches, each learns from those before it",
    "supernet, learning": "one supernet, seven searches, each learns from those before it",
}
EPOCHS, IMAGES = 50, 50_000  # of each training of the table
TRAINED_IMAGES, TRAINED_S, READ_S = 1_497_600, 3.5 * 60, 0.56  # of the supernet: results/supernet_macro.md


@dataclass(frozen=True)
class Found:
    """The searches of one kind at one budget, a row a seed.

    Attributes:
        rows: Row of the table that each trial trained, ``[seeds, trials]``.
        values: Value that it observed, ``[seeds, trials]``.
        best: Highest true value that fits the budget.
    """

    rows: NDArray[np.int64]
    values: Floats
    best: float

    @property
    def regret(self) -> Floats:
        """Regret after each trial, ``[seeds, trials]``."""
        return np.asarray(self.best - np.maximum.accumulate(table().means[self.rows], axis=1))

    @property
    def seconds(self) -> Floats:
        """Seconds of all trainings up to each trial, ``[seeds, trials]``."""
        return np.asarray(np.cumsum(training_seconds()[self.rows], axis=1))

    def trials(self, seeds: NDArray[np.int64] | None = None) -> int | None:
        """Return after how many trials the mean regret of some seeds is as wanted; None if it never is."""
        mean = self.regret[slice(None) if seeds is None else seeds].mean(axis=0)
        return int(np.argmax(mean <= WANTED)) + 1 if (mean <= WANTED).any() else None


def training_seconds() -> Floats:
    """Return the seconds of the training of each network of the table, ``[n]``."""
    macs = table().costs["macs"]
    rate = TRAINED_IMAGES * macs.mean() / TRAINED_S  # MACs a second: each network is drawn as often
    return np.asarray(macs * EPOCHS * IMAGES / rate)


def supernet_seconds(seed: int) -> float:
    """Return the seconds in which the supernet of a seed was trained and all its networks read."""
    read = json.loads(READINGS.read_text(encoding="utf-8"))["supernets"][SUPERNETS[seed % len(SUPERNETS)]]
    return TRAINED_S + READ_S * sum(value is not None for value in read["accuracy"])


def search(
    task: Task, place: int, seed: int, evidence: Sequence[Source | TransferSource], trials: int
) -> dict[str, Any]:
    """Return rows and observed values of one search.

    Args:
        task: Task of its budget.
        place: Number of the budget, for noise of its own.
        seed: Seed of the search.
        evidence: What it knows beforehand.
        trials: Number of trials.
    """
    problem = Problem(
        distributions=task.distributions,
        seed=seed,
        known_constraints_batch=task.known_constraints_batch,
        evidence=evidence,
    )
    study = optuna.create_study(direction="maximize", sampler=SAMPLERS["factor_gp"](problem))
    rng = np.random.default_rng(np.random.SeedSequence([seed, place, 1]))
    rows, values = [], []
    for _ in range(trials):
        trial = study.ask(dict(task.distributions))
        rows.append(table().row(trial.params))
        values.append(task.observe(trial.params, rng))
        study.tell(trial, values[-1])
    return {"rows": rows, "values": values}


def evidence_of(kind: str, seed: int, before: Sequence[tuple[Task, Found, int]]) -> list[Any]:
    """Return what a search of a kind knows: counts, the supernet, and the searches before it."""
    found: list[Any] = list(table().evidence)
    if kind.startswith("supernet"):
        found.append(column("supernet", supernet(seed)))
    names = list(table().parameters)
    choices = list(table().parameters.values())
    for task, earlier, trials in before if kind.endswith("learning") else ():
        if trials < LEAST:  # fewer networks are not learnt from
            continue
        rows = earlier.rows[seed, :trials]
        found.append(
            TransferSource(
                points=[
                    {name: values[i] for name, values, i in zip(names, choices, point, strict=True)}
                    for point in table().points[rows].tolist()
                ],
                values=earlier.values[seed, :trials],
                fidelity=np.ones(trials),
                networks=np.arange(trials),
                known_constraints_batch=task.known_constraints_batch,
                name=f"study {task.name}",
            )
        )
    return found


class Searches:
    """Searches of all kinds, seeds and budgets, as far as a file knows them.

    Args:
        path: File of those that ended.
        seeds: Number of seeds.
    """

    def __init__(self, path: Path, seeds: int) -> None:
        self._path, self.seeds = path, seeds
        self._done: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def of(self, kind: str) -> list[Found]:
        """Return the searches of a kind, one for each budget; runs what is missing."""
        before: list[tuple[Task, Found, int]] = []
        for place, budget in enumerate(BUDGETS_M):
            task = replace(table().task(budget * 1e6 if budget else None), evidence=())
            for limit in LIMITS:
                found = self._found(kind, place, task, before, limit)
                trials = found.trials()
                if trials is not None:
                    break
            before.append((task, found, trials or LIMITS[-1]))
        return [found for _, found, _ in before]

    def _found(
        self, kind: str, place: int, task: Task, before: Sequence[tuple[Task, Found, int]], limit: int
    ) -> Found:
        learnt = [n for _, _, n in before] if kind.endswith("learning") else []
        runs = []
        for seed in range(self.seeds):
            key = f"{kind} {BUDGETS_M[place]} {seed} {limit} {learnt}"
            if key not in self._done:
                self._done[key] = search(task, place, seed, evidence_of(kind, seed, before), limit)
                self._path.write_text(json.dumps(self._done))
            runs.append(self._done[key])
        rows, values = (np.array([run[name] for run in runs]) for name in ("rows", "values"))
        return Found(rows, values, task.best)


def hours(kind: str, searches: Sequence[Found], seeds: NDArray[np.int64]) -> float:
    """Return the mean hours of some seeds over all budgets; infinite where a budget never is as wanted."""
    total = float(np.mean([supernet_seconds(s) for s in seeds])) if kind.startswith("supernet") else 0.0
    for found in searches:
        trials = found.trials(seeds)
        if trials is None:
            return float("inf")
        total += float(found.seconds[seeds, trials - 1].mean())
    return total / 3600


def lines_of(found: dict[str, list[Found]], seeds: int) -> list[str]:
    """Return trials and hours of each kind as Markdown."""
    names = [f"{budget}M" if budget else "any" for budget in BUDGETS_M]
    lines = [f"| | {' | '.join(names)} | trainings | hours | separate ones over it |"]
    lines.append("| --- " * (len(names) + 4) + "|")
    every = np.arange(seeds)
    rng = np.random.default_rng(0)
    picks = [rng.integers(seeds, size=seeds) for _ in range(DRAWS)]
    draws = {kind: np.array([hours(kind, of, pick) for pick in picks]) for kind, of in found.items()}
    for kind, of in found.items():
        trials = [each.trials() for each in of]
        cells = [f"more than {LIMITS[-1]}" if n is None else str(n) for n in trials]
        cost = hours(kind, of, every)
        low, high = np.quantile(draws[kind], [0.025, 0.975], method="nearest")
        total = str(sum(n or 0 for n in trials)) if None not in trials else ""
        cells += [total, f"{cost:.2f} [{low:.2f}, {high:.2f}]"]
        other = "separate, learning" if kind.endswith("learning") else "separate"
        ratio = ""
        if kind != other and other in found:
            reached = np.isfinite(draws[other]) & np.isfinite(draws[kind])
            low, high = np.quantile(draws[other][reached] / draws[kind][reached], [0.025, 0.975])
            ratio = f"{hours(other, found[other], every) / cost:.2f} [{low:.2f}, {high:.2f}]"
        lines.append(f"| {SEARCHES[kind]} | {' | '.join([*cells, ratio])} |")
    lines += ["", "Mean regret after 10 trials at each budget:", ""]
    lines += [f"| | {' | '.join(names)} |", "| --- " * (len(names) + 1) + "|"]
    for kind, of in found.items():
        cells = [f"{each.regret[:, 9].mean():.3f}" for each in of]
        lines.append(f"| {SEARCHES[kind]} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Run what is missing, and file everything."""
    state, *numbers = sys.argv[1:]
    seeds = int(numbers[0]) if numbers else 10
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    searches, found = Searches(Path(state), seeds), {}
    with torch_threads(1):
        for kind in SEARCHES:
            found[kind] = searches.of(kind)
            _file(found, seeds)


def _file(found: dict[str, list[Found]], seeds: int) -> None:
    mean = float(training_seconds().mean())
    file_result(
        "seven_budgets",
        command=f"python -m tests.benchmarks.seven_budgets STATE.json {seeds}",
        seed=f"0 to {seeds - 1}",
        lines=[
            f"Trials at each budget after which the mean regret over {seeds} seeds is {WANTED:g} points, and",
            "the hours of all trainings on the GPU on which the supernet was trained. A training of the",
            f"table counts as its MACs x {EPOCHS} epochs x {IMAGES:,} images over the throughput of the",
            f"supernet's training, {mean:.0f} s in the mean; the supernet counts with its training,",
            f"{TRAINED_S:.0f} s, and {READ_S:g} s for each network read, {supernet_seconds(0):.0f} s in all.",
            f"All know the counts. A search learns from earlier ones of at least {LEAST} networks, as",
            "`--learn-from` does. 95 % intervals by bootstrap over seeds, quotients paired; of searches that",
            "learn, given what they learnt from.",
            "",
            *lines_of(found, seeds),
        ],
    )


if __name__ == "__main__":
    main()
