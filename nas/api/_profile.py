"""Implements ``nas.profile``, ``nas.profile_proxy`` and ``nas.profile_scores``: what fits, what ranks."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from nas.api._numbers import check_at_least, check_images
from nas.api._process_state import process_left_as_found
from nas.files.locating import usable_folder
from nas.files.paths import location_of
from nas.orchestration.space_choice import space_for
from nas.profiling.network_scores import ScoreProfile, check_scored
from nas.profiling.network_scores import profile_scores as take_scores
from nas.profiling.proxy_fidelity import ProxyProfile, check_sample
from nas.profiling.proxy_fidelity import profile_proxy as measure_proxy
from nas.profiling.space_profile import SpaceProfile, profile_space
from nas.resources import slots_here
from nas.study.naming import IMAGES
from search_spaces.budget import Budget, unconsidered
from search_spaces.catalog_fit import check_fits
from search_spaces.errors import InvalidValueError
from search_spaces.loading import load
from search_spaces.pricing import prices
from search_spaces.whole_weights import with_whole_weights
from trials.datasets import open_images
from trials.images.image_cache import emptied_on_error
from trials.images.splits import Splits
from trials.recipes import load_recipe
from trials.scoring import ScoringImages


@process_left_as_found()
def profile(
    budget: str | Sequence[str],
    *,
    space: str | None = None,
    classes: int | None = None,
    channels: int | None = None,
    data: str | None = None,
    seed: int = 0,
    storage_path: str = "nas-runs",
) -> SpaceProfile:
    """Return the share of a space that fits budgets and the range of each cost; nothing is trained.

    Args:
        budget: One or several budgets, for example ``"300M-MACs"``. Those that have to be measured, such as a
            latency, are not considered.
        space: Name of a space in the catalog, or a YAML file. By default the one that a search of `data` and
            the budgets takes, ``"hybrid_small"`` without `data`.
        classes: Number of classes, at least 2; by default those of `data`, 10 without.
        channels: Image channels, 1 for greyscale or 3 for colour; by default those of `data`, 3 without.
        data: Name of an embedded data set, or path of images, which are opened as a search opens them.
        seed: Seed of the random draws, at least 0.
        storage_path: Folder for decoded images.

    Raises:
        UserError: if something given cannot be used, all budgets have to be measured, or nothing fits.
    """
    check_images(classes=classes, channels=channels)
    check_at_least("seed", seed, 0)
    budgets = _parsed(budget)
    named = None if space is None else load(space)
    with ExitStack() as stack:
        if data is None:
            deployed = named or load("hybrid_small")
        else:
            splits = stack.enter_context(_opened(data, seed, usable_folder(storage_path)))
            deployed = named or space_for(splits, budgets)
            classes, channels = classes or len(splits.classes), channels or splits.channels
        if all(limit.bytes_per_element > 1 for limit in budgets):
            deployed = with_whole_weights(deployed)
        table = prices(deployed.codes, num_classes=classes or 10, in_channels=channels or 3)
        return profile_space(table, budgets, np.random.default_rng(seed))


@process_left_as_found()
def profile_proxy(
    budget: str | Sequence[str] = (),
    *,
    space: str | None = None,
    data: str = "digits",
    recipe: str = "proxy",
    full: str = "full",
    networks: int = 10,
    seed: int = 0,
    gpus_per_trial: float | None = None,
    storage_path: str = "nas-runs",
    report_line: Callable[[str], None] | None = None,
) -> ProxyProfile:
    """Train a sample of networks with a short recipe and in full, and return how well the short one ranks.

    The same call resumes an interrupted one.

    Args:
        budget: Budgets that the networks fit; none by default.
        space: Name of a space in the catalog, or a YAML file; by default the one that a search takes.
        data: Name of an embedded data set, or path of images.
        recipe: Recipe of the short training.
        full: Recipe of the training to convergence.
        networks: Number of networks, drawn uniformly from those that fit.
        seed: Seed of the draws and trainings, at least 0.
        gpus_per_trial: GPUs for each training; by default 1 if there are GPUs.
        storage_path: Folder for decoded images and checkpoints.
        report_line: Called with one line after each training.

    Raises:
        UserError: if something given cannot be used, or nothing fits.
    """
    budgets = _parsed(budget, report_line)
    proxy, long = load_recipe(recipe), load_recipe(full)
    check_at_least("--seed", seed, 0)
    check_sample(networks, proxy, long)
    named, slots = None if space is None else load(space), slots_here(2 * networks, gpus_per_trial)
    home = usable_folder(storage_path)
    with _opened(data, seed, home) as splits:
        codes = with_whole_weights(named or space_for(splits, budgets)).codes
        table = prices(codes, num_classes=len(splits.classes), in_channels=splits.channels)
        check_fits(table, budgets)
    return measure_proxy(
        table,
        _counted(budgets),
        splits,
        data=location_of(data),
        proxy=proxy,
        full=long,
        networks=networks,
        seed=seed,
        slots=slots,
        home=home,
        report_line=report_line or (lambda _: None),
    )


@process_left_as_found()
def profile_scores(
    budget: str | Sequence[str] = (),
    *,
    space: str | None = None,
    data: str = "digits",
    networks: int = 10,
    seed: int = 0,
    storage_path: str = "nas-runs",
    report_line: Callable[[str], None] | None = None,
) -> ScoreProfile:
    """Return training-free scores and exact counts of networks near budgets, and how they agree.

    Args:
        budget: Budgets that the networks fit; none by default.
        space: Name of a space in the catalog, or a YAML file; by default the one that a search takes.
        data: Name of an embedded data set, or path of images, on which networks are scored.
        networks: Number of networks, drawn uniformly from those that take at least 80 % of a budget.
        seed: Seed of the draws and of the weights, at least 0.
        storage_path: Folder for decoded images.
        report_line: Called with one line after each network.

    Raises:
        UserError: if something given cannot be used, or nothing fits.
    """
    budgets = _parsed(budget, report_line)
    check_at_least("--seed", seed, 0)
    check_scored(networks)
    named = None if space is None else load(space)
    with _opened(data, seed, usable_folder(storage_path)) as splits:
        codes = (named or space_for(splits, budgets)).codes
        return take_scores(
            prices(codes, num_classes=len(splits.classes), in_channels=splits.channels),
            _counted(budgets),
            ScoringImages.of(splits, seed=seed),
            data=location_of(data),
            networks=networks,
            seed=seed,
            report_line=report_line or (lambda _: None),
        )


def _parsed(budget: str | Sequence[str], report_line: Callable[[str], None] | None = None) -> list[Budget]:
    """Return the budgets of a profile, which considers those that can be counted.

    Args:
        budget: One or several budgets.
        report_line: Called with a line that names those that are not considered; None for nothing.

    Raises:
        BudgetError: if one cannot be read.
        InvalidValueError: if there are budgets, and all have to be measured.
    """
    budgets = [Budget.parse(text) for text in ([budget] if isinstance(budget, str) else budget)]
    left_out = [str(limit) for limit in budgets if not limit.counted]
    if left_out and not _counted(budgets):
        raise InvalidValueError(
            f"Cannot profile {left_out[0]}: it has to be measured. Expected at least one budget of counted "
            f"costs, for example 100M-MACs."
        )
    if left_out and report_line is not None:
        report_line(unconsidered(left_out))
    return budgets


def _counted(budgets: Sequence[Budget]) -> list[Budget]:
    return [budget for budget in budgets if budget.counted]


@contextmanager
def _opened(data: str, seed: int, home: Path) -> Iterator[Splits]:
    """Yield images as a search opens them; what was decoded is removed if the block fails."""
    with emptied_on_error(home / IMAGES):
        yield open_images(location_of(data), seed=seed, cache=home / IMAGES)
