"""Training-free scores: guesses how well a network will learn, from its layers or one batch of images.

One file each that binds ``SCORE``; an entry point of the group ``trials.scores`` adds one from another
package. A score is one number, the higher the better. It rests on nothing but what it is given:
`trials.scoring` hands it a copy of the network with the weights of a seed, in training mode, and keeps
every global random generator as it was, so a score may change its copy as it likes.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final, Literal

from jaxtyping import Float, Int64
from torch import Tensor, nn
from typing_extensions import override

from search_spaces.architecture import Architecture
from search_spaces.shelf import Shelf


class Score(ABC):
    """A training-free score, either a `LayerScore` or an `ImageScore`; the higher, the better the network."""

    @property
    @abstractmethod
    def needs(self) -> Literal["layers", "images", "labels"]:
        """What it rests on: the list of layers alone, images, or images and their labels."""


class LayerScore(Score):
    """A score of what an architecture lists: no weights, no images, no chance."""

    @property
    @override
    def needs(self) -> Literal["layers"]:
        """The list of layers alone."""
        return "layers"

    @abstractmethod
    def value(self, architecture: Architecture, *, num_classes: int, in_channels: int) -> float:
        """Return the score of a network.

        Args:
            architecture: The network, which is not built.
            num_classes: Class scores of its head.
            in_channels: Channels of an image.
        """

    def beside(
        self, architecture: Architecture, *, num_classes: int, in_channels: int
    ) -> Mapping[str, float]:
        """Return what is reported beside the score by name; by default nothing."""
        del architecture, num_classes, in_channels
        return {}


class ImageScore(Score):
    """A score of how a network with initial weights answers to a batch of images."""

    labelled: bool = False
    """Whether the labels of the images matter."""

    batch: int = 24
    """Images that it is given."""

    @property
    @override
    def needs(self) -> Literal["images", "labels"]:
        """Images, or images and their labels."""
        return "labels" if self.labelled else "images"

    @abstractmethod
    def value(
        self, network: nn.Module, images: Float[Tensor, "b c r r"], labels: Int64[Tensor, " b"]
    ) -> float:
        """Return the score of a network.

        Args:
            network: A copy in training mode, on the device of the images; it may be changed.
            images: As many normalised images as `batch` says, of the network's size.
            labels: Class of each image, from 0.

        Raises:
            ScoreError: if the score is not defined for this network.
        """


SCORES: Final[Shelf[Score]] = Shelf(__name__, "SCORE", "score", Score)
