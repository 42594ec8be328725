"""Forecasts the memory that a supernet's training takes, before anything is allocated."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from search_spaces.costs import format_cost
from search_spaces.elastic.layout import SharedLayout
from trials.supernet.recipe import SupernetRecipe
from trials.supernet.step_networks import StepNetworks
from trials.training.errors import OutOfMemoryError

_BYTES: Final = 4  # of a weight, its gradient and each number of the optimiser's state
# Kept for the backward pass for each number that a layer puts out: it, and what its norm and activation make.
_KEPT: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryForecast:
    """Bytes that the training of a supernet takes at its peak.

    Attributes:
        name: Name of the space.
        weights: Bytes of the shared tensors.
        gradients: Bytes of their gradients, if a step used all of them.
        optimiser_state: Bytes of the optimiser's state.
        activations: Bytes that the largest network of a step keeps for its backward pass, a whole batch.
        batch_size: Images of the batch.
        networks: (MACs, bytes of activations) of networks of the steps.
    """

    name: str
    weights: int
    gradients: int
    optimiser_state: int
    activations: int
    batch_size: int
    networks: tuple[tuple[int, int], ...]

    @property
    def total(self) -> int:
        """Bytes of everything."""
        return self.weights + self.gradients + self.optimiser_state + self.activations

    def check(self, free: int | None) -> None:
        """Raise if the memory does not suffice.

        Args:
            free: Free memory in bytes; None if it is not known.

        Raises:
            OutOfMemoryError: says what is needed, and how large the largest network may be.
        """
        if free is None or self.total <= free:
            return
        left = free - (self.total - self.activations)
        fitting = [macs for macs, activations in self.networks if activations <= left]
        if fitting:
            advice = (
                f"The largest network may have about {format_cost('macs', max(fitting))} MACs: lower the "
                f"band, its reach or the batch_size"
            )
        else:
            advice = "Not even its smallest network fits: offer fewer choices or lower the batch_size"
        raise OutOfMemoryError(
            f"The supernet of '{self.name}' needs {_text(self.total)}, of which {_text(self.activations)} "
            f"are for {self.batch_size} images in its largest network: expected at most {_text(free)}. "
            f"{advice}."
        )


def forecast_memory(layout: SharedLayout, networks: StepNetworks, recipe: SupernetRecipe) -> MemoryForecast:
    """Return the memory that a training takes at its peak.

    Args:
        layout: Sizes of the shared tensors.
        networks: Networks of the steps.
        recipe: Recipe of the training.
    """
    training = recipe.training
    weights = _BYTES * layout.params
    each = _KEPT * (2 if training.precision == "bf16" else 4) * training.batch_size
    macs, activations = networks.sizes()
    states = 2 if training.optimiser == "adamw" else int(training.momentum > 0)
    return MemoryForecast(
        name=layout.space.name,
        weights=weights,
        gradients=weights,
        optimiser_state=states * weights,
        activations=int(activations.max()) * each,
        batch_size=training.batch_size,
        networks=tuple(zip(macs.tolist(), np.multiply(activations, each).tolist(), strict=True)),
    )


def _text(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**30 else f"{size / 2**20:.0f} MiB"
