"""Weights memory: bytes of the trainable parameters in fp32."""

from search_spaces.costs import Cost
from search_spaces.tape import Int, Tape


def _of(tape: Tape) -> Int:
    return 4 * sum([layer.params for layer in tape.layers], start=0)


COST = Cost(unit="bytes", joins="sum", of=_of)
