"""Lets one training of shared weights expect a value of each network of the space, by a rule of training.

The values of many networks are read from the shared weights and are evidence to the sampler, which learns
from real trainings how far they can be trusted. Real trainings start from scratch, so that their values
compare with those of other searches.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from nas.evaluators import Evaluator, Report, SearchFacts, Work
from search_spaces.budget import Budget
from search_spaces.costs import format_cost
from search_spaces.elastic.layout import SharedLayout
from search_spaces.elastic.report import sharing_of
from search_spaces.errors import BudgetError, NothingFitsError
from search_spaces.sampling import fitting_codes
from search_spaces.units import format_seconds
from trials.recipes import RECIPES
from trials.supernet.cost_forecast import CostForecast, work_of
from trials.supernet.memory import forecast_memory
from trials.supernet.recipe import Rule, SupernetRecipe
from trials.supernet.run_supernet import Listener, SupernetConfig, run_supernet
from trials.supernet.step_networks import Band, StepNetworks
from trials.supernet.training import SupernetEpoch
from trials.supernet.weights_file import load_supernet
from trials.training.checksum import read_checksum
from trials.training.epoch_progress import EpochProgress
from trials.training.file_names import SUPERNET
from trials.training.recipe import Recipe

_LONGER: Final = 4  # epochs of the supernet for each epoch of an ordinary training
_BELOW: Final = 3  # the band begins at the budget divided by this
_DRAWN: Final = 512
_ORDINARY: Final = 16  # trainings of a search without a supernet
_LEFT_OUT: Final[Mapping[str, Any]] = {
    "ema_decay": 0.0,
    "drop_path": 0.0,
    "teacher": None,
    "teacher_features": 0.0,
    "fake_quant_from": 1.0,
    "rungs": (),
}


def weight_sharing(rule: Rule) -> Evaluator:
    """Return the evaluator that trains a supernet by a rule."""
    return Evaluator(trials=8, work=partial(_work, rule))


def supernet_recipe(recipe: Recipe, rule: Rule = "sandwich") -> SupernetRecipe:
    """Return the recipe of the supernet of a search: that of its trainings, for more epochs.

    By `proxy`, an epoch of the supernet is one of its first edition, of twice as many images.
    """
    if recipe.name == "proxy" and recipe.epoch_images == RECIPES["proxy"].epoch_images:
        recipe = recipe.model_copy(update={"epoch_images": RECIPES["proxy_1"].epoch_images})
    name = f"{recipe.name}-{'supernet' if rule == 'sandwich' else rule}"
    changed = {**_LEFT_OUT, "epochs": _LONGER * recipe.epochs, "name": name}
    return SupernetRecipe(name=name, rule=rule, training=recipe.model_copy(update=changed))


def band_of(facts: SearchFacts) -> Band:
    """Return the least and most MACs of the networks that matter to a search.

    The most is the budget on MACs, or without one the most of networks that fit. How large those are that
    meet a latency is not known beforehand: with such a budget alone they are all that fit.
    """
    least, most = facts.prices.extremes("macs")
    limits = _macs_limits(facts)
    drawn = fitting_codes(facts.prices, np.random.default_rng(facts.seed), _DRAWN, facts.budgets)
    macs = facts.prices.of(drawn, "macs")
    high = int(min([*limits, most])) if limits else int(macs.max())
    if not limits and not all(budget.counted for budget in facts.budgets):
        return (int(macs.min()), high)
    low = max(int(least), high // _BELOW)
    return (low, high) if (macs >= low).any() else (int(least), high)


def band_within(facts: SearchFacts, trained: Band | None) -> Band:
    """Return the least and most MACs of the networks that matter to a search and that a supernet is for.

    Without a budget on MACs, these are all that it is for: how large those are that meet a latency is not
    known beforehand.

    Args:
        facts: The search.
        trained: Least and most MACs of the networks that the supernet was trained for; None for all.

    Raises:
        BudgetError: if none of these fits the budgets.
    """
    limits, (least, most) = _macs_limits(facts), trained or facts.prices.extremes("macs")
    high = int(min([*limits, most]))
    low = max(int(least), high // _BELOW if limits else 0)
    inside = Budget.parse(f"{high}-MACs")
    try:
        drawn = fitting_codes(
            facts.prices, np.random.default_rng(facts.seed), _DRAWN, [*facts.budgets, inside]
        )
    except NothingFitsError:
        drawn = np.empty((0, len(facts.space.codes.radices)), np.int64)
    if not (facts.prices.of(drawn, "macs") >= low).any():
        budgets = " and ".join(budget.text for budget in facts.budgets)
        raise BudgetError(
            f"The supernet is for {int(least):,} to {int(most):,} MACs: expected a network of those within "
            f"{budgets}, found none. Choose another budget, or train a supernet for it."
        )
    return (low, high)


def _macs_limits(facts: SearchFacts) -> list[float]:
    return [budget.limit for budget in facts.budgets if budget.resource == "macs"]


def _work(rule: Rule, facts: SearchFacts) -> Work:
    """Return the training and reading of a supernet for a search.

    Raises:
        UserError: if there is too little memory, or the supernet of another study does not suit the search.
    """
    budgets = tuple(budget.text for budget in facts.budgets if budget.counted)
    if facts.weights is None:
        recipe, band = supernet_recipe(facts.recipe, rule), facts.band or band_of(facts)
    else:
        trained = load_supernet(facts.weights)
        limit = min(_macs_limits(facts), default=None)
        trained.check(facts.space, facts.splits, limit, seed=facts.seed)
        recipe, band = trained.recipe, band_within(facts, trained.band)
        if limit is None:
            budgets = (*budgets, f"{band[1]}-MACs")  # it says nothing of larger ones
    shape = {"num_classes": len(facts.splits.classes), "in_channels": facts.splits.channels}
    networks = StepNetworks(facts.space, recipe, band, **shape, seed=facts.seed)
    if facts.weights is None:
        forecast_memory(SharedLayout(facts.space, **shape), networks, recipe).check(facts.memory)
    sizes = {"images": len(facts.splits.train), "validation": len(facts.splits.validation)}
    work = work_of(networks, recipe, facts.recipe, **sizes)
    config = SupernetConfig(
        space=facts.space,
        recipe=recipe,
        search=facts.recipe,
        band=band,
        budgets=budgets,
        readings=work.readings,
        metric=facts.metric,
        data=facts.data,
        data_seed=facts.seed,
        fingerprint=facts.splits.fingerprint,
        cache=facts.cache,
        seed=facts.seed,
        folder="",
        weights=None if facts.weights is None else str(facts.weights),
        threads=facts.threads,
        device=facts.device,
    )
    about = {"band": list(band), "recipe": recipe.to_json(), "trained": facts.weights is None}
    values = {**config.to_json(), "trials": facts.trials}
    return Work(run=_run, config=values, lines=tuple(_lines(facts, recipe, band)), about=about)


def _lines(facts: SearchFacts, recipe: SupernetRecipe, band: Band) -> list[str]:
    if facts.weights is not None:
        return [f"Supernet as trained in '{facts.weights.parent}': networks of {_words(band)} are read"]
    own = dict.fromkeys(
        f"{row.choice}{f' of {row.owner}' if row.owner else ''}"
        for row in sharing_of(facts.space)
        if not row.shares
    )
    lines = [f"Supernet for {_words(band)}: {recipe.training.epochs} epochs by recipe {recipe.name}"]
    if own:
        lines.append(f"         Values with weights of their own: {', '.join(own)}")
    if not _macs_limits(facts) and not all(budget.counted for budget in facts.budgets):
        lines.append(
            "         These are all sizes, as a latency says nothing of MACs beforehand: with a second "
            "--budget such as 300M-MACs it takes less time and ranks better"
        )
    return lines


def _words(band: Band) -> str:
    low, high = (format_cost("macs", macs) for macs in band)
    return f"{low} to {high} MACs"


def _run(config: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Train and read the supernet on a worker."""
    asked = SupernetConfig.from_json(config)
    found = run_supernet(asked, _Speaker(config, report))
    weights = Path(asked.folder) / SUPERNET if asked.weights is None else Path(asked.weights)
    about = {"weights": read_checksum(weights)}
    return {"codes": found.codes.tolist(), "values": found.values.tolist(), "about": about}


class _Speaker(Listener):
    """Says what happens in lines."""

    def __init__(self, config: Mapping[str, Any], report: Report) -> None:
        self._band: Band = (config["band"][0], config["band"][1])
        self._epochs = int(config["recipe"]["training"]["epochs"])
        self._trials, self._recipe = int(config["trials"]), config["search"]["name"]
        self._readings, self._report = int(config["readings"]), report
        self._seconds: list[float] = []
        self._images = self._spoken = 0

    def forecast(self, forecast: CostForecast) -> None:
        for line in forecast_lines(forecast, self._band, trials=self._trials, recipe=self._recipe):
            self._report({"line": line})
        self._report({"forecast": forecast.to_json()})

    def epoch(self, epoch: SupernetEpoch) -> None:
        self._seconds.append(epoch.seconds)
        left_s = (self._epochs - epoch.epoch) * float(np.mean(self._seconds))
        left = "" if epoch.final else f"  about {format_seconds(left_s)} left"
        self._images += epoch.images
        self._report({"epochs_done": epoch.epoch, "images": self._images})
        self._report({"line": f"Supernet epoch {epoch.epoch}/{self._epochs}  loss {epoch.loss:.3f}{left}"})

    def progress(self, progress: EpochProgress) -> None:
        done = progress.epoch - 1 + progress.share
        self._report({"progress": progress.to_json(), "epochs_done": round(done, 3)})

    def read(self, done: int, count: int) -> None:
        tenth = 10 * done // count
        if tenth > self._spoken:
            self._spoken = tenth
            self._report({"line": f"Supernet {done} of {count} networks read", "read": done})


def _span(seconds: tuple[float, float]) -> str:
    """Return a range of seconds in words."""
    low, high = map(format_seconds, seconds)
    return f"about {low}" if low == high else f"{low} to {high}"


def forecast_lines(forecast: CostForecast, band: Band, *, trials: int, recipe: str) -> list[str]:
    """Return in words what a supernet takes, and from how many budgets on it pays.

    Args:
        forecast: What it takes.
        band: Least and most MACs of the networks that it is for.
        trials: Trainings of the search with it.
        recipe: Name of the recipe of these trainings.
    """
    training, reading = map(_span, (forecast.training_range_s, forecast.reading_range_s))
    lines = [
        f"Supernet {training} and about {forecast.memory / 2**20:,.0f} MiB of memory to train, "
        f"{reading} to read: as much as {forecast.trainings:.0f} trainings by recipe {recipe}"
    ]
    budgets = forecast.pays_from(_ORDINARY - trials)
    if budgets is None:
        lines.append(
            f"         It saves no trainings with --trials {trials}: expected fewer than {_ORDINARY}, which "
            f"a search trains without it"
        )
    else:
        searches = "this search alone" if budgets == 1 else f"{budgets} searches on"
        lines.append(
            f"         With {trials} trainings instead of {_ORDINARY} each, it pays from {searches}: "
            f"--supernet uses it for other budgets up to {format_cost('macs', band[1])} MACs"
        )
    return lines
