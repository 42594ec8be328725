"""MACs: multiply-accumulates of conv, linear and attention products; one MAC is two FLOPs."""

from search_spaces.costs import Cost
from search_spaces.tape import Int, Tape


def _of(tape: Tape) -> Int:
    return sum([layer.macs for layer in tape.layers], start=0)


COST = Cost(unit="count", joins="sum", of=_of, label="MACs")
