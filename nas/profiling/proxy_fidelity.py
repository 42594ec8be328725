"""How well a search's short training ranks networks: a sample of them trained by it, and to convergence."""

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from nas.profiling.rank_correlation import kendall
from nas.resources import Slots
from nas.study.naming import IMAGES
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError
from search_spaces.pricing import Prices
from search_spaces.sampling import check_satisfiable, fitting_codes
from search_spaces.units import format_accuracy
from trials.images.splits import Splits
from trials.training.recipe import Recipe
from trials.training.run_trial import TrialConfig, run_trial

VERSION: Final = 1
FOLDER: Final = "proxy"
_LEAST: Final = 3  # below, no rank correlation has a standard error

Agreement = tuple[float, float]
"""Kendall's tau-b and its standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyProfile:
    """What a proxy's values are worth.

    Attributes:
        space: Its name.
        budgets: What the sampled networks fit, as written.
        data: The images.
        recipe: The proxy's name.
        full: The name of the recipe it is compared with.
        networks: How many were trained by both.
        failed: How many did not get to the end of both.
        rungs: For each epoch of the proxy in which early stopping decides, how its values agree with those of
            the proxy's last epoch.
        converged: The same epochs and the last one, and how they agree with the values after `full`.
        proxy_accuracy: Lowest, median and highest after the proxy, in [0, 1].
        full_accuracy: The same after the full training.
        standard_error: Median standard error of an accuracy after the full training.
        proxy_seconds: Training time of a network by the proxy, in the median.
        full_seconds: The same for the full training.
    """

    space: str
    budgets: tuple[str, ...]
    data: str
    recipe: str
    full: str
    networks: int
    failed: int
    rungs: dict[int, Agreement]
    converged: dict[int, Agreement]
    proxy_accuracy: tuple[float, float, float]
    full_accuracy: tuple[float, float, float]
    standard_error: float
    proxy_seconds: float
    full_seconds: float

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version."""
        return {"version": VERSION, **asdict(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One training.

    Attributes:
        accuracy: After each epoch, in [0, 1].
        standard_error: Of the last one.
        seconds: Of the whole training.
    """

    accuracy: tuple[float, ...]
    standard_error: float
    seconds: float


def profile_proxy(
    prices: Prices,
    budgets: Sequence[Budget],
    splits: Splits,
    *,
    data: str,
    proxy: Recipe,
    full: Recipe,
    networks: int,
    seed: int,
    slots: Slots,
    home: Path,
    told: Callable[[str], None],
) -> ProxyProfile:
    """Return how well a proxy ranks networks drawn uniformly from what fits; goes on after a kill.

    Args:
        prices: The space with the costs of its networks.
        budgets: What the networks fit.
        splits: The images.
        data: What they are called.
        proxy: The short training.
        full: The long one.
        networks: How many are drawn.
        seed: Of the draws and trainings.
        slots: What trains side by side.
        home: Folder of all studies' files.
        told: Called with what happens, in words.

    Raises:
        InvalidValueError: if too few networks are asked for, or too few trainings reach their end.
        NothingFitsError: if nothing fits.
    """
    if networks < _LEAST:
        raise InvalidValueError(f"Cannot rank {networks} networks: expected --networks of at least {_LEAST}.")
    if proxy.name == full.name:
        raise InvalidValueError(
            f"Cannot compare the recipe '{proxy.name}' with itself: expected another --full."
        )
    check_satisfiable(prices, budgets)
    codes = fitting_codes(prices, np.random.default_rng(seed), networks, budgets)
    drawn = [prices.codes.at(code) for code in codes]
    configs = {
        (number, recipe.name): _config(
            architecture, recipe, splits, data=data, number=number, seed=seed, slots=slots, home=home
        )
        for number, architecture in enumerate(drawn)
        for recipe in (proxy, full)
    }
    curves = _trained(configs, slots, told)
    whole = [n for n in range(networks) if all((n, recipe.name) in curves for recipe in (proxy, full))]
    if len(whole) < _LEAST:
        raise InvalidValueError(
            f"Only {len(whole)} of {networks} networks were trained to the end: expected at least {_LEAST}. "
            f"Mend what was said of the failures, or choose another recipe."
        )
    short = [curves[n, proxy.name] for n in whole]
    long = [curves[n, full.name] for n in whole]
    return ProxyProfile(
        space=prices.codes.name,
        budgets=tuple(map(str, budgets)),
        data=data,
        recipe=proxy.name,
        full=full.name,
        networks=len(whole),
        failed=networks - len(whole),
        **agreements(short, long, proxy),
        standard_error=float(np.median([curve.standard_error for curve in long])),
        proxy_seconds=float(np.median([curve.seconds for curve in short])),
        full_seconds=float(np.median([curve.seconds for curve in long])),
    )


def agreements(short: Sequence[Curve], long: Sequence[Curve], proxy: Recipe) -> dict[str, Any]:
    """Return how a proxy's epochs agree with its last one and with a full training, and the accuracies."""
    values = np.array([curve.accuracy for curve in short])  # [networks, epochs]
    ends = np.array([curve.accuracy[-1] for curve in long])
    decided = proxy.rungs or (proxy.epochs,)
    return {
        "rungs": {epoch: kendall(values[:, epoch - 1], values[:, -1]) for epoch in decided[:-1]},
        "converged": {epoch: kendall(values[:, epoch - 1], ends) for epoch in decided},
        "proxy_accuracy": _spread(values[:, -1]),
        "full_accuracy": _spread(ends),
    }


def train_one(config: TrialConfig) -> Curve:
    """Return the curve of the training that `config` describes; runs in a process of its own."""
    results: list[Any] = []
    run_trial(config, results.append)
    return Curve(
        accuracy=tuple(result.accuracy for result in results),
        standard_error=results[-1].standard_error,
        seconds=sum(result.seconds for result in results),
    )


def _trained(
    configs: dict[tuple[int, str], TrialConfig], slots: Slots, told: Callable[[str], None]
) -> dict[tuple[int, str], Curve]:
    """Return the curves of the trainings that reached their end."""
    curves: dict[tuple[int, str], Curve] = {}
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(slots.count, mp_context=context) as pool:
        waiting = {pool.submit(train_one, config): key for key, config in configs.items()}
        for done, future in enumerate(as_completed(waiting), start=1):
            number, recipe = waiting[future]
            failure = future.exception()
            if failure is None:
                curves[number, recipe] = future.result()
                last = curves[number, recipe]
                words = format_accuracy(last.accuracy[-1], last.standard_error)
            else:
                words = f"failed: {failure}"
            told(f"{done}/{len(configs)}  network {number} by {recipe}  {words}")
    return curves


def _config(
    architecture: Architecture,
    recipe: Recipe,
    splits: Splits,
    *,
    data: str,
    number: int,
    seed: int,
    slots: Slots,
    home: Path,
) -> TrialConfig:
    told = [architecture.fingerprint, recipe.to_json(), splits.fingerprint, seed, number]
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    return TrialConfig(
        architecture=architecture,
        num_classes=len(splits.classes),
        in_channels=splits.channels,
        data=data,
        data_seed=seed,
        recipe=recipe,
        seed=seed,
        trial=number,
        folder=str(home / FOLDER / digest),
        threads=slots.threads,
        device=slots.device,
        cache=str(home / IMAGES),
        fingerprint=splits.fingerprint,
    )


def _spread(values: Any) -> tuple[float, float, float]:
    return float(values.min()), float(np.median(values)), float(values.max())
