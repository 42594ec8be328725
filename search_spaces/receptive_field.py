"""Computes how far the layers on a tape reach: their receptive field.

By a convolution with side k and dilation d, on a map whose positions lie j pixels apart, it grows by
d (k - 1) j pixels (Araujo et al., 2019, https://distill.pub/2019/computing-receptive-fields). The longest of
parallel paths counts. Height and width are followed apart: a tall kernel and a wide one make a square. On
maps that are shrunk and widened again it differs from position to position, and what is computed is near it.
"""

from typing import Final, NamedTuple

import numpy as np

from search_spaces.tape import Int, Layer, Map, Tape


class Growth(NamedTuple):
    """By how many positions of the map that enters the field of one position of the map that leaves grows.

    Attributes:
        height: Further positions in height.
        width: Further positions in width.
        jump: Positions of the map that enters from one of the map that leaves to the next.
        whole: Whether some layer reads its whole map, as attention does; it is not in height and width.
    """

    height: Int
    width: Int
    jump: Int
    whole: Int


class _Field(NamedTuple):
    height: Int
    width: Int
    jump: Int


_ENTERING: Final = _Field(0, 0, 1)


def growth(tape: Tape, leaves: Map, *, attends: bool = False) -> Growth:
    """Return how far what is on a tape reaches.

    Means over the whole map that weigh its channels, as a squeeze-and-excite gate or a group norm takes them,
    are left out: behind them every network sees everything, but as one number a channel.

    Args:
        tape: The layers.
        leaves: The map that they make.
        attends: Whether means over the whole map count as reading it, as they do in linear attention.
    """
    fields: dict[Map, _Field] = {}  # by the map that owns the memory; maps differ by identity
    whole: Int = 0
    for layer in tape.layers:
        read = layer.reads[0]
        sources = [_read(map_, fields) for map_ in layer.reads]
        height, width = (_most([field[axis] for field in sources]) for axis in (0, 1))
        jump = sources[0].jump
        if layer.kind == "pool":
            jump = 0  # what follows reads no neighbours
            whole = np.maximum(whole, int(attends))
        else:
            everything = _everything(layer)
            whole = np.maximum(whole, everything)
            height = height + (1 - everything) * (layer.reach[0] - 1) * jump
            width = width + (1 - everything) * (layer.reach[1] - 1) * jump
        fields[read.storage if layer.writes is None else layer.writes] = _Field(
            height, width, jump * layer.stride
        )
    return Growth(*fields.get(leaves.storage, _ENTERING), whole)


def _read(map_: Map, fields: dict[Map, _Field]) -> _Field:
    """Return the field of a map that is read; positions of one that is cut into tiles lie further apart."""
    storage = map_.storage
    field = fields.get(storage, _ENTERING)
    if not np.any(map_.copies > storage.copies):
        return field
    return _Field(field.height, field.width, field.jump * (storage.height // map_.height))


def _everything(layer: Layer) -> Int:
    """Return 1 where a layer is a product over its whole map, else 0."""
    read, (height, width) = layer.reads[0], layer.reach
    if layer.kind != "matmul":
        return 0
    return ((height >= read.height) & (width >= read.width)) * np.int64(1)


def _most(values: list[Int]) -> Int:
    most = values[0]
    for value in values[1:]:
        most = np.maximum(most, value)
    return most
