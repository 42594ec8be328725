"""Writes and reads a trained supernet: its weights as safetensors, and what they were trained for."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from search_spaces.elastic.shared_weights import SharedWeights
from search_spaces.errors import BudgetError, DataError, SpaceError, UserError
from search_spaces.space import SearchSpace
from search_spaces.space_record import from_record, space_digest, to_record
from trials.images.splits import Splits
from trials.supernet.recipe import SupernetRecipe
from trials.supernet.step_networks import Band
from trials.training.atomic_writing import write_atomically
from trials.training.checksum import write_checksum
from trials.training.errors import CheckpointError
from trials.training.file_names import SUPERNET

VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainedSupernet:
    """Shared weights and what they were trained for.

    Attributes:
        shared: The weights, on the CPU.
        recipe: Recipe of the training.
        band: Least and most MACs that it was for; None for the whole space.
        classes: Names of the classes.
        mean: Mean of each channel of its images, in [0, 1].
        std: Standard deviation of each channel, in (0, 1].
        images: Fingerprint of its images.
        seed: Seed of the split of its images.
    """

    shared: SharedWeights
    recipe: SupernetRecipe
    band: Band | None
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    images: str
    seed: int

    def check(
        self, space: SearchSpace, splits: Splits, macs: float | None = None, *, seed: int | None = None
    ) -> None:
        """Raise unless it says something of networks of a space on some images.

        Args:
            space: Space of the networks.
            splits: Images.
            macs: A budget on MACs; None for none.
            seed: Seed of their split; None to leave it unchecked.

        Raises:
            SpaceError: if it is of another space.
            DataError: if it was trained on other classes, images or another split of them.
            BudgetError: if the budget lies outside of its band.
        """
        if space_digest(space) != space_digest(self.shared.space):
            raise SpaceError(
                f"The supernet is of the space '{self.shared.space.name}', and the search of '{space.name}', "
                f"whose networks differ: expected the same. Train one for it."
            )
        if splits.classes != self.classes:
            raise DataError(
                f"The supernet has {len(self.classes)} classes ({', '.join(self.classes[:5])}…): expected "
                f"{len(splits.classes)} ({', '.join(splits.classes[:5])}…). Train one on these images."
            )
        if splits.fingerprint != self.images:
            raise DataError(
                "The supernet was trained on other images of the same classes: expected those of the search. "
                "Train one on these."
            )
        if seed not in {None, self.seed}:
            raise DataError(
                f"The supernet was trained on the images as seed {self.seed} splits them, among which may be "
                f"validation and test images of seed {seed}: expected --seed {self.seed}. Use that, or train "
                f"a supernet for seed {seed}."
            )
        if macs is not None and self.band is not None and not self.band[0] <= macs <= self.band[1]:
            raise BudgetError(
                f"The supernet is for {self.band[0]:,} to {self.band[1]:,} MACs: expected a budget "
                f"between them, found {int(macs):,}. Choose another, or train a supernet for it."
            )


def check_images(splits: Splits, num_classes: int, in_channels: int) -> None:
    """Raise unless images have as many classes and channels as shared weights.

    Raises:
        DataError: says how many they have.
    """
    found = (len(splits.classes), splits.channels)
    if found != (num_classes, in_channels):
        raise DataError(
            f"The images have {found[0]} classes and {found[1]} channels: expected {num_classes} and "
            f"{in_channels}, as the shared weights have. Make shared weights for these images."
        )


def write_supernet(
    path: Path,
    shared: SharedWeights,
    splits: Splits,
    recipe: SupernetRecipe,
    *,
    band: Band | None,
    seed: int,
) -> None:
    """Write trained shared weights atomically, with a checksum file beside them.

    Args:
        path: Path of the file.
        shared: The weights.
        splits: Images that they were trained on.
        recipe: Recipe of the training.
        band: Least and most MACs that it was for.
        seed: Seed of the split of these images.
    """
    about = {
        "version": VERSION,
        "space": to_record(shared.space),
        "classes": splits.classes,
        "mean": splits.mean,
        "std": splits.std,
        "images": splits.fingerprint,
        "recipe": recipe.to_json(),
        "band": band,
        "seed": seed,
    }
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in shared.tensors.items()}
    # Only one key: several would come in another order from run to run, and with them other bytes.
    write_atomically(path, save(tensors, metadata={"supernet": json.dumps(about, sort_keys=True)}))
    write_checksum(path)


def load_supernet(path: Path) -> TrainedSupernet:
    """Return the supernet written at a path.

    Raises:
        CheckpointError: if there is none that this version can read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about: dict[str, Any] = json.loads((file.metadata() or {})["supernet"])
            _check_version(about)
            shared = SharedWeights(
                from_record(about["space"]), num_classes=len(about["classes"]), in_channels=len(about["mean"])
            )
            weights = {f"tensors.{key}": file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 -- no dict
        shared.load_state_dict(weights)
        recipe = SupernetRecipe.from_json(about["recipe"])
    except (OSError, KeyError, ValueError, RuntimeError, SafetensorError, UserError) as error:
        raise CheckpointError(
            f"Cannot read the supernet '{path}': {error}. Expected the {SUPERNET} of a supernet's training."
        ) from error
    return TrainedSupernet(
        shared=shared,
        recipe=recipe,
        band=None if about["band"] is None else (about["band"][0], about["band"][1]),
        classes=tuple(about["classes"]),
        mean=tuple(about["mean"]),
        std=tuple(about["std"]),
        images=about["images"],
        seed=about["seed"],
    )


def _check_version(about: dict[str, Any]) -> None:
    if about["version"] != VERSION:
        raise ValueError(f"it is of version {about['version']}, this version reads {VERSION}")
