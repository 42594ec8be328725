"""What does it cost in networks that proposals of a reproducible search rest on older trials?

Run: ``python -m tests.benchmarks.reproducible_regret STATE.json [SEEDS]``; it goes on where it stopped.
Searches are simulated on a clock of their own with the sampler, the early stopping and the rule of what
proposals may rest on that `nas search` uses; trainings take the time of the schedule in
`test_reproducible_cost`. What there is of finished searches is filed under results/ at the end.

Neither space has learning curves, so epochs before the last are made up: the final value, less a gap that
closes, and an error of the network that shrinks. After the first epoch they rank networks that fit as first
epochs of the recipe `proxy` do: Kendall's tau against true values is about .7, in the better half about .4.
"""

import json
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import optuna
from numpy.typing import NDArray

from nas.ask_tell.known_trials import KnownTrials
from nas.bayesopt.problem import Problem
from nas.samplers import SAMPLERS
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.regret import interval, written
from nas.tabular.table import load
from nas.tabular.task import Task
from tests.benchmarks.filing import file_result
from tests.benchmarks.simulated_search import RUNG, Search
from tests.benchmarks.synthetic_spaces import factors_and_interactions

MACRO = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
BUDGETS_M = (25, 35, 50)
AFTER = (10, 20, 30)
SPACES = {"macro": "NAS-Bench-Macro, three budgets", "mixed": "Mixed space, 27 parameters"}
RULES = {1: ("None",), 2: ("None", "6", "6+", "4"), 4: ("None", "16", "16+", "8")}
"""What is compared by slots, see `Search.rule`; the first lag is the default."""


def spread(task: Task, number: int = 200) -> float:
    """Return half the standard deviation of true values over networks that fit, outliers aside."""
    problem = Problem(
        distributions=task.distributions, seed=0, known_constraints_batch=task.known_constraints_batch
    )
    study = optuna.create_study(sampler=SAMPLERS["random"](problem))
    found = [task.truth(study.ask(dict(task.distributions)).params) for _ in range(number)]
    return float(np.subtract(*np.quantile(found, [0.75, 0.25])) / 1.349 / 2)


def tasks(seeds: int) -> Iterator[tuple[str, Task, int, float]]:
    """Yield the name, task, seed and error of the first epoch of what is searched."""
    table = load(MACRO)
    macro = [table.task(budget * 1e6) for budget in BUDGETS_M]
    spreads = [spread(task) for task in macro]
    for seed in range(seeds):
        for budget, task, apart in zip(BUDGETS_M, macro, spreads, strict=True):
            yield f"macro {budget} {seed}", task, seed, apart
    for seed in range(seeds):
        mixed = factors_and_interactions(seed)
        yield f"mixed 0 {seed}", mixed, seed, spread(mixed)


def _default(slots: int) -> str:
    return f"{KnownTrials(slots=slots, rung=RUNG).lag}"


Done = dict[str, tuple[list[float], float]]


def per_seed(done: Done, space: str, slots: int, rule: str, seeds: int) -> NDArray[np.float64]:
    """Return regrets after each network and, last, the time, averaged over budgets, ``[seeds, n + 1]``."""
    budgets = BUDGETS_M if space == "macro" else (0,)
    return np.array(
        [
            np.mean([[*regret, time_s] for regret, time_s in runs], axis=0)
            for seed in range(seeds)
            if all(f"{space} {b} {seed} {slots} {rule}" in done for b in budgets)
            for runs in [[done[f"{space} {b} {seed} {slots} {rule}"] for b in budgets]]
        ]
    )


def lines(done: Done, seeds: int) -> list[str]:
    """Return the regrets of both spaces as Markdown."""
    told = [
        "Regret in points after 10, 20 and 30 networks in the order of proposals, and the difference to the "
        "same search without `--reproducible`, paired by seed, with 95 % intervals.",
        "",
    ]
    for space, title in SPACES.items():
        head = " | ".join(f"after {n} | difference" for n in AFTER)
        told += [f"{title}:", "", f"| slots | lag | seeds | {head} | longer by |", "| --- " * 10 + "|"]
        for slots, rules in RULES.items():
            free = per_seed(done, space, slots, "None", seeds)
            for rule in rules:
                if len(per_seed(done, space, slots, rule, seeds)) < 3:
                    continue
                ours = per_seed(done, space, slots, rule, seeds)[: len(free)]
                cells = []
                for n in AFTER:
                    apart = written(interval((ours - free[: len(ours)])[:, n - 1]), "+")
                    cells += [f"{ours[:, n - 1].mean():.3f}", "" if rule == "None" else apart]
                longer = "" if rule == "None" else f"{(ours[:, -1] / free[: len(ours), -1]).mean() - 1:.0%}"
                name = rule.replace("None", "not reproducible").replace("+", ", curves grow")
                name += ", the default" if rule == _default(slots) else ""
                told.append(f"| {slots} | {name} | {len(ours)} | " + " | ".join([*cells, longer]) + " |")
        told.append("")
    return told


def main() -> None:
    """Run what is missing, and file everything."""
    state, *numbers = sys.argv[1:]
    (seeds,) = map(int, numbers or (16,))
    path = Path(state)
    done: Done = json.loads(path.read_text()) if path.exists() else {}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with torch_threads(1):
        told = list(tasks(seeds))
        compared = [(slots, rule) for slots, rules in RULES.items() for rule in rules]
        first = [(slots, rule) for slots, rule in compared if rule not in {"4", "8"} and slots > 1]
        for chosen in (first, compared):
            for (name, task, seed, apart), (slots, rule) in product(told, chosen):
                if f"{name} {slots} {rule}" not in done:
                    done[f"{name} {slots} {rule}"] = Search(task, seed, slots, rule, apart, AFTER[-1]).run()
                    path.write_text(json.dumps(done))
    file_result(
        "reproducible_regret",
        command=f"python -m tests.benchmarks.reproducible_regret STATE.json {seeds}",
        seed=f"0 to {seeds - 1}",
        lines=lines(done, seeds),
    )


if __name__ == "__main__":
    main()
