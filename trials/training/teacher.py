"""Knowledge distillation: loads a trained teacher network and computes the loss against its outputs.

Hinton et al., 2015, https://arxiv.org/abs/1503.02531. The teacher gets the same images, changed alike, at its
own resolution and normalised as in its own training.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F

import search_spaces
from search_spaces.errors import RecipeError, UserError, reason_of
from trials.images.splits import Images, Splits
from trials.training.batches import BatchSource, Preprocessor
from trials.training.recipe import Recipe


class Teacher:
    """A trained network whose outputs are targets of a training.

    Args:
        network: Trained network, preprocessed images -> logits [b, k].
        preprocess: Preprocessing of images in [0, 1] for the teacher.
        recipe: Recipe with ``teacher_temperature``.
        images: Training images at the teacher's resolution; None if it takes those of the student.
    """

    def __init__(
        self,
        network: nn.Module,
        preprocess: Preprocessor,
        recipe: Recipe,
        images: BatchSource | None = None,
    ) -> None:
        self.images = images
        self._network = network.eval().requires_grad_(requires_grad=False)
        self._preprocess = preprocess
        self._temperature = recipe.teacher_temperature

    def soft_targets(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Return the teacher's softened log-probabilities for images in [0, 1]."""
        with torch.no_grad():
            logits = self._network(self._preprocess(images)).float()
        return F.log_softmax(logits / self._temperature, dim=1)

    def loss(self, logits: Float[Tensor, "b k"], soft_targets: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
        """Return the KL divergence of softened logits from the targets, times the temperature squared."""
        softened = F.log_softmax(logits / self._temperature, dim=1)
        divergence = F.kl_div(softened, soft_targets, reduction="batchmean", log_target=True)
        return divergence * self._temperature**2


def load_teacher(
    recipe: Recipe,
    splits: Splits,
    device: torch.device,
    images_at: Callable[[int], Images] | None = None,
) -> Teacher | None:
    """Return the teacher of `recipe`, or None if it has none.

    Args:
        recipe: Recipe that may name a teacher.
        splits: Images of the student.
        device: Device of the training.
        images_at: Opens the training images at a resolution in pixels; None to resize the student's.

    Raises:
        RecipeError: if the file holds no network, or its classes or channels differ from those of the
            images.
    """
    if recipe.teacher is None:
        return None
    path = Path(recipe.teacher)
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["network"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- no dict
        architecture = search_spaces.Architecture.from_json(json.dumps(metadata["architecture"]))
        classes, mean, std = tuple(metadata["classes"]), metadata["mean"], metadata["std"]
        network = search_spaces.build(architecture, num_classes=len(classes), in_channels=len(mean))
        network.load_state_dict(weights)
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError, UserError) as error:
        raise RecipeError(
            f"Cannot use the teacher '{path}': expected the weights.safetensors of a trial "
            f"({reason_of(error)})."
        ) from error
    if classes != splits.classes or len(mean) != splits.channels:
        raise RecipeError(
            f"The teacher '{path}' has {len(classes)} classes ({', '.join(classes[:5])}…) in "
            f"{len(mean)} channels: expected {len(splits.classes)} ({', '.join(splits.classes[:5])}…) in "
            f"{splits.channels}. Train a teacher on these images."
        )
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    side = architecture.resolution
    own = None if images_at is None or splits.size == (side, side) else BatchSource(images_at(side), device)
    return Teacher(network, Preprocessor(mean, std, side, device), recipe, own)
