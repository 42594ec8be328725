"""Takes the choice of bits of weights out of a space, for networks that are deployed in fp32."""

from dataclasses import replace

from search_spaces.space import SearchSpace
from search_spaces.stage_choices import StageSpace
from search_spaces.weight_bits import WEIGHT_BITS


def offers_four_bits(space: SearchSpace) -> bool:
    """Return whether a network of a space may have weights of 4 bits."""
    return any(_is_bits(name) for stage in space.stages for name in stage.options)


def with_whole_weights(space: SearchSpace) -> SearchSpace:
    """Return a space without weights of 4 bits, the space itself if it has none."""
    if not offers_four_bits(space):
        return space
    return replace(space, stages=tuple(map(_whole, space.stages)))


def _whole(stage: StageSpace) -> StageSpace:
    return replace(stage, options={name: v for name, v in stage.options.items() if not _is_bits(name)})


def _is_bits(option: str) -> bool:
    return option.rpartition(".")[2] == WEIGHT_BITS
