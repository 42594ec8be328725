"""What a budget and a short training are worth, before a search."""

from collections.abc import Callable, Sequence

import numpy as np

from nas.files.paths import absolute_path, location_of
from nas.profiling.proxy_fidelity import ProxyProfile
from nas.profiling.proxy_fidelity import profile_proxy as measure_proxy
from nas.profiling.space_profile import SpaceProfile, profile_space
from nas.resources import slots_here
from nas.study.naming import IMAGES
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError
from search_spaces.loading import load
from search_spaces.pricing import prices
from trials.datasets import open_images
from trials.recipes import load_recipe


def profile(
    budget: str | Sequence[str],
    *,
    space: str = "hybrid_small",
    classes: int = 10,
    channels: int = 3,
    seed: int = 0,
) -> SpaceProfile:
    """Return what share of a space fits budgets and what its networks take; nothing is trained.

    Args:
        budget: One or several, for example ``"300M-MACs"``.
        space: A catalog name or a YAML file.
        classes: Classes of the images, at least 2.
        channels: 1 for grey images, 3 for colour.
        seed: Of the draws.

    Raises:
        UserError: if something given cannot be used, or nothing fits.
    """
    for name, value, least in (("classes", classes, 2), ("channels", channels, 1), ("seed", seed, 0)):
        if value < least:
            raise InvalidValueError(f"Cannot use {name} {value}: expected at least {least}.")
    texts = [budget] if isinstance(budget, str) else budget
    table = prices(load(space).codes, num_classes=classes, in_channels=channels)
    return profile_space(table, [Budget.parse(text) for text in texts], np.random.default_rng(seed))


def profile_proxy(
    budget: str | Sequence[str] = (),
    *,
    space: str = "hybrid_small",
    data: str = "digits",
    recipe: str = "proxy",
    full: str = "full",
    networks: int = 10,
    seed: int = 0,
    gpus_per_trial: float | None = None,
    storage_path: str = "nas-runs",
    told: Callable[[str], None] | None = None,
) -> ProxyProfile:
    """Return how well a search's short training ranks networks, from a sample trained by it and in full.

    The same call again goes on after a kill where it was.

    Args:
        budget: What the networks fit; none by default.
        space: A catalog name or a YAML file.
        data: An embedded data set or a path to images.
        recipe: The short training.
        full: The training to convergence that it stands for.
        networks: How many are drawn uniformly from what fits.
        seed: Of the draws and trainings.
        gpus_per_trial: Share of a GPU that each training gets.
        storage_path: Folder for decoded images and checkpoints.
        told: Called with a line after each training.

    Raises:
        UserError: if something given cannot be used, or nothing fits.
    """
    budgets = [Budget.parse(text) for text in ([budget] if isinstance(budget, str) else budget)]
    proxy, long = load_recipe(recipe), load_recipe(full)
    home = absolute_path(storage_path, "--storage-path")
    location = location_of(data)
    splits = open_images(location, seed=seed, cache=home / IMAGES)
    return measure_proxy(
        prices(load(space).codes, num_classes=len(splits.classes), in_channels=splits.channels),
        budgets,
        splits,
        data=location,
        proxy=proxy,
        full=long,
        networks=networks,
        seed=seed,
        slots=slots_here(2 * networks, gpus_per_trial),
        home=home,
        told=told or (lambda _: None),
    )
