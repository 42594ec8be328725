"""Distillation from inside a teacher: the maps of a network's stages learn those of the teacher's stages.

Aflalo et al., 2020 (Knapsack Pruning with Inner Distillation), https://arxiv.org/abs/2002.08258: the squared
distance of feature maps, the network's after a linear map to the teacher's channels, is added to the loss.
Here it is taken between the last stages of each reduction that both have; the teacher's maps are scaled to a
variance of 1.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces.errors import RecipeError
from trials.training.optimisers import build_optimiser, load_state
from trials.training.recipe import Recipe
from trials.training.seeding import seeded_build

Maps = dict[int, Tensor]
"""Output [b, c, h, w] of each stage of a network, by its place."""


@contextmanager
def watched(network: nn.Module) -> Iterator[Maps]:
    """Yield the maps of the network's stages, which its next call fills in."""
    maps: Maps = {}

    def keep(place: int) -> Any:
        def hook(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            maps[place] = output

        return hook

    stages = getattr(network, "stages", None)
    children = list(stages.children()) if isinstance(stages, nn.Module) else []
    handles = [stage.register_forward_hook(keep(place)) for place, stage in enumerate(children)]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()


class InnerDistillation:
    """Linear maps from the channels of a network's stages to those of its teacher's, in training.

    Args:
        student: The network, on its device.
        teacher: The teacher, on the same.
        images: Shapes [1, c, r, r] of the images of both.
        recipe: Recipe with the optimiser.
        seed: Seed of the initial maps.
        device: Device of both.

    Raises:
        RecipeError: if they have no stages of the same reduction.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module,
        images: tuple[tuple[int, ...], tuple[int, ...]],
        recipe: Recipe,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        own, other = (
            _reductions(network, shape, device)
            for network, shape in zip((student, teacher), images, strict=True)
        )
        both = sorted(own.keys() & other.keys())
        if not both:
            raise RecipeError(
                f"teacher_features {recipe.teacher_features:g} needs stages that reduce images alike: "
                f"expected a teacher with stages at {_listed(own)} of the side, found {_listed(other)}. Set "
                f"teacher_features: 0."
            )
        self._pairs = [(own[reduction][0], other[reduction][0]) for reduction in both]
        channels = [(own[reduction][1], other[reduction][1]) for reduction in both]

        def build() -> nn.ModuleList:
            return nn.ModuleList(nn.Conv2d(inside, outside, 1, bias=False) for inside, outside in channels)

        self._maps = seeded_build(build, seed).to(device)
        self.optimiser = build_optimiser(self._maps, recipe)

    def loss(self, student: Maps, teacher: Maps) -> Float[Tensor, ""]:
        """Return the mean squared distance of a network's maps from its teacher's."""
        distances = []
        for own, (place, other) in zip(self._maps, self._pairs, strict=True):
            wanted = teacher[other].detach().float()
            wanted = wanted / wanted.std().clamp_min(1e-6)
            found = own(student[place].float())
            if wanted.shape[2:] != found.shape[2:]:
                wanted = F.interpolate(wanted, found.shape[2:], mode="bilinear", antialias=True)
            distances.append(F.mse_loss(found, wanted))
        return torch.stack(distances).mean()

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` restores."""
        return {"maps": self._maps.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state."""
        self._maps.load_state_dict(state["maps"])
        load_state(self.optimiser, state["optimiser"])


@torch.no_grad()
def _reductions(
    network: nn.Module, shape: tuple[int, ...], device: torch.device
) -> dict[int, tuple[int, int]]:
    """Return place and channels of the last stage at each reduction of the image's side."""
    was_training = network.training
    with watched(network) as maps:
        network.eval()(torch.zeros(shape, device=device))
    network.train(was_training)
    return {
        round(shape[-1] / found.shape[-1]): (place, found.shape[1])
        for place, found in sorted(maps.items())
        if found.ndim == 4
    }


def _listed(reductions: Mapping[int, object]) -> str:
    return ", ".join(f"1/{reduction}" for reduction in sorted(reductions)) or "none"
