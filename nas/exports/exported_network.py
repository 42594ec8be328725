"""Data class of a network to export: architecture, weights, preprocessing, provenance, and its checks."""

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
    """Trained network with everything that its exported files contain.

    Attributes:
        name: Name of the files and of the function that builds the network.
        architecture: Architecture of the network.
        weights: Trained parameters and buffers by name.
        num_classes: Number of classes, at least 1.
        in_channels: Number of channels of an image.
        classes: Class names, in the order of the scores; empty if unknown.
        mean: Mean of each channel, subtracted from pixels in [0, 1].
        std: Standard deviation of each channel, by which pixels are then divided.
        provenance: Origin of the network by topic, for example budget, study, versions, command.
        front_networks: Other networks of the Pareto front, each by topic, for example accuracy, MACs.
        recipe: Training recipe, a `trials.training.recipe.Recipe` by field name; None if unknown.
        deploy: Whether the weights are exported in the re-parameterised form for inference.
        calibration: Preprocessed training images, [n, c, r, r], on which int8 is calibrated.
        held_out: Preprocessed images that the weights did not learn from, [n, c, r, r], and their labels,
            [n], on which int8 is measured.
        held_out_split: Name of the split that these images are.
        decoded: Height, width and channels of the images before they are resized; None if unknown.
        held_out_digests: Digests of the validation and test images of the search, by split, see
            `nas.exports.held_out`.
        trained_on_validation: Whether the weights have seen the validation images too.
        with_preprocessing: Whether the ONNX file pre-processes images itself.
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
    held_out_split: str = "validation"
    decoded: tuple[int, int, int] | None = None
    held_out_digests: Mapping[str, tuple[str, ...]] | None = None
    trained_on_validation: bool = False
    with_preprocessing: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        return (self.in_channels, self.architecture.resolution, self.architecture.resolution)

    @property
    def num_features(self) -> int:
        """Number of input channels of the head."""
        return self.network.get_submodule("head").get_parameter("weight").shape[1]

    @property
    def pooled_at(self) -> int | None:
        """Number of the layer of the neck that pools; None if the neck does not."""
        neck = enumerate(self.network.get_submodule("neck").children())
        return next((number for number, layer in neck if isinstance(layer, nn.AdaptiveAvgPool2d)), None)

    @property
    def map_channels(self) -> int:
        """Number of channels of the last feature map, before pooling."""
        neck = list(self.network.get_submodule("neck").children())[: self.pooled_at]
        convolutions = [layer.out_channels for layer in neck if isinstance(layer, nn.Conv2d)]
        return [self.architecture.stages[-1].channels, *convolutions][-1]

    @cached_property
    def costs(self) -> Costs:
        """Costs of the re-parameterised form at batch 1."""
        return count(
            self.architecture, num_classes=self.num_classes, in_channels=self.in_channels, deploy=True
        )

    @cached_property
    def network(self) -> nn.Module:
        """The trained network in evaluation mode; written forms are compared with it."""
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
        """Whether the form for inference differs from the one for training."""
        return any(hasattr(module, "switch_to_deploy") for module in self.network.modules())

    @cached_property
    def deployed(self) -> nn.Module:
        """The re-parameterised network in evaluation mode."""
        network = copy.deepcopy(self.network)
        for module in list(network.modules()):
            switch = getattr(module, "switch_to_deploy", None)
            if switch is not None:
                switch()
        return network

    def images(self, batch: int) -> Float[Tensor, "b c r r"]:
        """Return preprocessed random images, standard normal, from a fixed seed."""
        return torch.randn(batch, *self.shape, generator=torch.Generator().manual_seed(batch))

    def scores(self, images: Float[Tensor, "b c r r"]) -> Float[Tensor, "b classes"]:
        """Return the class scores of the trained network."""
        with torch.inference_mode():
            return self.network(images)

    def compare(self, form: str, found: Tensor, expected: Tensor, tolerance: float) -> None:
        """Check that a written form reproduces the scores of the trained network.

        Args:
            form: Name of the form, for the error message.
            found: Scores of the written form, [b, classes].
            expected: Scores of the trained network, [b, classes].
            tolerance: Largest accepted error, relative to the largest score or to 1, whichever is larger.

        Raises:
            ExportError: if they differ by more or are not finite.
        """
        error = float((found - expected).abs().max()) if found.shape == expected.shape else float("nan")
        allowed = tolerance * max(1.0, float(expected.abs().max()))
        if not error <= allowed:  # also when it is not a number
            raise ExportError(
                f"Cannot export '{self.name}': the scores of its {form} differ from the trained network's by "
                f"{error:.2g}, expected at most {allowed:.2g}. Nothing was written; check that its weights "
                f"are finite."
            )
