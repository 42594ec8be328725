"""Finds the recipe by which the weights of a network were trained, with nothing left to the images."""

from typing import Any

import optuna

from nas.study.delivered_weights import DeliveredWeights
from nas.study.study import settings_of
from trials.images.splits import Splits
from trials.training.flips import settled_flips
from trials.training.recipe import Recipe


def trained_recipe(study: optuna.Study, weights: DeliveredWeights, splits: Splits | None) -> dict[str, Any]:
    """Return the recipe of a network's weights as JSON has it.

    Comparisons of earlier versions hold ``flip: detect``, which each training settled by its images.

    Args:
        study: Study of the network.
        weights: Its weights.
        splits: Images of the study at the resolution of the network; None if they are gone, and what is left
            to them stays so.
    """
    stored = settings_of(study).recipe if weights.retrained is None else weights.retrained.recipe
    if stored.get("flip") != "detect" or splits is None:
        return stored
    return settled_flips(Recipe.from_json(stored), splits)[0].to_json()
