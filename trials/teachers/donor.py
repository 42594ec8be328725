"""Opens whatever weights can be begun with (`trials.donors`) as a teacher."""

import json
from pathlib import Path

from search_spaces.errors import RecipeError, WeightsError
from search_spaces.paths import expanded
from trials.donors import open_donor
from trials.teachers.onnx_file import opened_onnx
from trials.teachers.opened_teacher import OpenedTeacher


def opened_donor(source: str) -> OpenedTeacher:
    """Return the trained network that a text names, see `trials.donors.open_donor`.

    Raises:
        RecipeError: if there is none, or it cannot be used.
    """
    folder = _export(expanded(source))
    inference = None if folder is None else _for_inference(folder)
    if inference is not None:
        return opened_onnx(inference)
    try:
        donor = open_donor(source if folder is None else str(folder))
    except WeightsError as error:
        raise RecipeError(
            f"Cannot use the teacher '{source}': {error} A teacher may also be an .onnx file, "
            f"module:function, STUDY#12 or the weights.safetensors of a trial."
        ) from error
    network = donor.network()
    return OpenedTeacher(
        name=source,
        digest=donor.digest,
        scores=network,
        network=network,
        classes=donor.classes or None,
        num_classes=donor.num_classes,
        channels=donor.in_channels,
        resolution=donor.architecture.resolution,
        mean=donor.mean,
        std=donor.std,
        notes=donor.notes,
    )


def _export(path: Path) -> Path | None:
    """Return the folder of an export, which may be named by its weights; None for anything else."""
    if path.is_dir():
        return path
    beside = path.suffix == ".safetensors" and path.with_suffix(".py").is_file()
    return path.parent if beside and path.with_name("config.json").is_file() else None


def _for_inference(folder: Path) -> Path | None:
    """Return the ONNX file of an export whose weights have the form for inference alone; None for others."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        found = folder / f"{config['architecture']}.onnx"
        return found if config["nas"]["deploy"] and found.is_file() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
