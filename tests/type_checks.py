"""While tests run, all functions of ours have their types checked, and those with arrays their shapes.

jaxtyping follows every call to relate the shapes of its arguments, which takes fifty microseconds; most
functions have no arrays and are checked by beartype alone, which takes one. Types that are quoted are left to
jaxtyping too, which lets those pass that only type checkers import.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import jaxtyping

_CLASS = re.compile(r"<class '[^']*'>")
_with_shapes: Any = jaxtyping.jaxtyped


def install(packages: list[str]) -> None:
    """Check all modules of these packages that are imported from now on."""
    module: Any = jaxtyping
    module.jaxtyped = _checked  # what the hook writes above each function
    # An int passes where a float is asked for, as in every type checker (PEP 484). A wrong type raises the
    # error that Python's own functions raise, so that what a user meets without these checks is tested.
    jaxtyping.install_import_hook(
        packages,
        "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True, violation_type=TypeError))",
    )


def _checked(function: Any = None, *, typechecker: Callable[[Any], Any]) -> Any:
    if function is None:
        return partial(_checked, typechecker=typechecker)
    if inspect.isclass(function):
        if dataclasses.is_dataclass(function) and "__init__" in vars(function):
            made: Any = function
            made.__init__ = _checked(made.__init__, typechecker=typechecker)
        return function
    if _follows(function):
        return _with_shapes(function, typechecker=typechecker)
    return typechecker(function)


def _follows(function: Any) -> bool:
    """Return whether the annotations of a function have arrays or quoted types."""
    annotations = getattr(function, "__annotations__", None)
    if annotations is None:  # a property or the like
        return True
    text = repr(list(annotations.values()))
    return "jaxtyping." in text or "'" in _CLASS.sub("", text)
