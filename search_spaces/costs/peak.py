"""Peak memory: most bytes of activations alive at once, fp32, batch 1, over the execution order.

Norms, activation functions and element-wise operations are folded into the layer before and take no
memory of their own; weights are not counted.
"""

from search_spaces.costs import Cost
from search_spaces.tape import Int, Tape, peak_elements


def _of(tape: Tape) -> Int:
    return 4 * peak_elements(tape)


COST = Cost(unit="bytes", joins="max", of=_of)
