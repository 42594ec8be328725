"""Bytes of all maps that are written, in fp32."""

from typing import Final

from search_spaces.costs import Cost
from search_spaces.tape import Int, Tape


def _of(tape: Tape) -> Int:
    return 4 * sum([layer.writes.elements for layer in tape.layers if layer.writes is not None], start=0)


COST: Final = Cost(unit="bytes", joins="sum", of=_of)
