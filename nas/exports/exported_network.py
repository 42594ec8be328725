"""A delivery: one trained network on its way out, with what is known about it."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from search_spaces.architecture import Architecture
from search_spaces.building import build
from search_spaces.costs import Costs
from search_spaces.counting import count
from search_spaces.errors import ExportError


@dataclass(frozen=True, kw_only=True, eq=False)
class ExportedNetwork:
    """One trained network, and what its files say about it.

    Attributes:
        name: Of its files and of the function that builds it.
        architecture: What it is.
        weights: Its parameters and buffers by name, as trained.
        num_classes: Scores for each image.
        in_channels: Channels of an image.
        classes: What the scores stand for, in order; empty if unknown.
        mean: Of each channel, subtracted from pixels in [0, 1].
        std: Of each channel, what they are divided by afterwards.
        provenance: Where it comes from, by topic, for example budget, study, version, command.
        front_networks: Other networks of its front, each by topic, for example network, accuracy, MACs.
        recipe: How it was trained, a `trials.training.recipe.Recipe` by field name; None if unknown.
        deploy: Whether the weights are delivered in the form for inference only.
        calibration: Some training images after preprocessing, [n, c, r, r], that int8 is fitted to.
        held_out: Other images after preprocessing, [n, c, r, r], and their labels, [n], that int8 is
            measured on.
    """

    name: str
    architecture: Architecture
    weights: Mapping[str, Tensor]
    num_classes: int
    in_channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    classes: tuple[str, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)
    front_networks: tuple[Mapping[str, str], ...] = ()
    recipe: Mapping[str, Any] | None = None
    deploy: bool = False
    calibration: Tensor | None = None
    held_out: tuple[Tensor, Tensor] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return (self.in_channels, self.architecture.resolution, self.architecture.resolution)

    @property
    def num_features(self) -> int:
        """Channels that its head reads."""
        return self.network.get_submodule("head").get_parameter("weight").shape[1]

    @cached_property
    def costs(self) -> Costs:
        """What it takes in the form that runs: re-parameterised, batch 1."""
        return count(
            self.architecture, num_classes=self.num_classes, in_channels=self.in_channels, deploy=True
        )

    @cached_property
    def network(self) -> nn.Module:
        """The network as trained, ready for inference; what is written is compared with it."""
        with torch.random.fork_rng(devices=[]):
            network = build(self.architecture, num_classes=self.num_classes, in_channels=self.in_channels)
        try:
            network.load_state_dict(dict(self.weights))
        except RuntimeError as error:
            raise ExportError(
                f"Cannot export '{self.name}': its weights do not fit its architecture ({error}). "
                f"Give the weights that were trained for it."
            ) from error
        return network.eval()

    @property
    def deploys(self) -> bool:
        """Whether its form for inference differs from that for training."""
        return any(hasattr(module, "switch_to_deploy") for module in self.network.modules())

    @cached_property
    def deployed(self) -> nn.Module:
        """The network re-parameterised, ready for inference."""
        network = copy.deepcopy(self.network)
        for module in list(network.modules()):
            switch = getattr(module, "switch_to_deploy", None)
            if switch is not None:
                switch()
        return network

    def images(self, batch: int) -> Float[Tensor, "b c r r"]:
        """Return random images, always the same ones, standard normal as after preprocessing."""
        return torch.randn(batch, *self.shape, generator=torch.Generator().manual_seed(batch))

    def scores(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b classes"]:
        """Return what the trained network makes of images."""
        with torch.inference_mode():
            return self.network(images)

    def compare(self, form: str, found: Tensor, expected: Tensor, tolerance: float) -> None:
        """Check that a written form gives the scores of the trained network.

        Args:
            form: What is compared, for the message.
            found: Scores of the written form, [b, classes].
            expected: Scores of the trained network, [b, classes].
            tolerance: Largest error accepted, as a share of the largest score, or of 1 if that is more.

        Raises:
            ExportError: if they differ by more, or are not numbers.
        """
        error = float((found - expected).abs().max()) if found.shape == expected.shape else float("nan")
        allowed = tolerance * max(1.0, float(expected.abs().max()))
        if not error <= allowed:  # also when it is not a number
            raise ExportError(
                f"Cannot export '{self.name}': the scores of its {form} differ from the trained network's by "
                f"{error:.2g}, expected at most {allowed:.2g}. Nothing was written; check that its weights "
                f"are finite."
            )
