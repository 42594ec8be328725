"""Weight decay is for what multiplies a layer's input, and an older checkpoint keeps what it began with."""

import copy
from itertools import islice
from typing import Any

import pytest
import torch
from torch import nn

from search_spaces.blocks.convnext import ConvNeXt
from search_spaces.mixers.cross_covariance_attention import CrossCovarianceAttention
from trials.training import learner
from trials.training.loop import train
from trials.training.optimisers import build_optimiser, restored_optimiser
from trials.training.recipe import Recipe

CPU = torch.device("cpu")
EXACT = Recipe(name="exact", epochs=3, warmup_epochs=0, precision="fp32", weight_decay=0.5)


class Parts(nn.Module):
    """Parameters of many kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(8, 8, 1, groups=8)  # [8, 1, 1, 1]: a kernel all the same
        self.one_score = nn.Linear(8, 1)
        self.norm = nn.BatchNorm2d(8)
        self.layer_scale = nn.Parameter(torch.ones(8, 1, 1))
        self.temperature = nn.Parameter(torch.ones(1, 4, 1, 1))
        self.gate = nn.Parameter(torch.ones(()))
        self.mixing = nn.Parameter(torch.ones(3, 4))


DECAYED = {"depthwise.weight", "one_score.weight", "mixing"}


def decayed(network: nn.Module, optimiser: torch.optim.Optimizer) -> set[str]:
    ids = {id(p) for group in optimiser.param_groups if group["weight_decay"] for p in group["params"]}
    return {name for name, parameter in network.named_parameters() if id(parameter) in ids}


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_weight_decay_is_decided_by_what_a_parameter_is(kind):
    network = Parts()
    recipe = EXACT.model_copy(update={"optimiser": kind})
    assert decayed(network, build_optimiser(network, recipe)) == DECAYED


@pytest.mark.parametrize("part", [ConvNeXt(8, 8, stride=1, mixer=nn.Identity), CrossCovarianceAttention(32)])
def test_scales_and_temperatures_of_our_own_layers_are_not_decayed(part):
    names = decayed(part, build_optimiser(part, EXACT))
    assert names
    assert all(name.endswith("weight") for name in names)


class Scaled(nn.Module):
    """A small network with a layer scale."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        self.scale = nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.body(x * self.scale)
        return scores


def test_a_checkpoint_that_decays_every_matrix_shape_goes_on_exactly(
    small_network, tiny_splits, tmp_path, monkeypatch
):
    settings: dict[str, Any] = {"resolution": 8, "seed": 0, "device": CPU, "clock": lambda: 0.0}

    def as_before(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
        groups = [
            {"params": [p for p in network.parameters() if p.ndim > 1], "weight_decay": recipe.weight_decay},
            {"params": [p for p in network.parameters() if p.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=True)

    unbroken, broken, resumed = (Scaled(small_network()) for _ in range(3))
    checkpoint = tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patch:
        patch.setattr(learner, "build_optimiser", as_before)
        expected = list(train(unbroken, tiny_splits, EXACT, **settings))
        list(islice(train(broken, tiny_splits, EXACT, checkpoint=checkpoint, **settings), 1))
    found = list(train(resumed, tiny_splits, EXACT, checkpoint=checkpoint, **settings))
    assert found == expected
    assert torch.equal(resumed.scale, unbroken.scale)

    new = Scaled(small_network())
    list(train(new, tiny_splits, EXACT, **settings))
    assert not torch.equal(new.scale, unbroken.scale)


def test_a_state_of_another_network_is_refused():
    state = build_optimiser(nn.Linear(2, 2), EXACT).state_dict()
    with pytest.raises(ValueError, match="parameter group"):
        restored_optimiser(Parts(), EXACT, state)


@pytest.mark.parametrize("restored", [False, True])
def test_sgd_takes_parameters_whose_first_gradient_comes_later(restored: bool):
    def stepped(optimiser: torch.optim.Optimizer, *layers: nn.Module) -> None:
        optimiser.zero_grad(set_to_none=True)
        for layer in layers:
            layer(torch.ones(1, 4)).sum().backward()
        optimiser.step()

    torch.manual_seed(0)
    late, early = nn.Linear(4, 4), nn.Linear(4, 4)
    network = nn.Sequential(late, early)
    recipe = EXACT.model_copy(update={"optimiser": "sgd"})
    alone = copy.deepcopy(late)
    optimiser = build_optimiser(network, recipe)
    stepped(optimiser, early)
    if restored:  # as an earlier version wrote it: without what has not had a gradient
        state = optimiser.state_dict()
        state["state"] = {place: state["state"][place] for place in (1, 3)}
        optimiser = restored_optimiser(network, recipe, state)
    stepped(optimiser, late, early)
    plain = torch.optim.SGD(
        [alone.weight],
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=True,
        weight_decay=recipe.weight_decay,
    )
    stepped(plain, alone)
    assert torch.equal(late.weight, alone.weight)
