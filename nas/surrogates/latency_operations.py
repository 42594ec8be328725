"""Lists the operations that a runtime executes for a network, with the sizes that the latency model uses.

Operations are distinguished by their sizes alone, so equal operations of different networks are one
operation, and a measurement of one network informs the predictions of all others.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor

from search_spaces.architecture import Architecture
from search_spaces.counting import block_tape, head_tape, stage_layers, stem_tape
from search_spaces.tape import Layer, Map, Tape

KINDS: Final = (
    "pointwise",
    "dense",
    "grouped",
    "dilated",
    "linear",
    "matmul",
    "norm",
    "parameter",
    "add",
    "join",
    "pool",
    "resize",
)
AMOUNTS: Final = 5
"""Number of quantities that an operation's time may be proportional to: MACs, reads, writes, params, 1."""

SIZES: Final = 6
"""Number of log sizes by which operations of one kind are compared."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation at batch 1.

    Attributes:
        kind: One of `KINDS`: that of a `search_spaces.tape.Layer`, with four kinds of convolutions.
        macs: Number of multiply-accumulates.
        reads: Number of elements read.
        writes: Number of elements written, or changed in place.
        params: Number of trainable parameters.
        channels: Numbers of input and output channels.
        positions: Numbers of input and output positions.
        dilation: Distance between the taps of a convolution.
    """

    kind: str
    macs: int
    reads: int
    writes: int
    params: int
    channels: tuple[int, int]
    positions: tuple[int, int]
    dilation: int = 1

    @property
    def amounts(self) -> tuple[float, ...]:
        """Quantities that its time may be proportional to, [AMOUNTS]."""
        return (self.macs, self.reads, self.writes, self.params, 1.0)

    @property
    def sizes(self) -> tuple[float, ...]:
        """Log sizes by which it is compared with others of its kind, [SIZES]."""
        (c_in, c_out), (n_in, n_out) = self.channels, self.positions
        taps = max(1.0, self.macs / max(1, self.writes))
        return tuple(math.log(max(1.0, s)) for s in (c_in, c_out, n_in, n_out, taps, self.dilation))


Operations = Counter[Operation]
"""Operations of a network and how often each runs."""


def operations(architecture: Architecture, *, num_classes: int, in_channels: int) -> Operations:
    """Return the operations that run for one image, in the network's inference form."""
    side = architecture.resolution
    stem, x = stem_tape(architecture, Map(in_channels, side, side), deploy=True)
    found = operations_on(stem)
    for stage in (run for whole in architecture.stages for run in whole.runs):
        layers = stage_layers(stage, deploy=True)
        dilation = int(dict(stage.options).get("dilation") or 1)
        first, x = block_tape(layers, x, stage.channels, stage.stride)
        found += operations_on(first, dilation=dilation)
        if stage.depth > 1:
            rest, x = block_tape(layers, x, stage.channels, 1)
            for operation, count in operations_on(rest, dilation=dilation).items():
                found[operation] += (stage.depth - 1) * count
    return found + operations_on(head_tape(architecture, x, num_classes, deploy=True))


def operations_on(tape: Tape, *, dilation: int = 1) -> Operations:
    """Return the operations of a tape, with norms folded into the convolutions before them.

    Args:
        tape: Tape of a network or of a part of one.
        dilation: Dilation of its grouped convolutions, which a tape does not hold.
    """
    return Counter(_operation(layer, dilation) for layer in _executed(tape.layers))


def _executed(layers: Sequence[Layer]) -> Iterator[Layer]:
    made_by_conv: set[int] = set()
    for layer in layers:
        if layer.kind == "norm" and id(layer.reads[0].storage) in made_by_conv:
            made_by_conv.discard(id(layer.reads[0].storage))
            continue
        made_by_conv -= {id(read.storage) for read in layer.reads}
        if layer.kind == "conv" and layer.writes is not None:
            made_by_conv.add(id(layer.writes))
        yield layer


def _operation(layer: Layer, dilation: int) -> Operation:
    read, written = layer.reads[0], layer.writes or layer.reads[0]
    kind = layer.kind
    if kind == "conv":
        taps = int(layer.macs) // int(written.elements)
        side, rest = math.isqrt(taps // int(read.channels)), taps % int(read.channels)
        whole = rest == 0 and side * side * int(read.channels) == taps and side > 0
        kind = ("pointwise" if side == 1 else "dense") if whole else "grouped"
    if kind == "grouped" and dilation > 1:
        kind = "dilated"
    return Operation(
        kind=kind,
        macs=int(layer.macs),
        reads=sum(int(r.elements) for r in layer.reads),
        writes=int(written.elements),
        params=int(layer.params),
        channels=(int(read.channels), int(written.channels)),
        positions=(int(read.positions), int(written.positions)),
        dilation=dilation if kind == "dilated" else 1,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Operations of one kind in some networks.

    Attributes:
        counts: How often each network runs each operation, [n, u].
        amounts: See `Operation.amounts`, [u, AMOUNTS].
        sizes: See `Operation.sizes`, [u, SIZES].
        distinct: Operations in the order of the columns.
    """

    counts: Float[Tensor, "n u"]
    amounts: Float[Tensor, "u a"]
    sizes: Float[Tensor, "u s"]
    distinct: tuple[Operation, ...]


def parts_of(networks: Sequence[Operations]) -> dict[str, Part]:
    """Return the operations of some networks by kind, without kinds that none of them runs."""
    found: dict[str, Part] = {}
    for kind in KINDS:
        distinct = sorted({o for net in networks for o in net if o.kind == kind}, key=lambda o: o.sizes)
        if not distinct:
            continue
        column = {operation: i for i, operation in enumerate(distinct)}
        counts = torch.zeros(len(networks), len(distinct), dtype=torch.float64)
        for row, network in enumerate(networks):
            for operation, count in network.items():
                if operation.kind == kind:
                    counts[row, column[operation]] = count
        found[kind] = part_of(distinct, counts)
    return found


def part_of(distinct: Sequence[Operation], counts: Float[Tensor, "n u"]) -> Part:
    """Return operations of one kind as tensors."""
    return Part(
        counts=counts,
        amounts=torch.tensor([o.amounts for o in distinct], dtype=torch.float64),
        sizes=torch.tensor([o.sizes for o in distinct], dtype=torch.float64),
        distinct=tuple(distinct),
    )
