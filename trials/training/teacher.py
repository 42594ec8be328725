"""A trained network that another one learns from.

Distillation: Hinton et al., 2015, https://arxiv.org/abs/1503.02531. The teacher sees the same augmented
images, normalised and sized as it was trained.
"""

import json
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional as F

import search_spaces
from search_spaces.errors import RecipeError, UserError
from trials.images.splits import Splits
from trials.training.batches import Preparation
from trials.training.recipe import Recipe


class Teacher:
    """A network whose outputs are learnt.

    Args:
        network: Takes what `prepare` makes, gives logits [b, k].
        prepare: Brings images in [0, 1] to what the network takes.
        recipe: Its ``teacher_temperature``.
    """

    def __init__(self, network: nn.Module, prepare: Preparation, recipe: Recipe) -> None:
        self._network = network.eval().requires_grad_(requires_grad=False)
        self._prepare = prepare
        self._temperature = recipe.teacher_temperature

    def opinion(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Return the teacher's softened log-probabilities for images in [0, 1]."""
        with torch.no_grad():
            logits = self._network(self._prepare(images)).float()
        return F.log_softmax(logits / self._temperature, dim=1)

    def loss(self, logits: Float[Tensor, "b k"], opinion: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
        """Return the divergence of softened logits from the teacher's, times the temperature squared."""
        learnt = F.log_softmax(logits / self._temperature, dim=1)
        divergence = F.kl_div(learnt, opinion, reduction="batchmean", log_target=True)
        return divergence * self._temperature**2


def load_teacher(recipe: Recipe, splits: Splits, device: torch.device) -> Teacher | None:
    """Return the teacher that `recipe` names, or None if it names none.

    Raises:
        RecipeError: if the file is no network's weights, or its classes or channels are not those of
            the images.
    """
    if recipe.teacher is None:
        return None
    path = Path(recipe.teacher)
    try:
        with safe_open(path, framework="pt") as file:
            told = json.loads((file.metadata() or {})["network"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 -- no dict
        architecture = search_spaces.Architecture.from_json(json.dumps(told["architecture"]))
        classes, mean, std = tuple(told["classes"]), told["mean"], told["std"]
        network = search_spaces.build(architecture, num_classes=len(classes), in_channels=len(mean))
        network.load_state_dict(weights)
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError, UserError) as error:
        raise RecipeError(
            f"Cannot use the teacher '{path}': expected the weights.safetensors of a trial ({error})."
        ) from error
    if classes != splits.classes or len(mean) != splits.channels:
        raise RecipeError(
            f"The teacher '{path}' knows {len(classes)} classes ({', '.join(classes[:5])}…) in "
            f"{len(mean)} channels: expected {len(splits.classes)} ({', '.join(splits.classes[:5])}…) in "
            f"{splits.channels}. Train a teacher on these images."
        )
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Teacher(network, Preparation(mean, std, architecture.resolution, device), recipe)
