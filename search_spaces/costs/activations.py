"""Activations: elements written by conv and linear layers at batch 1.

Radosavovic et al., 2020, https://arxiv.org/abs/2003.13678.
"""

from search_spaces.costs import Cost
from search_spaces.tape import Int, Tape


def _of(tape: Tape) -> Int:
    return sum([layer.activations for layer in tape.layers], start=0)


COST = Cost(unit="count", joins="sum", of=_of)
