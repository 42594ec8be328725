"""Which options a block, a mixer or a skeleton takes, and how those of a stage are divided."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any, Final, cast

from torch import nn

from search_spaces.architecture import Stage
from search_spaces.blocks import BLOCKS
from search_spaces.errors import ArchitectureError
from search_spaces.mixers import MIXERS

# Bound by what surrounds a module, never chosen among its options.
_GIVEN: Final = frozenset({"stride", "mixer", "num_classes", "in_channels"})


def routed(stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a stage that its block takes and those that its mixer takes.

    What is left out gets the default, so that both dicts are complete; ``mixer`` is in neither.

    Raises:
        ArchitectureError: if nobody takes an option.
    """
    of_block = keywords(BLOCKS[stage.block])
    of_mixer = keywords(MIXERS[stage.mixer]) if stage.mixer is not None else {}
    given = {k: v for k, v in stage.options if k != "mixer"}
    for name in given:
        if name not in of_block and name not in of_mixer:
            raise ArchitectureError(
                f"Stage '{stage.block}' with mixer '{stage.mixer}' got the option '{name}': "
                f"expected one of {', '.join(sorted({*of_block, *of_mixer})) or 'none'}."
            )
    return (
        {k: given.get(k, default) for k, default in of_block.items()},
        {k: given.get(k, default) for k, default in of_mixer.items()},
    )


def keywords(module: type[nn.Module]) -> dict[str, Any]:
    """Return what can be chosen of a block, mixer or skeleton: its keywords with their defaults."""
    return dict(_keywords(cast("Callable[..., nn.Module]", module)))


@cache
def _keywords(module: Callable[..., nn.Module]) -> dict[str, Any]:
    parameters = inspect.signature(module).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in _GIVEN}
