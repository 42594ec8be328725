"""Names the folder of a retraining among the files of its study, by all that makes it another training."""

from collections.abc import Sequence

import optuna

from nas.orchestration.initial_weights import SEARCH
from nas.study.naming import retraining_folder
from nas.study.source_contents import content_marks
from trials.training.recipe import Recipe


def contents_of(study: optuna.Study, recipe: Recipe, begins_with: str | None) -> list[str]:
    """Read the files of weights and teacher, and return what distinguishes them from earlier ones there."""
    return [*content_marks(study, begins_with), *content_marks(study, recipe.teacher)]


def retraining_place(
    recipe: Recipe,
    trial: int,
    *,
    begins_with: str | None,
    contents: Sequence[str],
    joined: bool,
    seed: int = 0,
) -> str:
    """Return the folder of a training.

    Args:
        recipe: Training recipe.
        trial: Number of the network's trial.
        begins_with: What it begins with, see `nas.orchestration.initial_weights`; None for random weights.
        contents: What `contents_of` returns for them.
        joined: Whether it trains on the validation images too.
        seed: Number of the training among those that differ in their randomness, from 0.
    """
    settings: list[object] = [recipe.identity(), joined, begins_with == SEARCH]
    settings += [] if begins_with in {None, SEARCH} else [begins_with]
    settings += [f"seed {seed}"] if seed else []
    settings += contents
    return retraining_folder(trial, recipe.name, settings)
