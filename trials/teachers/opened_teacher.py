"""`OpenedTeacher`: a trained network with the images that it takes, checked against those of a training."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from search_spaces.errors import RecipeError
from trials.images.splits import Splits

_OFF_ONE: Final = 1e-3  # sums of probabilities in float16
_LEAST: Final = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OpenedTeacher:
    """A trained network that can teach.

    Attributes:
        name: What it was called by, for messages.
        digest: Changes when its outputs do, hexadecimal.
        scores: Normalised images [b, c, r, r] on the device of `to` -> logits [b, k].
        classes: Names of its classes in order; None if it does not say them.
        num_classes: Number of its classes; None if only its outputs tell.
        channels: Channels of its images; None for any.
        resolution: Side of its images in pixels; None for that of the images that it is given.
        mean: Mean of each channel that its images are normalised by; None if it does not say it.
        std: Standard deviation of each channel, likewise.
        network: The network as a module of torch; None for another runtime.
        notes: What had to be assumed, one line each.
    """

    name: str
    digest: str
    scores: Callable[[Float[Tensor, "b c r r"]], Float[Tensor, "b k"]]
    classes: tuple[str, ...] | None = None
    num_classes: int | None = None
    channels: int | None = None
    resolution: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    network: nn.Module | None = None
    notes: tuple[str, ...] = field(default=())

    def to(self, device: torch.device) -> "OpenedTeacher":
        """Return the teacher with its weights on a device, frozen."""
        if self.network is not None:
            self.network.eval().requires_grad_(requires_grad=False)
            self.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def suited(self, splits: Splits) -> "OpenedTeacher":
        """Return the teacher with what it did not say taken from the images, after checking the rest.

        Raises:
            RecipeError: if its classes, channels or number of outputs are not those of the images.
        """
        count = self.num_classes if self.classes is None else len(self.classes)
        if count not in {None, len(splits.classes)} or self.classes not in {None, splits.classes}:
            named = f" ({_listed(self.classes)})" if self.classes else ""
            raise RecipeError(
                f"The teacher '{self.name}' has {count} classes{named}: expected {len(splits.classes)} "
                f"({_listed(splits.classes)}) in this order. Train a teacher on these images."
            )
        if self.channels not in {None, splits.channels}:
            raise RecipeError(
                f"The teacher '{self.name}' takes images of {self.channels} channels: expected "
                f"{splits.channels}, as these images have. Train a teacher on these images."
            )
        notes = self.notes
        if self.mean is None or self.std is None:
            notes = (
                *notes,
                f"The teacher '{self.name}' does not say how its images are normalised: it gets them by the "
                f"mean and deviation of these images",
            )
        return replace(self, mean=self.mean or splits.mean, std=self.std or splits.std, notes=notes)

    def checked(self, side: int, splits: Splits, device: torch.device) -> "OpenedTeacher":
        """Return the teacher after showing it images, so that what it cannot do is known before a training.

        One that returns probabilities returns their logarithms from now on.

        Args:
            side: Side of the image in pixels.
            splits: Images whose number of classes it must return.
            device: Device that the teacher is on.

        Raises:
            RecipeError: if it fails, or returns something else than scores of these classes.
        """
        expected = f"expected finite scores [images, {len(splits.classes)}]"
        try:
            with torch.no_grad():
                found = self.scores(_shown(side, splits.channels).to(device))
        except Exception as error:  # a user's own code or another runtime raises anything
            reason = str(error)[:200] or type(error).__name__
            raise RecipeError(
                f"The teacher '{self.name}' cannot take {splits.channels} x {side} x {side} images "
                f"({reason}): {expected}. Check the file, or its resolution."
            ) from error
        shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        if shape != (2, len(splits.classes)) or not bool(found.isfinite().all()):
            raise RecipeError(
                f"The teacher '{self.name}' returns {shape} for 2 images: {expected}. Train a teacher on "
                f"these images."
            )
        if bool((found >= 0).all()) and bool(((found.sum(dim=1) - 1).abs() < _OFF_ONE).all()):
            note = (
                f"The teacher '{self.name}' returns probabilities: their logarithms are what is learnt from"
            )
            return replace(self, scores=partial(_logarithms, self.scores), notes=(*self.notes, note))
        return self


def weights_digest(network: nn.Module) -> str:
    """Return the SHA-256 of the parameters and buffers of a network."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _shown(side: int, channels: int) -> Float[Tensor, "2 c r r"]:
    """Return two normalised images that differ."""
    return torch.stack([torch.zeros(channels, side, side), torch.ones(channels, side, side)])


def _logarithms(
    scores: Callable[[Float[Tensor, "b c r r"]], Float[Tensor, "b k"]], images: Float[Tensor, "b c r r"]
) -> Float[Tensor, "b k"]:
    return scores(images).float().clamp_min(_LEAST).log()


def _listed(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:5]) + ("…" if len(classes) > 5 else "")
