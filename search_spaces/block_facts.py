"""`BlockFacts`: what one block does, read off the layers that it lists."""

from typing import Final, NamedTuple

import numpy as np

from search_spaces.options import kind_of
from search_spaces.receptive_field import growth
from search_spaces.space_listing import ListedBlock
from search_spaces.tape import Int, Layer

_WEIGHING: Final = frozenset({"conv", "linear", "matmul"})


class BlockFacts(NamedTuple):
    """What a block does; each an int, or an array [resolutions, items].

    Attributes:
        works: 1 if it does something, 0 if it returns its input or only changes its shape; of a block with
            equal parts inside, such as transformers, their number.
        attends: The same if it attends, else 0.
        height: Positions by which its receptive field is higher than one, see `growth`.
        width: The same in width.
        whole: 1 if it reads its whole map by attention.
        attention_macs: Its MACs if it attends, else 0.
    """

    works: Int
    attends: Int
    height: Int
    width: Int
    whole: Int
    attention_macs: Int


def block_facts(block: ListedBlock, mixer: str | None, parts: int = 1) -> BlockFacts:
    """Return what a block does.

    It attends if its mixer is of that kind, or if it multiplies maps with each other.

    Args:
        block: Its layers.
        mixer: The name of its mixer, None for a block without one.
        parts: Equal parts inside it, see `search_spaces.options.parts_inside`.
    """
    layers = block.tape.layers
    attends = kind_of(mixer) == "attention" or any(layer.kind == "matmul" for layer in layers)
    works = _works(block) * parts
    reach = growth(block.tape, block.leaves, attends=attends)
    macs = sum([layer.macs for layer in layers], start=0) if attends else 0
    return BlockFacts(works, works * attends, reach.height, reach.width, reach.whole, macs)


def _works(block: ListedBlock) -> Int:
    """Return whether more happens than a change of shape, as 0 or 1.

    A block without convolutions, linear layers and products does nothing: what may be left are norms, sums
    and means. Nor does one whose only such layer maps each position by itself to another number of channels
    or leaves positions out, as a skipped layer must where the shape changes.
    """
    weighing = [layer for layer in block.tape.layers if layer.kind in _WEIGHING]
    reshapes = block.stride != 1 or bool(np.any(block.enters.channels != block.channels))
    if not weighing or len(weighing) > 1 or not reshapes:
        return int(bool(weighing))
    return _mixes(weighing[0])


def _mixes(layer: Layer) -> Int:
    if layer.kind == "matmul":
        return 1
    return ((layer.reach[0] > 1) | (layer.reach[1] > 1)) * np.int64(1)
