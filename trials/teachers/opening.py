"""Opens the teacher that a text names."""

from pathlib import Path
from typing import Final

from search_spaces.paths import expanded
from trials.donors import DONORS
from trials.pretrained.state_file import SUFFIXES
from trials.teachers.donor import opened_donor
from trials.teachers.function import opened_function
from trials.teachers.onnx_file import opened_onnx
from trials.teachers.opened_teacher import OpenedTeacher

_ONNX: Final = ".onnx"


def open_teacher(source: str) -> OpenedTeacher:
    """Return the teacher that `source` names.

    Args:
        source: Path of an ``.onnx`` file, ``module:function``, or whatever `trials.donors.open_donor` reads.

    Raises:
        RecipeError: if there is none, or it cannot be read.
        UnknownNameError: if a module or function cannot be found.
    """
    path = expanded(source, "the teacher")
    if path.suffix == _ONNX:
        return opened_onnx(path)
    if is_function(source):
        return opened_function(source)
    return opened_donor(source)


def is_file(source: str) -> bool:
    """Return whether a text is a path, not the name of a network or of a function."""
    path = Path(source)
    return path.suffix in {_ONNX, *SUFFIXES} or path.is_absolute()


def is_function(source: str) -> bool:
    """Return whether a text is ``module:function``."""
    if ":" not in source or is_file(source) or Path(source).exists():
        return False
    return not any(DONORS[name].takes(source) for name in DONORS)
