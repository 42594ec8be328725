"""What a runtime executes for a network, as the latency model sees it: operations and their numbers.

Only sizes count, so equal operations in different networks are one operation, and what is learnt of it
in one network is known in all others.
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
"""What the time of an operation may be proportional to: MACs, elements read, written, params, and one."""

SIZES: Final = 6
"""Logarithms of sizes, by which operations of one kind resemble each other."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation at batch 1.

    Attributes:
        kind: One of `KINDS`: a `search_spaces.tape.Layer`, convolutions told apart.
        macs: Multiply-accumulates.
        reads: Elements of the maps it reads.
        writes: Elements of the map it makes, or works on in place.
        params: Trainable parameters.
        channels: In and out.
        positions: In and out.
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
        """What its time may be proportional to, [AMOUNTS]."""
        return (self.macs, self.reads, self.writes, self.params, 1.0)

    @property
    def sizes(self) -> tuple[float, ...]:
        """By what it resembles others of its kind, [SIZES]."""
        (c_in, c_out), (n_in, n_out) = self.channels, self.positions
        taps = max(1.0, self.macs / max(1, self.writes))
        return tuple(math.log(max(1.0, s)) for s in (c_in, c_out, n_in, n_out, taps, self.dilation))


Operations = Counter[Operation]
"""The operations of a network and how often each runs."""


def operations(architecture: Architecture, *, num_classes: int, in_channels: int) -> Operations:
    """Return what runs for one image, in the network's inference form."""
    side = architecture.resolution
    stem, x = stem_tape(architecture, Map(in_channels, side, side))
    found = operations_on(stem)
    for stage in architecture.stages:
        layers = stage_layers(stage, deploy=True)
        dilation = int(dict(stage.options).get("dilation") or 1)
        first, x = block_tape(layers, x, stage.channels, stage.stride)
        found += operations_on(first, dilation=dilation)
        if stage.depth > 1:
            rest, x = block_tape(layers, x, stage.channels, 1)
            for operation, count in operations_on(rest, dilation=dilation).items():
                found[operation] += (stage.depth - 1) * count
    return found + operations_on(head_tape(architecture, x, num_classes))


def operations_on(tape: Tape, *, dilation: int = 1) -> Operations:
    """Return the operations that a tape lists; norms that follow a convolution are folded into it.

    Args:
        tape: Of a network or a part of one.
        dilation: Of its grouped convolutions, which a tape does not know.
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
    """The operations of one kind in some networks.

    Attributes:
        counts: How often each network runs each, [n, u].
        amounts: See `Operation.amounts`, [u, AMOUNTS].
        sizes: See `Operation.sizes`, [u, SIZES].
        distinct: The operations, in the order of the columns.
    """

    counts: Float[Tensor, "n u"]
    amounts: Float[Tensor, "u a"]
    sizes: Float[Tensor, "u s"]
    distinct: tuple[Operation, ...]


def parts_of(networks: Sequence[Operations]) -> dict[str, Part]:
    """Return the operations of some networks by kind; kinds that none of them runs are left out."""
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
