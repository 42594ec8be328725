"""Measures how well a proxy recipe ranks networks: trains a sample with it and to convergence."""

import hashlib
import json
import math
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
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
from search_spaces.catalog_fit import check_fits
from search_spaces.errors import InvalidValueError
from search_spaces.pricing import Prices
from search_spaces.sampling import fitting_codes
from search_spaces.units import format_accuracy
from trials.images.splits import Splits
from trials.training.recipe import Recipe
from trials.training.run_trial import TrialConfig, run_trial

VERSION: Final = 1
FOLDER: Final = "proxy"
_LEAST: Final = 3  # least number of networks for the standard error of a rank correlation

Agreement = tuple[float, float]
"""Kendall's tau-b and its standard error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyProfile:
    """Rank agreement of a proxy recipe with a full training.

    Attributes:
        space: Name of the space.
        budgets: Texts of the budgets of the sampled networks.
        data: Name of the images.
        recipe: Name of the proxy recipe.
        full: Name of the recipe it is compared with.
        networks: Number of networks trained with both.
        failed: Number of networks that did not complete both.
        rungs: Agreement with the accuracies of the proxy's last epoch, for each rung of early stopping.
        converged: Agreement with the accuracies after `full`, for each rung and the last epoch.
        proxy_accuracy: Lowest, median and highest accuracy after the proxy, in [0, 1].
        full_accuracy: Lowest, median and highest accuracy after the full training, in [0, 1].
        standard_error: Median standard error of an accuracy after the full training.
        proxy_seconds: Median training time of a network with the proxy.
        full_seconds: Median training time of a network with the full training.
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
        """Return the fields by name with a format version, None for figures that are not defined."""
        taus = {"rungs": _defined(self.rungs), "converged": _defined(self.converged)}
        return {"version": VERSION, **asdict(self), **taus}


def _defined(agreements: Mapping[int, Agreement]) -> dict[int, tuple[float | None, ...]]:
    """Return agreements with None for NaN, which JSON does not have."""
    return {
        epoch: tuple(None if math.isnan(figure) else figure for figure in agreement)
        for epoch, agreement in agreements.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Learning curve of one training.

    Attributes:
        accuracy: Accuracy after each epoch, in [0, 1].
        standard_error: Standard error of the last accuracy.
        seconds: Duration of the training.
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
    report_line: Callable[[str], None],
) -> ProxyProfile:
    """Return how well a proxy ranks networks drawn uniformly within budgets; resumes after a kill.

    Args:
        prices: Space with the costs of its networks.
        budgets: Budgets of the networks.
        splits: Images for training and validation.
        data: Name of the images.
        proxy: Recipe of the short training.
        full: Recipe of the full training.
        networks: Number of networks, at least 3.
        seed: Seed of the draws and trainings.
        slots: Slots for parallel trainings.
        home: Folder of all studies' files.
        report_line: Callback with a line of text after each training.

    Raises:
        InvalidValueError: if `networks` is too small, or too few trainings complete.
        NothingFitsError: if nothing fits.
    """
    check_sample(networks, proxy, full)
    check_fits(prices, budgets)
    codes = fitting_codes(prices, np.random.default_rng(seed), networks, budgets)
    drawn = [prices.codes.at(code) for code in codes]
    configs = {
        (number, recipe.name): _config(
            architecture, recipe, splits, data=data, number=number, seed=seed, slots=slots, home=home
        )
        for number, architecture in enumerate(drawn)
        for recipe in (proxy, full)
    }
    curves = _trained(configs, slots, report_line)
    whole = [n for n in range(networks) if all((n, recipe.name) in curves for recipe in (proxy, full))]
    if len(whole) < _LEAST:
        raise InvalidValueError(
            f"Only {len(whole)} of {networks} networks were trained to the end: expected at least {_LEAST}. "
            f"Fix the reported failures, or choose another recipe."
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


def check_sample(networks: int, proxy: Recipe, full: Recipe) -> None:
    """Check that a number of networks can be ranked by two recipes.

    Raises:
        InvalidValueError: if there are too few, or the recipes are one.
    """
    if networks < _LEAST:
        raise InvalidValueError(f"Cannot rank {networks} networks: expected --networks of at least {_LEAST}.")
    if proxy.name == full.name:
        raise InvalidValueError(
            f"Cannot compare the recipe '{proxy.name}' with itself: expected another --full."
        )


def agreements(short: Sequence[Curve], long: Sequence[Curve], proxy: Recipe) -> dict[str, Any]:
    """Return the accuracies, and how a proxy's epochs agree with its last one and with a full training."""
    values = np.array([curve.accuracy for curve in short])  # [networks, epochs]
    ends = np.array([curve.accuracy[-1] for curve in long])
    decided = proxy.rungs or (proxy.epochs,)
    return {
        "rungs": {epoch: kendall(values[:, epoch - 1], values[:, -1]) for epoch in decided[:-1]},
        "converged": {epoch: kendall(values[:, epoch - 1], ends) for epoch in decided},
        "proxy_accuracy": _range(values[:, -1]),
        "full_accuracy": _range(ends),
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
    configs: dict[tuple[int, str], TrialConfig], slots: Slots, report_line: Callable[[str], None]
) -> dict[tuple[int, str], Curve]:
    """Return the curves of the completed trainings."""
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
            report_line(f"{done}/{len(configs)}  network {number} by {recipe}  {words}")
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
    identity = [architecture.fingerprint, recipe.identity(), splits.fingerprint, seed, number, "resized once"]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
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
        resized_once=True,
    )


def _range(values: Any) -> tuple[float, float, float]:
    return float(values.min()), float(np.median(values)), float(values.max())
