"""Weights memory: bytes of the trainable parameters in fp32.

Weights of 4 bits count four times what they take in the int8 form, with their scales: a cost in bytes is four
times that at one byte an element. Only networks that are deployed in int8 have them.
"""

import numpy as np

from search_spaces.costs import Cost
from search_spaces.tape import Int, Layer, Tape
from search_spaces.weight_bits import WHOLE_BITS, packed_bytes


def _of(tape: Tape) -> Int:
    if tape.weight_bits < WHOLE_BITS:
        return 4 * sum([_packed(layer) for layer in tape.layers], start=0)
    return 4 * sum([layer.params for layer in tape.layers], start=0)


def _packed(layer: Layer) -> Int:
    """Return the bytes of a layer whose weights, but not its biases, have 4 bits."""
    if layer.kind != "conv" or layer.writes is None or (type(layer.params) is int and not layer.params):
        return layer.params
    rows, taps = layer.writes.channels, layer.macs // np.maximum(layer.activations, 1)
    return packed_bytes(rows, taps) + layer.params - rows * taps


COST = Cost(unit="bytes", joins="sum", of=_of)
