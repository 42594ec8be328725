"""Frozen stages keep their weights as long as the recipe says, and early layers learn more slowly."""

import pytest
import torch

import search_spaces
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import RecipeError
from trials.training.fine_tuning import rate_factors
from trials.training.loop import train
from trials.training.optimisers import build_optimiser
from trials.training.recipe import Recipe

NETWORK = Architecture(
    network="pyramid",
    resolution=8,
    stages=tuple(
        Stage(block="inverted_residual", channels=16, depth=1, options=options_of({"expansion": 2}))
        for _ in range(2)
    ),
    options=options_of({"stem_channels": 8}),
)


def learnt(splits, **fields) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return the parameters before and after a training."""
    torch.manual_seed(0)
    network = search_spaces.build(NETWORK, num_classes=len(splits.classes), in_channels=splits.channels)
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    recipe = Recipe(name="fine", epochs=2, batch_size=8, precision="fp32", **fields)
    first = next(train(network, splits, recipe, resolution=8, seed=0, device=torch.device("cpu")))
    assert first.epoch == 1
    return before, dict(network.named_parameters())


def test_in_frozen_epochs_only_the_head_or_later_stages_learn(tiny_splits):
    before, after = learnt(tiny_splits, frozen_epochs=1)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith(("head", "neck")) for name in changed)
    before, after = learnt(tiny_splits, frozen_epochs=1, frozen_stages=1)
    changed = {name.rpartition(".body")[0] for name in before if not torch.equal(before[name], after[name])}
    assert "stages.1.0" in changed
    assert "stages.0.0" not in changed
    assert all(p.requires_grad for p in after.values())


def test_rates_fall_by_the_same_factor_from_stage_to_stage_towards_the_image():
    network = search_spaces.build(NETWORK, num_classes=3)
    recipe = Recipe(name="fine", epochs=2, layer_rate=0.5)
    factors = rate_factors(network, recipe)
    found = {name.partition(".body")[0]: factors[id(p)] for name, p in network.named_parameters()}
    assert found["head.weight"] == 1
    assert found["stages.1.0"] == 0.5
    assert found["stages.0.0"] == 0.25
    assert found["stem.0.weight"] == 0.125
    assert len(build_optimiser(network, recipe).param_groups) > 2
    assert len(build_optimiser(network, Recipe(name="plain", epochs=2)).param_groups) == 2


def test_a_recipe_that_freezes_to_the_end_is_refused():
    with pytest.raises(RecipeError, match="frozen_epochs 3 must be below epochs"):
        Recipe.from_json({"name": "fine", "epochs": 3, "frozen_epochs": 3, "warmup_epochs": 0})
