"""Opens the teacher that a text names."""

from pathlib import Path
from typing import Final

from search_spaces.errors import RecipeError
from search_spaces.paths import expanded
from trials.teachers.function import opened_function
from trials.teachers.onnx_file import opened_onnx
from trials.teachers.opened_teacher import OpenedTeacher
from trials.teachers.trained_weights import SUFFIX, opened_export, opened_weights

FILES: Final = (SUFFIX, ".onnx")
"""Suffixes of the files that can be a teacher."""


def open_teacher(source: str) -> OpenedTeacher:
    """Return the teacher that `source` names.

    Args:
        source: Path of an ``.onnx`` file, of the ``weights.safetensors`` of a trial or of an export folder;
            or ``module:function``.

    Raises:
        RecipeError: if there is none, or it cannot be read.
        UnknownNameError: if a module or function cannot be found.
    """
    path = expanded(source, "the teacher")
    if path.suffix == ".onnx":
        return opened_onnx(path)
    if path.is_dir():
        return opened_export(path)
    if path.suffix == SUFFIX:
        beside = path.with_name("config.json").exists() and path.with_suffix(".py").exists()
        return opened_export(path.parent) if beside else opened_weights(path)
    if ":" in source and not path.exists():
        return opened_function(source)
    raise RecipeError(
        f"Cannot use the teacher '{source}': expected an .onnx file, the weights.safetensors of a trial, an "
        f"export folder, STUDY#12 or module:function."
    )


def is_file(source: str) -> bool:
    """Return whether a text is a path, not the name of a network or of a function."""
    path = Path(source)
    return path.suffix in FILES or path.is_absolute()
