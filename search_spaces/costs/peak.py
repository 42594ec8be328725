"""Peak memory: most bytes of activations alive at once, fp32, batch 1, over the execution order.

Norms, activation functions and element-wise operations are folded into the layer before and take no
memory of their own; weights are not counted.
"""

import numpy as np

from search_spaces.costs import Cost
from search_spaces.tape import Int, Map, Tape


def _of(tape: Tape) -> Int:
    return 4 * peak_elements(tape)


COST = Cost(unit="bytes", joins="max", of=_of)


def peak_elements(tape: Tape) -> Int:
    """Return the most activation elements alive at once over the execution of `tape`, batch 1.

    A map is alive from the layer that writes it, or from the start if it entered, to its last
    reader; the last map written stays alive to the end.
    """
    last_reader: dict[Map, int] = {}  # maps are distinguished by identity, not by size
    entered: dict[Map, None] = {}
    written: set[Map] = set()
    for step, (_, reads, writes, *_) in enumerate(tape.layers):
        for read in reads:
            storage = read.base or read
            last_reader[storage] = step
            if storage not in written:
                entered[storage] = None
        if writes is not None:
            written.add(writes)
    dying: dict[int, list[Map]] = {}
    for storage, step in last_reader.items():
        dying.setdefault(step, []).append(storage)
    alive: Int = sum([storage.elements for storage in entered], start=0)
    peak: Int = 0
    for step, layer in enumerate(tape.layers):
        if layer.writes is not None:
            alive = alive + layer.writes.elements
        now = alive + layer.scratch
        peak = max(peak, now) if type(peak) is type(now) is int else np.maximum(peak, now)
        for storage in dying.get(step, ()):
            alive = alive - storage.elements
    return peak
