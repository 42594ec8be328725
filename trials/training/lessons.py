"""`Lesson`: what a teacher says of the images of one epoch, computed once and read by all who see them.

Images that a recipe leaves as they are have the same outputs in every epoch, one for each image. Changed ones
have others in each epoch, which are kept where all trainings change them alike (``augmentation_seed``).
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from trials.training.output_files import OutputFiles
from trials.training.recipe import Recipe
from trials.training.sparse_outputs import SparseOutputs

_IMAGES_OF_FILE: Final = 1024
_WAIT_S: Final = 0.05

Ask = Callable[[Float[Tensor, "b c h w"]], SparseOutputs]
"""Returns what the teacher says of images in [0, 1]."""


def changes_images(recipe: Recipe) -> bool:
    """Return whether a recipe changes images at random before they are seen."""
    return any(
        (recipe.shift, recipe.flip, recipe.randaugment_rounds, recipe.erase, recipe.mixup, recipe.cutmix)
    )


def says_by_row(recipe: Recipe, images: int) -> bool:
    """Return whether a teacher is asked once for each image, not for each image of each epoch.

    Not where images are changed, nor where a training sees only few of very many.

    Args:
        recipe: Recipe of the training.
        images: Number of training images.
    """
    most = recipe.epoch_images
    return not changes_images(recipe) and (most is None or images <= most * recipe.epochs)


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """A teacher's outputs for one epoch.

    Attributes:
        outputs: Outputs by the row of an image, or by its place in the epoch.
        by_row: Which of the two.
    """

    outputs: SparseOutputs
    by_row: bool

    def targets(
        self, rows: Int64[Tensor, " b"], places: Int64[Tensor, " b"], *, whole: bool
    ) -> Float[Tensor, "b k"] | None:
        """Return log-probabilities for images; None for those that were changed in another way.

        Args:
            rows: Rows of the images.
            places: Their places in the epoch.
            whole: Whether they are all of their batch. Parts of a batch that was cut because memory ran out
                are changed by other draws.
        """
        if not self.by_row and not whole:
            return None
        return self.outputs.dense(rows if self.by_row else places)


def outputs_of(
    name: str,
    batches: Sequence[Tensor],
    shown: Callable[[], Iterable[Tensor]],
    ask: Ask,
    files: OutputFiles | None,
    *,
    classes: int,
    after_batch: Callable[[], None],
) -> SparseOutputs:
    """Return a teacher's outputs for some batches of images, one after another.

    Of several processes that want the same, each computes what no other has begun.

    Args:
        name: Name that their files begin with.
        batches: Rows of each batch.
        shown: Returns the images of each batch in order, from the first.
        ask: Asks the teacher.
        files: Where outputs are kept; None for nowhere.
        classes: Number of classes.
        after_batch: Called after each batch, and while waiting for another process.
    """
    pieces = _pieces(batches)
    if files is None:
        return _asked(shown(), ask, after_batch)
    found: dict[int, SparseOutputs] = {}
    while True:
        for number, piece in enumerate(pieces):
            if number not in found:
                kept = files.read(_file(name, number), images=_images(batches[piece]), classes=classes)
                if kept is not None:
                    found[number] = kept
        if len(found) == len(pieces):
            return SparseOutputs.joined([found[number] for number in range(len(pieces))])
        free = [n for n in range(len(pieces)) if n not in found and files.is_free(_file(name, n))]
        if not free:  # others compute all that is missing
            time.sleep(_WAIT_S)
            after_batch()
            continue
        stream = iter(shown())
        for number, piece in enumerate(pieces[: 1 + free[-1]]):
            images = islice(stream, piece.stop - piece.start)
            if number not in found:
                with files.claimed(_file(name, number)) as mine:
                    if mine:
                        outputs = files.read(
                            _file(name, number), images=_images(batches[piece]), classes=classes
                        )
                        if outputs is None:
                            outputs = _asked(images, ask, after_batch)
                            files.write(_file(name, number), outputs)
                        found[number] = outputs
            for _ in images:  # what this process did not ask about is drawn all the same
                after_batch()


def _asked(images: Iterable[Tensor], ask: Ask, after_batch: Callable[[], None]) -> SparseOutputs:
    parts = []
    for batch in images:
        parts.append(ask(batch).to(torch.device("cpu")))
        after_batch()
    return SparseOutputs.joined(parts)


def _pieces(batches: Sequence[Tensor]) -> list[slice]:
    """Return the batches of each file, about a thousand images."""
    pieces, start, images = [], 0, 0
    for number, batch in enumerate(batches, start=1):
        images += len(batch)
        if images >= _IMAGES_OF_FILE or number == len(batches):
            pieces.append(slice(start, number))
            start, images = number, 0
    return pieces


def _images(batches: Sequence[Tensor]) -> int:
    return sum(map(len, batches))


def _file(name: str, number: int) -> str:
    return f"{name}-{number:05d}"
