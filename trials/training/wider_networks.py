"""NetAug: a network is a slice of wider ones while it trains, and alone afterwards.

Cai et al., 2022, "Network Augmentation for Tiny Deep Learning", https://arxiv.org/abs/2110.08890: besides the
network itself, each step trains one wider network that holds its weights as the first channels. Small
networks underfit, and the wider ones give their weights gradients that they alone would not get.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call

from search_spaces.architecture import Architecture
from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.errors import RecipeError, SpaceError, UserError
from search_spaces.surroundings import wider_space
from trials.training.optimisers import build_optimiser, load_state
from trials.training.recipe import Recipe

_WIDTHS: Final = 4
"""Widths between that of the network, left out, and the largest, at equal distances, as in the paper."""


class WiderNetworks:
    """Wider networks around a network, with an optimiser of the weights that they have besides its own.

    Args:
        network: The network in training, on its device.
        architecture: Its architecture.
        recipe: Recipe with the optimiser and the largest width.
        num_classes: Class scores of the network.
        in_channels: Channels of the images.
        seed: Seed of the further weights.

    Attributes:
        optimiser: The optimiser of the further weights.

    Raises:
        RecipeError: if the network cannot be widened, or wider ones do not hold its weights.
    """

    def __init__(
        self,
        network: nn.Module,
        architecture: Architecture,
        recipe: Recipe,
        *,
        num_classes: int,
        in_channels: int,
        seed: int,
    ) -> None:
        widths = [1 + (recipe.wider - 1) * step / _WIDTHS for step in range(1, _WIDTHS + 1)]
        try:
            space = wider_space(architecture, widths, "wider")
            shape = {"num_classes": num_classes, "in_channels": in_channels}
            self._shared = SharedWeights(space, seed=seed, **shape)
            self._own = self._shared.slices(architecture)
            self._wider = [
                space.codes.at(np.array([0, place, 0, 0, *[0] * len(space.stages)], dtype=np.int64))
                for place in range(1, len(space.width))
            ]
            if not self._wider:
                raise SpaceError("its channels are too few to grow by so little.")
            for wider in self._wider:
                self._shared.slices(wider)
        except UserError as error:
            raise RecipeError(
                f"Cannot train inside wider networks (wider: {recipe.wider:g}): {error} Set wider: 1."
            ) from error
        device = next(network.parameters()).device
        self._shared.to(device).train()
        self._network = network
        self.optimiser = build_optimiser(self._shared, recipe)
        self._present = self._wider[0]

    @property
    def parameters(self) -> Iterable[nn.Parameter]:
        """The further weights; where the network's own lie they are not used."""
        return self._shared.parameters()

    def choose(self, rng: np.random.Generator) -> None:
        """Choose the width of the next step."""
        self._present = self._wider[int(rng.integers(len(self._wider)))]

    def scores(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b k"]:
        """Return what the chosen wider network says; gradients reach the network's weights too."""
        tensors = {f"tensors.{key}": tensor for key, tensor in self._shared.tensors.items()}
        for path, weight in self._network.named_parameters():
            name = f"tensors.{self._own[path].key}"
            held = tensors[name].clone()
            self._own[path].put(held, weight)
            tensors[name] = held
        found: Tensor = functional_call(self._shared, tensors, (self._present, images))
        return found

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` restores."""
        return {"weights": self._shared.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state."""
        self._shared.load_state_dict(state["weights"])
        load_state(self.optimiser, state["optimiser"])
