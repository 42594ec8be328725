"""Divides the options of a stage between its block and its mixer, and lists which options each takes."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from search_spaces.architecture import Stage
from search_spaces.blocks import BLOCKS, Block
from search_spaces.errors import ArchitectureError, did_you_mean
from search_spaces.mixers import MIXERS, Mixer
from search_spaces.weight_bits import WEIGHT_BITS

if TYPE_CHECKING:
    from torch import nn

CHANNELS: Final = "channels"
"""What stands for the width of a block or mixer among what nests, see `Nesting`."""
_NEST_BY_DEFAULT: Final = frozenset({CHANNELS, "kernel", "expansion"})

# Bound by what surrounds a module, never chosen among its options.
_GIVEN: Final = frozenset({"stride", "mixer", "num_classes", "in_channels"})


@runtime_checkable
class Structural(Protocol):
    """A block or mixer some of whose options change which layers there are, not only their sizes."""

    @property
    def structural(self) -> tuple[str, ...]:
        """Names of these options; ``layers`` gets plain values of them, never arrays."""


@runtime_checkable
class Nesting(Protocol):
    """A block or mixer that says for which choices the weights of a smaller one are part of a larger one's.

    Part of it are then the first channels and the centre of each kernel. Without a word of its own that holds
    for its channels and the options ``kernel`` and ``expansion``, unless `Structural` names them.
    """

    @property
    def nested(self) -> tuple[str, ...]:
        """Names of these options, and ``channels`` where narrower ones are part of wider ones."""


@runtime_checkable
class Segmented(Protocol):
    """A block or mixer some of whose weights have several parts along one dimension, as q, k and v have."""

    @property
    def segments(self) -> Callable[..., Mapping[tuple[str, int], Sequence[int]]]:
        """A static method with the arguments of the class, but no ``mixer``.

        It returns the sizes of the parts by the path of a weight and its dimension, such as
        ``{("qkv.weight", 0): (c, c, c)}``. Of each part, the first entries are those of a narrower module.
        """


@runtime_checkable
class Repeating(Protocol):
    """A block with equal parts one after another inside, such as transformers, as many as an option says."""

    @property
    def repeated(self) -> str:
        """Name of this option, a whole number of at least 1; each such part counts as a block."""


@runtime_checkable
class Strided(Protocol):
    """A block some of whose options matter only in a stage that strides."""

    @property
    def strided(self) -> tuple[str, ...]:
        """Names of these options."""


def routed(stage: Stage) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of a stage that its block takes and those that its mixer takes.

    What is left out gets the default, so that both dicts are complete; ``mixer`` and ``weight_bits`` are in
    neither.

    Raises:
        ArchitectureError: if nobody takes an option.
    """
    of_block = keywords(BLOCKS[stage.block])
    of_mixer = keywords(MIXERS[stage.mixer]) if stage.mixer is not None else {}
    given = {k: v for k, v in stage.options if k not in {"mixer", WEIGHT_BITS}}
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


def repeated_of(block: str) -> str:
    """Return the option of a block that says how many equal parts it has inside, empty where it has none."""
    module = BLOCKS[block]
    return module.repeated if isinstance(module, Repeating) else ""


def parts_inside(stage: Stage) -> int:
    """Return how many equal parts one block of a stage has inside, 1 where it has none."""
    name = repeated_of(stage.block)
    value = routed(stage)[0].get(name, 1)
    return value if type(value) is int else 1


def depth_with_parts(stage: Stage) -> int:
    """Return the depth of a stage, each of the equal parts inside a block, such as transformers, counting."""
    return sum(run.depth * parts_inside(run) for run in stage.runs)


def strided_of(module: Mixer | Block) -> tuple[str, ...]:
    """Return the options that matter only in a stage that strides, none where the block names none."""
    return module.strided if isinstance(module, Strided) else ()


def nested_of(module: Mixer | Block) -> frozenset[str]:
    """Return the options of a block or mixer that nest, with ``channels`` where its channels do."""
    if isinstance(module, Nesting):
        return frozenset(module.nested)
    return _NEST_BY_DEFAULT - set(structural_of(module))


def segments_of(
    module: Mixer | Block, *channels: int, **options: Any
) -> Mapping[tuple[str, int], Sequence[int]]:
    """Return the parts of the weights of a block or mixer along a dimension, none where it names none."""
    return module.segments(*channels, **options) if isinstance(module, Segmented) else {}


def keywords(module: Callable[..., "nn.Module"]) -> dict[str, Any]:
    """Return what can be chosen of a block, mixer or skeleton: its keywords with their defaults."""
    return dict(_keywords(module))


@cache
def _keywords(module: Callable[..., "nn.Module"]) -> dict[str, Any]:
    parameters = inspect.signature(module).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in _GIVEN}
