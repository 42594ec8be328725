"""Divides the options of a stage between its block and its mixer, and lists which options each takes."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from search_spaces.architecture import Stage
from search_spaces.blocks import BLOCKS, Block
from search_spaces.errors import ArchitectureError, did_you_mean
from search_spaces.mixers import MIXERS, Mixer

if TYPE_CHECKING:
    from torch import nn

# Bound by what surrounds a module, never chosen among its options.
_GIVEN: Final = frozenset({"stride", "mixer", "num_classes", "in_channels"})


@runtime_checkable
class Structural(Protocol):
    """A block or mixer some of whose options change which layers there are, not only their sizes."""

    @property
    def structural(self) -> tuple[str, ...]:
        """Names of these options; ``layers`` gets plain values of them, never arrays."""


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
                f"{did_you_mean(name, {*of_block, *of_mixer})}"
            )
    return (
        {k: given.get(k, default) for k, default in of_block.items()},
        {k: given.get(k, default) for k, default in of_mixer.items()},
    )


def kind_of(mixer: str | None) -> str:
    """Return ``conv`` or ``attention``, which says what depth factor applies; a block alone is ``conv``."""
    return "conv" if mixer is None else MIXERS[mixer].kind


def structural_options(stage: Stage) -> set[str]:
    """Return the options that change which layers the block and the mixer of a stage have."""
    of_mixer = () if stage.mixer is None else structural_of(MIXERS[stage.mixer])
    return {"mixer", *structural_of(BLOCKS[stage.block]), *of_mixer}


def structural_of(module: Mixer | Block) -> tuple[str, ...]:
    """Return the options that change which layers a block or mixer has, none where it names none."""
    return module.structural if isinstance(module, Structural) else ()


def keywords(module: Callable[..., "nn.Module"]) -> dict[str, Any]:
    """Return what can be chosen of a block, mixer or skeleton: its keywords with their defaults."""
    return dict(_keywords(module))


@cache
def _keywords(module: Callable[..., "nn.Module"]) -> dict[str, Any]:
    parameters = inspect.signature(module).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in _GIVEN}
