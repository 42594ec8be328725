"""Trainable parameters; running statistics of norms are not counted."""

from search_spaces.costs import Cost
from search_spaces.tape import Int, Tape


def _of(tape: Tape) -> Int:
    return sum([layer.params for layer in tape.layers], start=0)


COST = Cost(unit="count", joins="sum", of=_of)
