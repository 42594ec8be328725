"""Replaces the head of a trained network for other classes, and checks its budgets again."""

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
    """Return the trained weights with a head initialised from a fixed seed.

    Args:
        weights: Trained weights by name.
        architecture: Architecture of the network.
        num_classes: Number of classes of the new head.
        in_channels: Number of channels of an image.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        fresh = build(architecture, num_classes=num_classes, in_channels=in_channels).state_dict()
    heads = {name: value for name, value in fresh.items() if name.startswith(_HEAD)}
    return {**weights, **heads}


def budget_sentences(
    architecture: Architecture, budgets: Sequence[Budget], *, num_classes: int, in_channels: int
) -> list[str]:
    """Return a sentence on each budget: whether the network meets it with another number of classes."""
    costs = count(architecture, num_classes=num_classes, in_channels=in_channels, deploy=True)
    sentences = []
    for budget in budgets:
        if not budget.counted:
            sentences.append(
                f"{budget} was measured with another head: measure the new folder with nas measure"
            )
            continue
        excess = budget.excess(costs[budget.resource])
        if excess > 0:
            sentences.append(f"{budget} no longer holds: {num_classes} classes exceed it by {excess:.2%}")
        else:
            sentences.append(f"{budget} holds with {num_classes} classes")
    return sentences
