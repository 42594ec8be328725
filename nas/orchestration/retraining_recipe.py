"""Chooses the recipe of a retraining where none is named, once: what was begun goes on by its recipe."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import optuna

from dashboards.result import TrialResult
from nas.files.locating import files_of
from nas.files.study_images import images_for
from nas.orchestration.deployed_form import AWARE_FROM, FP32, INT8, quantisation_aware, says_when
from nas.orchestration.initial_weights import SEARCH, SUPERNET
from nas.orchestration.retraining_place import contents_of, retraining_place
from nas.study.recipe_choices import chosen_recipe, store_choice
from nas.study.retrained import final, ranked
from search_spaces.counting import count
from trials.recipe_choice import RecipeChoice, fitting, settled
from trials.recipes import RECIPES
from trials.training.file_names import CHECKPOINT, WEIGHTS
from trials.training.recipe import Recipe

_ALWAYS = "full"
"""The recipe of every retraining before recipes were chosen."""
_FINE_TUNING = "fine_tune"


def recipe_of(
    study: optuna.Study,
    networks: Sequence[TrialResult],
    asked: Recipe | None,
    *,
    weights: str | None,
    deploy_dtype: str = FP32,
    editions: Sequence[Recipe] = (),
) -> RecipeChoice:
    """Return the recipe by which networks of a study are trained again; several by one, to be compared.

    What is deployed in int8 is trained quantisation-aware, unless the recipe that is asked for sets
    ``fake_quant_from`` itself, or a training was begun without that has not ended, or ended in int8.

    Args:
        study: Their study.
        networks: The networks, best first; the first decides.
        asked: Recipe that was asked for; None to choose one.
        weights: What they begin with, see `nas.orchestration.initial_weights.source_for`.
        deploy_dtype: Numbers in which they are deployed.
        editions: What the recipe that is asked for was in earlier versions; what was begun by it goes on so.

    Raises:
        DataError: if the images of the study are needed and have changed.
    """
    choice = _chosen(study, networks, asked, weights=weights)
    for edition in editions:
        before = edition.model_copy(update={"flip": choice.recipe.flip})
        if any(
            _begun(study, networks, form, weights=weights) for form in (before, quantisation_aware(before))
        ):
            choice = replace(choice, recipe=before)
    said = asked is not None and says_when(asked)
    if deploy_dtype != INT8 or said or _begun(study, networks, choice.recipe, weights=weights, in_int8=True):
        return choice
    aware = (
        f"Quantisation-aware after {AWARE_FROM:.0%} of the epochs, as networks are deployed in int8; a "
        f"recipe with fake_quant_from: 1, or --deploy-dtype fp32, does without."
    )
    return RecipeChoice(quantisation_aware(choice.recipe), f"{choice.reason} {aware}".strip())


def _chosen(
    study: optuna.Study, networks: Sequence[TrialResult], asked: Recipe | None, *, weights: str | None
) -> RecipeChoice:
    """Return the recipe without regard to int8; arguments and errors as for `recipe_of`."""
    if asked is not None:
        return RecipeChoice(asked, "") if asked.flip != "detect" else settled(asked, images_for(study))
    first = networks[0]
    known = chosen_recipe(study, first.trial)
    if weights not in {None, SEARCH, SUPERNET}:  # trained weights from elsewhere
        earlier = [] if known is None else [known]
        for begun in (
            *earlier,
            RecipeChoice(RECIPES[_ALWAYS], f"Recipe {_ALWAYS}, by which this was begun."),
        ):
            if _begun(study, networks, begun.recipe, weights=weights):
                return begun
        choice = settled(RECIPES[_FINE_TUNING], images_for(study))
        return replace(choice, reason=f"Recipe {_FINE_TUNING} for trained weights. {choice.reason}".strip())
    if known is not None:
        return known
    splits = images_for(study)
    if _begun(study, networks, RECIPES[_ALWAYS], weights=weights):
        choice = RecipeChoice(RECIPES[_ALWAYS], f"Recipe {_ALWAYS}, by which this was begun.")
    else:
        shape = {"num_classes": len(splits.classes), "in_channels": splits.channels}
        choice = fitting(count(first.architecture, **shape).params, splits)
    store_choice(study, first.trial, choice)
    return choice


def _begun(
    study: optuna.Study,
    networks: Sequence[TrialResult],
    recipe: Recipe,
    *,
    weights: str | None,
    in_int8: bool = False,
) -> bool:
    """Return whether one of the networks was begun to be trained again by a recipe.

    Args:
        study: Their study.
        networks: The networks.
        recipe: The recipe.
        weights: What they begin with.
        in_int8: Whether those that have ended count only if their int8 form was evaluated.
    """
    files, contents = files_of(study), contents_of(study, recipe, weights)
    places = [
        retraining_place(recipe, network.trial, begins_with=weights, contents=contents, joined=joined)
        for network, joined in product(networks, (True, False))
    ]
    if any(files.exists(f"{place}/{CHECKPOINT}") for place in places):
        return True
    ended = {f"{place}/{WEIGHTS}" for place in places}
    if in_int8:
        known = (of for n in networks for of in (ranked(study).get(n.trial), final(study, n.trial)))
        ended &= {one.weights for one in known if one is not None and one.int8 is not None}
    return any(map(files.exists, ended))
