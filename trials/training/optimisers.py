"""Builds the optimiser of a recipe, SGD or AdamW, and sets its learning rate."""

from torch import nn, optim

from trials.training.recipe import Recipe


def build_optimiser(network: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Return the fused optimiser of `recipe` over the parameters of `network`.

    Weight decay applies to matrices and kernels only, not to biases, norms and other vectors.
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if recipe.optimiser == "sgd":
        return optim.SGD(
            groups,
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.momentum > 0,
            fused=True,
        )
    return optim.AdamW(groups, lr=recipe.learning_rate, betas=(recipe.momentum, 0.999), fused=True)


def set_rate(optimiser: optim.Optimizer, rate: float) -> None:
    """Set the learning rate of the next step."""
    for group in optimiser.param_groups:
        group["lr"] = rate
