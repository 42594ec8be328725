"""Knowledge distillation: shows a trained network the training images and computes the loss against it.

Hinton et al., 2015, https://arxiv.org/abs/1503.02531. The teacher gets the same images, changed alike, at its
own resolution and normalised as in its own training. What it says is kept sparsely and read by every training
that sees the same images (Wu et al., 2022, https://arxiv.org/abs/2207.10666).
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from search_spaces.errors import RecipeError
from trials.images.splits import Images, Splits
from trials.teachers.opening import open_teacher
from trials.training.batches import BatchSource, Preprocessor
from trials.training.inner_distillation import Maps, watched
from trials.training.lessons import Lesson, outputs_of, says_by_row
from trials.training.out_of_memory import FittingParts
from trials.training.output_files import OutputFiles
from trials.training.precision import autocast, computed_precision
from trials.training.recipe import Recipe
from trials.training.sparse_outputs import SparseOutputs

_BATCHES: Final = {"cpu": 32}  # about a second of a large teacher, after which a measurement may run
_BATCH: Final = 128  # elsewhere
_SAMPLED: Final = 256  # images whose pixels tell a split from others of the same data set
_APART_FROM_IMAGES: Final = frozenset([
    "version", "name", "epochs", "rungs", "reduction", "optimiser", "learning_rate", "momentum",
    "weight_decay", "schedule", "warmup_epochs", "decay_from", "final_rate", "label_smoothing",
    "gradient_clip", "recalibration_batches", "precision", "sides", "drop_path", "ema_decay", "teacher",
    "teacher_share", "teacher_temperature", "teacher_features", "frozen_epochs", "frozen_stages",
    "layer_rate", "rate_batch", "largest_batch", "wider", "wider_share",
    "soup_epochs", "fake_quant_from",
])  # fmt: skip
"""Fields of a recipe on which the images that a teacher sees do not depend; on all others they may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPlace:
    """Where outputs of teachers are kept.

    Attributes:
        root: Folder of all outputs of this machine.
        owner: Identity of the study that uses them; None for no study.
    """

    root: Path
    owner: str | None = None


class Teacher:
    """A trained network whose outputs are targets of a training.

    Args:
        network: Trained network, preprocessed images -> logits [b, k].
        preprocess: Preprocessing of images in [0, 1] for the teacher.
        recipe: Recipe with ``teacher_temperature``.
        images: Training images at the teacher's resolution; None if it takes those of the student.
        files: Returns where its outputs are kept, given what they depend on besides teacher and images;
            None to keep them in memory.
        digest: Changes when its outputs do.
        notes: What had to be assumed of it, one line each.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        preprocess: Preprocessor,
        recipe: Recipe,
        images: BatchSource | None = None,
        *,
        files: Callable[[dict[str, Any]], OutputFiles] | None = None,
        digest: str = "",
        notes: tuple[str, ...] = (),
    ) -> None:
        self.images: Final = images
        self.digest: Final = digest
        self.notes: Final = notes
        self._network, self._preprocess, self._recipe = network, preprocess, recipe
        self._files, self._parts = files, FittingParts(preprocess.device)
        self._of_rows: Lesson | None = None

    def soft_targets(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Return the teacher's log-probabilities for images in [0, 1]."""
        return self._said(images).dense(torch.arange(len(images), device=images.device))

    @property
    def module(self) -> nn.Module | None:
        """The network as a module of torch; None for another runtime."""
        return self._network if isinstance(self._network, nn.Module) else None

    @property
    def resolution(self) -> int:
        """Side of the images that it sees, in pixels."""
        return self._preprocess.resolution

    @torch.no_grad()
    def observed(self, images: Float[Tensor, "b c h w"]) -> tuple[Float[Tensor, "b k"], Maps]:
        """Return the log-probabilities of `soft_targets`, and the maps of the stages of a module."""
        assert self.module is not None
        with autocast(self._recipe, images.device), watched(self.module) as maps:
            outputs = SparseOutputs.of(self.module(self._preprocess(images)))
        return outputs.dense(torch.arange(len(images), device=images.device)), maps

    def loss(self, logits: Float[Tensor, "b k"], soft_targets: Float[Tensor, "b k"]) -> Float[Tensor, ""]:
        """Return the KL divergence from the targets, both softened, times the temperature squared."""
        temperature = self._recipe.teacher_temperature
        softened = F.log_softmax(logits / temperature, dim=1)
        targets = F.log_softmax(soft_targets / temperature, dim=1)
        return F.kl_div(softened, targets, reduction="batchmean", log_target=True) * temperature**2

    def lesson(
        self,
        epoch: int,
        batches: Sequence[Tensor],
        shown: Callable[[], Iterable[Tensor]],
        source: BatchSource,
        *,
        classes: int,
        after_batch: Callable[[], None],
    ) -> Lesson | None:
        """Return what the teacher says of an epoch, asked as far as nobody asked before.

        None if it has to be asked batch by batch, because no other training sees the same images.

        Args:
            epoch: Number of the epoch, from 1.
            batches: Rows of each batch.
            shown: Returns the images of each batch as the teacher sees them, in order.
            source: Training images of the student.
            classes: Number of classes.
            after_batch: Called after each batch of the teacher.
        """
        own = self.images or source
        common: dict[str, Any] = {"classes": classes, "after_batch": after_batch}
        if says_by_row(self._recipe, len(own)):
            if self._of_rows is None:
                rows = own.in_order(_BATCHES.get(own.device.type, _BATCH))
                files = None if self._files is None else self._files({})
                found = outputs_of(
                    "images",
                    rows,
                    lambda: (own.batch(some)[0] for some in rows),
                    self._said,
                    files,
                    **common,
                )
                self._of_rows = Lesson(found.to(own.device), by_row=True)
            return self._of_rows
        if self._files is None or self._recipe.augmentation_seed is None:
            return None
        files = self._files(what_changes_images(self._recipe))
        found = outputs_of(f"epoch{epoch:05d}", batches, shown, self._said, files, **common)
        return Lesson(found.to(own.device), by_row=False)

    @torch.no_grad()
    def _said(self, images: Float[Tensor, "b c h w"]) -> SparseOutputs:
        """Return what the teacher says of images in [0, 1], computed in parts if memory runs out."""

        def said(count: int) -> SparseOutputs:
            found = []
            for part in images.tensor_split(count):
                with autocast(self._recipe, images.device):
                    found.append(SparseOutputs.of(self._network(self._preprocess(part))))
            return SparseOutputs.joined(found)

        return self._parts.run(len(images), said)


def what_changes_images(recipe: Recipe) -> dict[str, Any]:
    """Return the fields of a recipe on which the images of an epoch depend, by name."""
    return {name: value for name, value in recipe.to_json().items() if name not in _APART_FROM_IMAGES}


def load_teacher(
    recipe: Recipe,
    splits: Splits,
    device: torch.device,
    images_at: Callable[[int], Images] | None = None,
    place: OutputPlace | None = None,
) -> Teacher | None:
    """Return the teacher of `recipe`, or None if it has none.

    Args:
        recipe: Recipe that may name a teacher.
        splits: Images of the student.
        device: Device of the training.
        images_at: Opens the training images at a resolution in pixels; None to resize the student's.
        place: Where its outputs are kept; None to keep them in memory.

    Raises:
        RecipeError: if there is no such teacher, or its classes or channels differ from those of the images.
    """
    if recipe.teacher is None:
        _check_features(recipe, None)
        return None
    opened = open_teacher(recipe.teacher).to(device).suited(splits)
    _check_features(recipe, opened.network)
    side = opened.resolution or max(splits.size)
    opened = opened.checked(side, splits, device)
    images = splits.train
    resizes = images_at is not None and opened.resolution is not None and splits.size != (side, side)
    if resizes and images_at is not None:
        images = images_at(side)
    assert opened.mean is not None
    assert opened.std is not None
    about = {
        "teacher": opened.digest,
        "images": images_digest(images, splits.fingerprint),
        "seen": [side, opened.mean, opened.std],
        "computed": [device.type, computed_precision(recipe, device)],
    }

    def files(more: dict[str, Any]) -> OutputFiles:
        assert place is not None
        return OutputFiles(place.root, {**about, **more}, place.owner)

    return Teacher(
        opened.scores,
        Preprocessor(opened.mean, opened.std, side, device),
        recipe,
        BatchSource(images, device) if resizes else None,
        files=None if place is None else files,
        digest=opened.digest,
        notes=opened.notes,
    )


def _check_features(recipe: Recipe, network: nn.Module | None) -> None:
    if recipe.teacher_features > 0 and network is None:
        raise RecipeError(
            f"teacher_features {recipe.teacher_features:g} needs a teacher of torch with stages: expected a "
            f"network of this project or of a donor, found {recipe.teacher or 'no teacher'}. Set "
            f"teacher_features: 0."
        )


def images_digest(images: Images, fingerprint: str) -> str:
    """Return what tells training images from others: of other data, another split or another size.

    Args:
        images: The training images, of which a few are read.
        fingerprint: Fingerprint of the whole data set.
    """
    digest = hashlib.sha256(f"{fingerprint} {images.images.shape}".encode())
    digest.update(np.ascontiguousarray(images.labels).data)
    rows = np.linspace(0, len(images) - 1, min(_SAMPLED, len(images)), dtype=np.int64)
    digest.update(np.ascontiguousarray(images.images[rows]).data)
    return digest.hexdigest()
