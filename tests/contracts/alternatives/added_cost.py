"""Elements of all maps that are written."""

from typing import Final

from search_spaces.costs import Cost
from search_spaces.tape import Int, Tape


def _of(tape: Tape) -> Int:
    return sum([layer.writes.elements for layer in tape.layers if layer.writes is not None], start=0)


COST: Final = Cost(unit="count", joins="sum", of=_of, label="Added_cost")
