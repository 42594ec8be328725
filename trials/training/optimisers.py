"""Builds the optimiser of a recipe, SGD or AdamW, and sets its learning rate."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import torch
from torch import nn, optim

from trials.training.fine_tuning import rate_factors
from trials.training.recipe import Recipe

_FACTOR: Final = "rate_factor"
WITH_KERNELS: Final = (
    nn.Linear,
    nn.Bilinear,
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
)
"""Layers with a weight that they multiply their input by, which weight decay applies to."""


def build_optimiser(network: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Return the fused optimiser of `recipe` over the parameters of `network`.

    Weight decay applies to matrices and kernels only, not to biases, norms and other vectors, whatever
    their shape: a layer scale of [c, 1, 1] is a vector, a convolution's kernel of [c, 1, 1, 1] is not.
    """
    kernels = _kernels(network)
    factors = rate_factors(network, recipe) if recipe.layer_rate < 1 else None
    return optimiser_over(
        network.parameters(),
        recipe,
        lambda parameter: id(parameter) in kernels or is_matrix(parameter),
        factors=factors,
    )


def restored_optimiser(network: nn.Module, recipe: Recipe, state: dict[str, Any]) -> optim.Optimizer:
    """Return the optimiser in the state of a checkpoint, which may be from an earlier version.

    Earlier versions took every parameter of two or more dimensions for a matrix. A training that began so
    goes on so, or it would end in other weights than without the interruption.

    Raises:
        ValueError: if the state belongs to another network.
    """
    optimiser = build_optimiser(network, recipe)
    if _sizes(optimiser.state_dict()) != _sizes(state):
        optimiser = optimiser_over(network.parameters(), recipe, lambda parameter: parameter.ndim > 1)
    load_state(optimiser, state)
    return optimiser


def load_state(optimiser: optim.Optimizer, state: dict[str, Any]) -> None:
    """Restore the state of an optimiser of this module, which may be of an earlier version.

    Raises:
        ValueError: if the state belongs to another network.
    """
    optimiser.load_state_dict(state)
    _start_momentum(optimiser)


def set_rate(optimiser: optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step, times the factor of each group that has one."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group.get(_FACTOR, 1.0)


def optimiser_over(
    parameters: Iterable[nn.Parameter],
    recipe: Recipe,
    decays: Callable[[nn.Parameter], bool],
    *,
    factors: Mapping[int, float] | None = None,
) -> optim.Optimizer:
    """Return the fused optimiser of `recipe` over some parameters.

    Args:
        parameters: The parameters; those that need no gradient are left out.
        recipe: Recipe with the optimiser and its rates.
        decays: Says whether weight decay applies to a parameter.
        factors: Factor on the rate of each parameter, by its id; None for the same rate.
    """
    parameters = [p for p in parameters if p.requires_grad]
    groups: list[dict[str, Any]] = []
    for factor in sorted({1.0} if factors is None else {factors[id(p)] for p in parameters}):
        alike = [p for p in parameters if factors is None or factors[id(p)] == factor]
        own = {} if factors is None else {_FACTOR: factor}
        groups += [
            {"params": [p for p in alike if decays(p)], "weight_decay": recipe.weight_decay, **own},
            {"params": [p for p in alike if not decays(p)], "weight_decay": 0.0, **own},
        ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimiser == "sgd":
        sgd = optim.SGD(
            groups,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
            fused=True,
        )
        _start_momentum(sgd)
        return sgd
    return optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=True)


def _start_momentum(optimiser: optim.Optimizer) -> None:
    """Give each parameter of SGD with momentum its buffer; the first step from 0 is that without a buffer.

    Torch's fused SGD fails where some parameters of a group have one and others do not, as when stages that
    were frozen begin to learn, or parts of a network are not used in every step.
    """
    for group in optimiser.param_groups:
        if isinstance(optimiser, optim.SGD) and group["momentum"] > 0:
            for parameter in group["params"]:
                if optimiser.state[parameter].get("momentum_buffer") is None:
                    optimiser.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)


def _kernels(network: nn.Module) -> set[int]:
    """Return the ids of the parameters that a layer multiplies its input by."""
    return {id(module.weight) for module in network.modules() if isinstance(module, WITH_KERNELS)}


def is_matrix(parameter: nn.Parameter) -> bool:
    """Return whether a parameter that no known layer owns has several entries along two dimensions."""
    return sum(side > 1 for side in parameter.shape) > 1


def _sizes(state: dict[str, Any]) -> list[int]:
    return [len(group["params"]) for group in state["param_groups"]]
