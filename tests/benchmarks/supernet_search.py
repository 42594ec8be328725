"""The whole search on CIFAR-10 at equal core-seconds: trainings alone against a supernet, three seeds.

Run ``python -m tests.benchmarks.supernet_search [--state STATE.json] [--folder FOLDER]``: many hours on two
cores. For each seed, a search with ``--evaluator supernet`` trains its supernet and as many networks as it
does by default. The search by trainings alone then goes on, some trials at a time, until it has taken as many
core-seconds, all processes counted; trials that end past them do not count. What each delivers is trained by
one recipe, which was fixed beforehand, and is compared on the test images. Each finished step is stored,
searches go on from their studies and trainings from checkpoints, so that the command goes on where it was
interrupted; what an interrupted step took is counted too.
"""

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna

import nas
from dashboards.result import TrialResult
from nas.evaluators import EVALUATORS
from nas.orchestration.posterior_update import PosteriorUpdate
from nas.study.results import result_of
from nas.study.study import settings_of, space_of
from nas.study.trial_attributes import network_of
from nas.study.trial_attributes import trained as trained_network
from search_spaces.architecture import Architecture
from search_spaces.graph_counts import architecture_counts
from search_spaces.pricing import prices
from tests.benchmarks.cifar10 import CLASSES, IMAGES, cifar_recipe
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.processor_time import measured
from tests.benchmarks.truth_table import paired
from tests.benchmarks.truth_trainings import Place, Training, trained
from trials.usable_cores import usable_cores

State = dict[str, Any]

CHANNELS: Final = 3
SPACE, BUDGET, SEEDS = "hybrid_small", "5M-MACs", (0, 1, 2)
EVALUATED_BY: Final = ("supernet", "train")
FINAL: Final = cifar_recipe("supernet-search", 5, 40_000, 2e-3, 64)
STATE: Final = RESULTS / "supernet_search.json"


class Searches:
    """Searches of all seeds and the trainings of what they deliver.

    Args:
        given: Arguments of the command.
    """

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._settings = {
            "space": given.space,
            "budget": given.budget,
            "recipe": given.recipe,
            "trials": given.trials,
        }
        self._storage = f"sqlite:///{given.folder / 'nas.db'}"
        path: Path = given.state
        fresh = {"settings": self._settings, "searches": {}, "trainings": {}}
        self.state: State = json.loads(path.read_text(encoding="utf-8")) if path.exists() else fresh
        if self.state["settings"] != self._settings:
            raise SystemExit(
                f"{path} was begun with other settings: expected {self._settings}, found "
                f"{self.state['settings']}. Give --state a new file."
            )

    def run(self) -> None:
        """Do every step that is not done yet, and file after each."""
        for seed in self._given.seeds:
            self._by_supernet(seed)
            self._by_trainings(seed)
            self._train()
            file_result(
                "supernet_search",
                command=f"python -m tests.benchmarks.supernet_search --recipe {self._given.recipe}",
                seed=", ".join(map(str, self._given.seeds)),
                lines=lines_of(self.state),
            )

    def _by_supernet(self, seed: int) -> None:
        """Search with a supernet."""
        record = self._record("supernet", seed)
        if not record["done"]:
            self._search("supernet", seed, self._given.trials)
            record |= {"delivered": record["steps"][-1], "done": True}
            self._keep()

    def _by_trainings(self, seed: int) -> None:
        """Search without one until it has taken as many core-seconds."""
        record, most = self._record("train", seed), self._record("supernet", seed)["core_seconds"]
        while not record["done"]:
            self._search("train", seed, next_trials(record["steps"], most, self._given.trials))
            if record["core_seconds"] >= most:
                study = optuna.load_study(study_name=_name("train", seed), storage=self._storage)
                record |= {"delivered": delivered_within(study, record["steps"], most), "done": True}
            self._keep()

    def _record(self, evaluator: str, seed: int) -> dict[str, Any]:
        fresh = {"done": False, "core_seconds": 0.0, "steps": []}
        found: dict[str, Any] = self.state["searches"].setdefault(f"{evaluator}/{seed}", fresh)
        return found

    def _search(self, evaluator: str, seed: int, trials: int) -> None:
        """Search until so many networks are trained, and store what it delivers and took so far."""
        record, given = self._record(evaluator, seed), self._given
        before = record["core_seconds"]

        def took(seconds: float) -> None:
            record["core_seconds"] = round(before + seconds, 1)
            self._keep()

        with measured(took):
            result = nas.search(
                given.budget,
                space=given.space,
                data=str(given.images),
                trials=trials,
                study=_name(evaluator, seed),
                storage=self._storage,
                storage_path=str(given.folder / "nas-runs"),
                recipe=given.recipe,
                evaluator=evaluator,
                seed=seed,
            )
        if result.best is None or result.interrupted:
            raise SystemExit(f"The search {result.study} did not end: run the same command again.")
        record["steps"].append(_step(result.trained, record["core_seconds"], result.best))

    def _train(self) -> None:
        """Train what finished searches deliver, each on the seed of its search."""
        trainings = [
            Training(
                key=key,
                network=Architecture.from_json(record["delivered"]["network"]),
                recipe=self._given.final,
                seed=int(key.split("/")[1]),
            )
            for key, record in self.state["searches"].items()
            if record["done"] and key not in self.state["trainings"]
        ]
        place = Place(
            images=str(self._given.images),
            folder=self._given.folder,
            device="cpu",
            at_once=len(usable_cores()),
        )
        for key, result in trained(trainings, place):
            self.state["trainings"][key] = result
            self._keep()
            sys.stderr.write(f"{key}: test {result['test']:.1%}\n")

    def _keep(self) -> None:
        kept(self._given.state, self.state)


def _name(evaluator: str, seed: int) -> str:
    return f"supernet-search-{evaluator}-{seed}"


def _step(trials: int, core_seconds: float, best: TrialResult) -> dict[str, Any]:
    """Return what a search had trained and taken, and what it then delivers."""
    return {
        "trials": trials,
        "core_seconds": core_seconds,
        "accuracy": best.accuracy,
        "network": json.loads(best.architecture.to_json()),
    }


def delivered_within(study: optuna.Study, steps: Sequence[Mapping[str, Any]], most: float) -> dict[str, Any]:
    """Return what a search would have delivered when it had taken so many core-seconds.

    That is its choice among the networks that had been trained by then. Those of its last step shared the
    core-seconds of that step as they shared its time.

    Args:
        study: Study of the search.
        steps: Its steps, the last of which took it past `most`.
        most: Core-seconds.
    """
    before, begun_s = (0, 0.0) if len(steps) == 1 else (steps[-2]["trials"], steps[-2]["core_seconds"])
    trials = sorted(
        (t for t in study.get_trials(deepcopy=False) if trained_network(t)),
        key=lambda trial: str(trial.datetime_complete),
    )
    last = np.cumsum([network_of(trial).seconds for trial in trials[before:]])
    taken_s = begun_s + (steps[-1]["core_seconds"] - begun_s) * last / last[-1]
    count = before + int(np.sum(taken_s <= most))
    part = optuna.create_study(directions=study.directions)
    for name, value in study.user_attrs.items():
        part.set_user_attr(name, value)
    part.add_trials(trials[:count])
    settings, space = settings_of(study), space_of(study)
    PosteriorUpdate(
        part,
        prices(space.codes, num_classes=CLASSES, in_channels=CHANNELS),
        settings.budgets,
        seed=settings.seed,
    ).update(over=True)
    best = result_of(part).best
    assert best is not None
    return _step(count, round(float(taken_s[taken_s <= most].max(initial=begun_s)), 1), best)


def next_trials(steps: Sequence[Mapping[str, Any]], most: float, first: int) -> int:
    """Return how many networks a search trains in all by the end of its next step.

    Args:
        steps: Its steps so far.
        most: Core-seconds that it may take.
        first: Trials of the first step.
    """
    if not steps:
        return first
    trials, seconds = int(steps[-1]["trials"]), float(steps[-1]["core_seconds"])
    each = seconds / max(trials, 1)
    return trials + max(1, math.floor(0.9 * (most - seconds) / each))  # rather in two steps than past the end


def lines_of(state: Mapping[str, Any]) -> list[str]:
    """Return what each search delivered as Markdown."""
    options = " ".join(f"--{name} {state['settings'][name]}" for name in ("space", "budget", "recipe"))
    lines = [
        f"`nas search {options}` on CIFAR-10",
        f"by either evaluator. Delivered networks were trained anew: {FINAL.epochs} x {FINAL.epoch_images:,}",
        "images.",
        "",
        "| search | trained | core-seconds | validation | test, trained alike | MACs | params | blocks |",
        "| --- " * 8 + "|",
    ]
    for key, record in sorted(state["searches"].items()):
        if key in state["trainings"]:
            step, found = record["delivered"], state["trainings"][key]
            counts = architecture_counts(Architecture.from_json(step["network"]), num_classes=CLASSES)
            lines.append(
                f"| {key} | {step['trials']} | {step['core_seconds']:,.0f} | {step['accuracy']:.1%} "
                f"| {found['test']:.1%} | {found['costs']['macs'] / 1e6:.2f}M "
                f"| {found['costs']['params'] / 1e3:.0f}k | {counts['blocks']:g} |"
            )
    seeds = sorted({key.split("/")[1] for key in state["trainings"]})
    done = [s for s in seeds if all(f"{e}/{s}" in state["trainings"] for e in EVALUATED_BY)]
    tests = [[state["trainings"][f"{e}/{s}"]["test"] for s in done] for e in EVALUATED_BY]
    if len(done) > 1:
        difference, half = paired(*tests)
        said = f"{100 * difference:+.1f} points ± {100 * half:.1f} (95 %, paired, {len(done)} seeds)"
        lines += ["", f"With a supernet minus without: {said}."]
    return lines


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Return the arguments of the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, default=STATE, help="file of what is done")
    parser.add_argument("--folder", type=Path, default=Path("nas-runs/supernet-search"))
    parser.add_argument("--images", type=Path, default=IMAGES, help="folder of CIFAR-10 as Parquet")
    parser.add_argument("--space", default=SPACE)
    parser.add_argument("--budget", default=BUDGET)
    parser.add_argument("--recipe", default="proxy", help="recipe of the searches")
    parser.add_argument("--trials", type=int, default=EVALUATORS["supernet"].trials)
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.set_defaults(final=FINAL)
    given = parser.parse_args(words)
    given.folder = given.folder.resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    return given


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    Searches(arguments()).run()
