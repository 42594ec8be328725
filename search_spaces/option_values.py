"""Checks the values that a file gives options: their kinds, and counts that are too small for any network."""

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final

from search_spaces.architecture import Option
from search_spaces.blocks import BLOCKS
from search_spaces.errors import SpaceError
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS
from search_spaces.options import keywords

# Options whose default is at least 1 and whose 0 leaves something out.
_MAY_BE_NONE: Final = frozenset({"start_kernel", "middle_kernel", "transformers", "stem_depth"})
_KINDS: Final = frozenset({"bool", "int", "float", "str", "None", "Any"})


def check_network_values(network: str, options: Mapping[str, Sequence[Option]]) -> None:
    """Raise unless a skeleton can have the values of its options; an option that it lacks is passed over.

    Raises:
        SpaceError: names the first value that it cannot have.
    """
    for option, values in options.items():
        _check(NETWORKS[network], f"network '{network}'", option, option, values, NETWORKS.owns(network))


def check_stage_values(
    blocks: Iterable[str], mixers: Iterable[str], options: Mapping[str, Sequence[Option]]
) -> None:
    """Raise unless the blocks and mixers of a stage can have the values of their options.

    An option that nobody takes is passed over, and one that is given for another alone.

    Args:
        blocks: The blocks that the stage may repeat.
        mixers: The mixers that they may have.
        options: Option name, for one block or mixer alone ``<name>.<option>``, to its values.

    Raises:
        SpaceError: names the first value that one of them cannot have.
    """
    takers: list[tuple[str, str, Callable[..., Any], bool]]
    takers = [("block", name, BLOCKS[name], BLOCKS.owns(name)) for name in blocks]
    takers += [("mixer", name, MIXERS[name], MIXERS.owns(name)) for name in mixers]
    for key, values in options.items():
        owner, _, option = key.rpartition(".")
        for kind, name, module, owned in takers:
            if owner == name or (not owner and f"{name}.{option}" not in options):
                _check(module, f"{kind} '{name}'", key, option, values, owned)


def _check(
    module: Callable[..., Any], whose: str, key: str, option: str, values: Sequence[Option], owned: bool
) -> None:
    """Raise for the first value of an option that a block, mixer or skeleton cannot have.

    Args:
        module: The block, mixer or skeleton.
        whose: What it is, for the message.
        key: The option as it was given.
        option: Its name.
        values: Its values.
        owned: Whether the module is of this project, so that what its numbers mean is known.
    """
    known = keywords(module)
    if option not in known:
        return
    default, kinds = known[option], _kinds(module, option)
    zero = _zero(option, default) if owned else None
    for index, value in enumerate(values):
        if not (_has_kind(value, kinds) and _is_enough(value, zero)):
            raise SpaceError(
                f"The {whose} got {key} {value!r}: expected {_expected(kinds, zero)}, as its default "
                f"{default!r} is. Offer other values.",
                at=("options", key, index),
            )


def _zero(option: str, default: Any) -> bool | None:
    """Return whether a number may be 0, but not below; None where it is no number or may be negative."""
    if isinstance(default, bool) or not isinstance(default, int | float) or default < 0:
        return None
    return default == 0 or isinstance(default, float) or option in _MAY_BE_NONE


def _is_enough(value: Option, zero: bool | None) -> bool:
    """Return whether a value is no number, or large enough and finite."""
    if zero is None or isinstance(value, bool) or not isinstance(value, int | float):
        return True
    return 0 <= value < math.inf and (zero or value > 0)


def _has_kind(value: Option, kinds: frozenset[str]) -> bool:
    """Return whether a value is of one of some kinds; 0 and 1 stand for false and true."""
    if "Any" in kinds or (value is None and "None" in kinds):
        return True
    if isinstance(value, int) and not isinstance(value, bool):
        return bool(kinds & {"int", "float"}) or ("bool" in kinds and value in {0, 1})
    return type(value).__name__ in kinds


@cache
def _kinds(module: Callable[..., Any], option: str) -> frozenset[str]:
    """Return the names of the types that an option may have, as it is annotated; ``Any`` where it is not."""
    parameter = inspect.signature(module).parameters[option]
    written = parameter.annotation
    words = re.findall(r"\w+", written.__name__ if isinstance(written, type) else str(written))
    if not _KINDS & set(words) or not isinstance(parameter.default, bool | int | float | str):
        return frozenset({"Any"})
    return frozenset(_KINDS & {*words, type(parameter.default).__name__})


def _expected(kinds: frozenset[str], zero: bool | None) -> str:
    """Return in words what an option may be."""
    if not kinds & {"int", "float"}:
        return "true or false" if "bool" in kinds else "text"
    number = "a number" if "float" in kinds else "a whole number"
    return number if zero is None else f"{number} {'of at least' if zero else 'above'} 0"
