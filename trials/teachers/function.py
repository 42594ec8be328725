"""Opens a user's own network, named as ``module:function``, as a teacher."""

import hashlib
import inspect
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from search_spaces.errors import RecipeError
from search_spaces.shelf import Shelf
from trials.teachers.opened_teacher import OpenedTeacher, weights_digest

_FUNCTIONS = Shelf[Any](__name__, "TEACHER", "teacher")


def opened_function(name: str) -> OpenedTeacher:
    """Return the network that a function without arguments returns, or that a module binds.

    Attributes ``mean``, ``std``, ``resolution`` and ``classes`` of the network say how it wants its images
    and what its classes are called; ``pretrained_cfg`` of a timm model says the first three too.

    Args:
        name: ``module:function``.

    Raises:
        UnknownNameError: if it cannot be imported.
        RecipeError: if it returns something that cannot be called.
    """
    found = _FUNCTIONS[name]
    expected = (
        "expected a function without arguments that returns a network, images [b, c, r, r] -> scores "
        "[b, classes]."
    )
    try:
        network = found if isinstance(found, nn.Module) else found()
        said = _said(network)
    except Exception as error:  # a user's own code raises anything
        reason = str(error)[:200] or type(error).__name__
        raise RecipeError(f"Cannot use the teacher '{name}' ({reason}): {expected}") from error
    if not callable(network):
        raise RecipeError(f"Cannot use the teacher '{name}', a {type(network).__name__}: {expected}")
    return OpenedTeacher(
        name=name,
        digest=_digest(found, network),
        scores=network,
        network=network if isinstance(network, nn.Module) else None,
        channels=None if said["mean"] is None else len(said["mean"]),
        **said,
    )


def _said(network: Any) -> dict[str, Any]:
    """Return what a network says of its images, None where it says nothing."""
    given = getattr(network, "pretrained_cfg", None) or {}
    resolution = getattr(network, "resolution", None) or (given.get("input_size") or [None])[-1]
    found = {name: getattr(network, name, None) for name in ("mean", "std")}
    found = {name: given.get(name) if value is None else value for name, value in found.items()}
    return {
        **{key: None if value is None else _numbers(value) for key, value in found.items()},
        "resolution": None if resolution is None else int(resolution),
        "classes": _names(getattr(network, "classes", None)),
    }


def _numbers(value: Any) -> tuple[float, ...]:
    """Return the numbers in a list, an array or a tensor of any shape, for example a buffer [1, c, 1, 1]."""
    array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
    return tuple(np.asarray(array, dtype=np.float64).ravel().tolist())


def _names(value: Any) -> tuple[str, ...] | None:
    """Return a list of names; None for anything else, for example the number of classes."""
    listed = list(value) if isinstance(value, list | tuple | np.ndarray) and np.ndim(value) == 1 else []
    return tuple(map(str, listed)) if listed and all(isinstance(name, str) for name in listed) else None


def _digest(found: Any, network: Any) -> str:
    """Return what changes with the weights of a network and with the source that it comes from."""
    digest = hashlib.sha256(type(network).__qualname__.encode())
    source = inspect.getsourcefile(found) if callable(found) and not isinstance(found, nn.Module) else None
    if source is not None and Path(source).is_file():
        digest.update(Path(source).read_bytes())
    if isinstance(network, nn.Module):
        digest.update(weights_digest(network).encode())
    return digest.hexdigest()
