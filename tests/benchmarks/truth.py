"""Found against designed against random networks on CIFAR-10, all trained by one recipe.

Run ``make benchmark-truth``, or ``python -m tests.benchmarks.truth --budget 20M-MACs --device cuda`` on a
GPU. Each finished search and training is stored at once and trainings have checkpoints: the command goes on
where it was interrupted. With ``--searches-at-once 10`` all searches run at once, beside steps 1 and 2. The
steps, in this order:

1. the learning rate of the final recipe is fixed on two networks of none of the groups;
2. *designed*: every published family is scaled into the budget, also with a stem for small images; all are
   screened on one seed by validation accuracy, and the best two trained again on five others;
3. *found* and *random*: what ``nas search`` delivers from five search seeds, by its default sampler and by
   ``--sampler random``, with equal trials, each trained on a seed of its own.

Accuracies are compared on the test images, which nothing before them has seen.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, as_completed
from pathlib import Path
from typing import Any, Final

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.catalog_fit import default_space
from search_spaces.space_record import space_digest
from tests.benchmarks.cifar10 import CLASSES, IMAGES, SIDE, cifar_recipe
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.truth_networks import designed, of_no_family
from tests.benchmarks.truth_searches import Search, begun, searched
from tests.benchmarks.truth_table import groups_of, lines_of, missing
from tests.benchmarks.truth_trainings import Place, Training, trained
from trials.training.recipe import Recipe
from trials.usable_cores import usable_cores

BUDGET, TRIALS = "5M-MACs", 24
SAMPLERS: Final = {"found": "factor_gp", "random": "random"}
SEARCH_SEEDS: Final = (0, 1, 2, 3, 4)
SCREENED_ON, AGAIN_ON, KEPT = 0, (1, 2, 3, 4, 5), 2
RATES: Final = {"cpu": (1e-3, 2e-3, 4e-3), "cuda": (1e-3, 2e-3, 4e-3, 8e-3)}
EPOCHS: Final = {"cpu": (5, 40_000), "cuda": (60, None)}
"""Epochs of the final recipe and the most images in one: 200,000 images on a CPU, all 60 times on a GPU."""
BATCH: Final = 128
SEARCHED_BY: Final = {"cpu": "tests/benchmarks/proxy_10000.yaml", "cuda": "proxy"}
"""Recipe of the searches, from the folder of the project."""
FIXED_BY: Final = {"cpu": 2, "cuda": 10}
"""Epochs of the trainings that fix its rate."""

State = dict[str, Any]


class Truth:
    """One comparison and its state.

    Args:
        given: Arguments of the command.
    """

    def __init__(self, given: argparse.Namespace) -> None:
        self.given, self.budget = given, Budget.parse(given.budget)
        self.place = Place(
            images=str(given.images), folder=given.folder, device=given.device, at_once=given.at_once
        )
        self.ends = None if given.hours is None else time.monotonic() + 3600 * given.hours
        self.state = self._begun()

    def run(self) -> None:
        """Do every step that is not done yet, until the time is over."""
        left, at_once = self._searches_left(), self.given.searches_at_once
        with begun(left if at_once > 1 else [], at_once) as beside:
            self._fix_recipe()
            self._train("trainings", self._screened())
            self._train("trainings", self._designed_again())
            self._keep_ended(dict(zip(beside, left, strict=False)))
        self._train("trainings", self._delivered())
        for search in self._searches_left():
            self._check_time()
            self._keep_search(search, searched(search))
            self._train("trainings", self._delivered())
        self.file()

    def file(self) -> None:
        """File what there is."""
        module = f"python -m {__spec__.name if __spec__ else 'tests.benchmarks.truth'}"
        command = f"{module} --budget {self.given.budget} --device {self.given.device}"
        file_result(
            name_of(self.given.budget, self.given.device),
            command=command,
            seed="0 to 4",
            lines=lines_of(self.state),
        )

    def _begun(self) -> State:
        """Return the state, refusing one of other settings or of another default space."""
        space = search_spaces.load(self.given.space or _default_space(self.budget))
        settings = {
            "budget": self.given.budget,
            "device": self.given.device,
            "trials": self.given.trials,
            "epochs": self.given.epochs,
            "epoch_images": self.given.epoch_images,
            "batch": self.given.batch,
            "searched_by": self.given.recipe,
            "space": space.name,
            "space_digest": space_digest(space),
        }
        path = self.given.state
        state: State = json.loads(path.read_text(encoding="utf-8")) if path.exists() else dict(settings)
        other = [name for name, value in settings.items() if state.get(name) != value]
        if other:
            raise SystemExit(
                f"{path} was begun with another {', '.join(other)}: expected {settings[other[0]]}, found "
                f"{state.get(other[0])}. Give --state a new file."
            )
        state["planned"] = {  # may grow: what was trained before counts
            **dict.fromkeys(SAMPLERS, len(SEARCH_SEEDS)),
            "screened": len(self._families()),
            "designed": KEPT * len(AGAIN_ON),
        }
        return state

    def _families(self) -> dict[str, Architecture]:
        return designed(self.budget, classes=CLASSES, side=SIDE)

    def _fix_recipe(self) -> None:
        """Choose the rate by the mean validation accuracy of networks of none of the groups."""
        if "recipe" in self.state:
            return
        outside = of_no_family(self.budget, classes=CLASSES)
        trainings = [
            Training(
                key=f"{rate}/{name}",
                network=network,
                recipe=self._recipe(f"rate{rate}", self.given.fixing_epochs, rate),
                seed=0,
            )
            for rate in RATES[self.given.device]
            for name, network in outside.items()
        ]
        self._train("fixing", trainings)
        values = self.state["fixing"]

        def value(rate: float) -> float:
            return sum(float(values[f"{rate}/{name}"]["validation"]) for name in outside)

        best = max(RATES[self.given.device], key=value)
        self.state["recipe"] = self._recipe("truth", self.given.epochs, best).to_json()
        self._keep()

    def _recipe(self, name: str, epochs: int, rate: float) -> Recipe:
        return cifar_recipe(name, epochs, self.given.epoch_images, rate, self.given.batch)

    def _screened(self) -> list[Training]:
        return [
            self._training("screened", name, network, SCREENED_ON)
            for name, network in self._families().items()
        ]

    def _designed_again(self) -> list[Training]:
        screened, families = groups_of(self.state)["screened"], self._families()
        ranked = sorted(screened, key=lambda key: -screened[key]["validation"])
        names = [key.split("/")[1] for key in ranked[:KEPT]]
        return [self._training("designed", name, families[name], seed) for name in names for seed in AGAIN_ON]

    def _delivered(self) -> list[Training]:
        """Return the trainings of what finished searches deliver, each on the seed of its search."""
        found = []
        for key, record in self.state.get("searches", {}).items():
            group, seed = key.split("/")
            found.append(self._training(group, seed, Architecture.from_json(record["network"]), int(seed)))
        return found

    def _training(self, group: str, name: str, network: Architecture, seed: int) -> Training:
        fixed = Recipe.from_json(self.state["recipe"])
        return Training(key=f"{group}/{name}/{seed}", network=network, recipe=fixed, seed=seed)

    def _train(self, part: str, trainings: Sequence[Training]) -> None:
        left = [training for training in trainings if training.key not in self.state.setdefault(part, {})]
        for key, result in trained(left, self.place):
            self.state[part][key] = result
            self._keep()
            _say(f"{part} {key}: validation {result['validation']:.1%}, {result['seconds']:.0f} s")
            self._check_time()

    def _searches_left(self) -> list[Search]:
        """Return the searches that have not ended, both groups of a seed before the next seed."""
        done = self.state.setdefault("searches", {})
        return [
            Search(
                key=f"{group}/{seed}",
                budget=self.given.budget,
                space=self.given.space,
                images=str(self.given.images),
                trials=self.given.trials,
                folder=self.given.folder,
                sampler=sampler,
                recipe=self.given.recipe,
                seed=seed,
            )
            for seed in SEARCH_SEEDS
            for group, sampler in SAMPLERS.items()
            if f"{group}/{seed}" not in done
        ]

    def _keep_ended(self, running: Mapping[Future[dict[str, Any]], Search]) -> None:
        """Keep what searches find as they end; one that fails is begun again by the next command."""
        left_s = None if self.ends is None else max(0.0, self.ends - time.monotonic())
        try:
            for found in as_completed(running, timeout=left_s):
                if error := found.exception():
                    _say(f"search {running[found].key} failed: {error}")
                else:
                    self._keep_search(running[found], found.result())
        except TimeoutError:
            self._check_time()

    def _keep_search(self, search: Search, found: dict[str, Any]) -> None:
        self.state["searches"][search.key] = found
        self._keep()
        _say(f"search {search.key}: {found['accuracy']:.1%}, {found['seconds']:.0f} s")

    def _check_time(self) -> None:
        if self.ends is not None and time.monotonic() > self.ends:
            self.file()
            raise SystemExit(f"The time is over; still to come: {missing(self.state)}.")

    def _keep(self) -> None:
        kept(self.given.state, self.state)


def _default_space(budget: Budget) -> str:
    """Return the space that a search of the images takes when it is given none."""
    return default_space(SIDE, [budget], num_classes=CLASSES, in_channels=3)


def name_of(budget: str, device: str) -> str:
    """Return the name under which a comparison is filed."""
    place = "" if device == "cpu" else f"_{device}"
    return f"truth{place}" if budget == BUDGET else f"truth_{budget}{place}"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the arguments of the command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--budget", default=BUDGET, help="budget of every network")
    parser.add_argument("--device", default="cpu", choices=list(EPOCHS), help="what trains")
    parser.add_argument("--images", type=Path, default=IMAGES, help="CIFAR-10, as nas search takes it")
    parser.add_argument("--folder", type=Path, default=None, help="folder of searches and checkpoints")
    parser.add_argument("--state", type=Path, default=None, help="file of what is done")
    parser.add_argument("--space", default=None, help="space of the searches; by default theirs")
    parser.add_argument("--recipe", default=None, help="recipe of the searches")
    parser.add_argument("--trials", type=int, default=TRIALS, help="networks that each search trains")
    parser.add_argument("--epochs", type=int, default=None, help="epochs of the final recipe")
    parser.add_argument("--epoch-images", type=int, default=None, help="most images in one of them")
    parser.add_argument("--batch", type=int, default=BATCH, help="images in one of its steps")
    parser.add_argument(
        "--fixing-epochs", type=int, default=None, help="epochs of trainings that fix its rate"
    )
    parser.add_argument("--at-once", type=int, default=None, help="final trainings at the same time")
    parser.add_argument("--searches-at-once", type=int, default=1, help="searches at the same time")
    parser.add_argument("--hours", type=float, default=None, help="stop and file after these")
    given = parser.parse_args(words)
    given.folder = Path(given.folder or f"nas-runs/truth-{given.budget}").resolve()
    given.folder.mkdir(parents=True, exist_ok=True)
    given.state = given.state or RESULTS / f"{name_of(given.budget, given.device)}.json"
    given.epochs = given.epochs or EPOCHS[given.device][0]
    given.epoch_images = given.epoch_images or EPOCHS[given.device][1]
    given.recipe = given.recipe or SEARCHED_BY[given.device]
    given.fixing_epochs = given.fixing_epochs or FIXED_BY[given.device]
    given.at_once = given.at_once or (len(usable_cores()) if given.device == "cpu" else 1)
    return given


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    Truth(arguments()).run()
