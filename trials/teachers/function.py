"""Opens a user's own network, named as ``module:function``, as a teacher."""

import hashlib
import inspect
from pathlib import Path
from typing import Any

from torch import nn

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
    found = {name: getattr(network, name, None) or given.get(name) for name in ("mean", "std")}
    classes = getattr(network, "classes", None)
    return {
        **{key: None if value is None else tuple(map(float, value)) for key, value in found.items()},
        "resolution": None if resolution is None else int(resolution),
        "classes": None if classes is None else tuple(map(str, classes)),
    }


def _digest(found: Any, network: Any) -> str:
    """Return what changes with the weights of a network and with the source that it comes from."""
    digest = hashlib.sha256(type(network).__qualname__.encode())
    source = inspect.getsourcefile(found) if callable(found) and not isinstance(found, nn.Module) else None
    if source is not None and Path(source).is_file():
        digest.update(Path(source).read_bytes())
    if isinstance(network, nn.Module):
        digest.update(weights_digest(network).encode())
    return digest.hexdigest()
