"""A trained network with a new head, for images with other classes, and what of its budgets still holds."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.building import build
from search_spaces.counting import count

_HEAD = "head."


def with_new_head(
    weights: Mapping[str, Tensor], architecture: Architecture, *, num_classes: int, in_channels: int
) -> dict[str, Tensor]:
    """Return weights whose head is fresh and always the same, and that are the trained ones otherwise.

    Args:
        weights: As trained, by name.
        architecture: Of the network.
        num_classes: Scores of the new head.
        in_channels: Channels of an image.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        fresh = build(architecture, num_classes=num_classes, in_channels=in_channels).state_dict()
    heads = {name: value for name, value in fresh.items() if name.startswith(_HEAD)}
    return {**weights, **heads}


def budgets_then(
    architecture: Architecture, budgets: Sequence[Budget], *, num_classes: int, in_channels: int
) -> list[str]:
    """Return a sentence on each budget, whether the network keeps it with so many classes."""
    costs = count(architecture, num_classes=num_classes, in_channels=in_channels, deploy=True)
    told = []
    for budget in budgets:
        if not budget.counted:
            told.append(f"{budget} was measured with another head: time the new folder with nas measure")
            continue
        excess = budget.excess(costs[budget.resource])
        if excess > 0:
            told.append(f"{budget} no longer holds: {num_classes} classes exceed it by {excess:.2%}")
        else:
            told.append(f"{budget} holds with {num_classes} classes")
    return told
