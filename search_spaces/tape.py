"""`Tape`: the layers that a network runs, in order, from which every cost is computed.

A block or mixer lists its layers by writing on a `Tape`, in the order in which they run. Sizes may
be plain ints or int64 arrays of one shape, so the same listing describes one architecture or
100,000 that differ in resolution, kernel, dilation or expansion.

Letters: c channels, h w height and width, n positions (h * w).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Int: TypeAlias = int | np.int64 | NDArray[np.int64]
"""One size, or one size for each of many architectures."""


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """An activation map that lives in memory from the layer that writes it to its last reader.

    Attributes:
        channels: c, at least 1.
        height: h, at least 1.
        width: w, at least 1.
        base: The map whose memory it is a view of; None for one with memory of its own.
        copies: Number of such maps in the batch for one image, for example its windows.
    """

    channels: Int
    height: Int
    width: Int
    base: "Map | None" = None
    copies: Int = 1

    @property
    def storage(self) -> "Map":
        """The map that owns the memory."""
        return self if self.base is None else self.base

    @property
    def positions(self) -> Int:
        """The number of positions, h * w."""
        return self.height * self.width

    @property
    def elements(self) -> Int:
        """The number of elements for one image, copies * c * h * w."""
        return self.copies * self.channels * self.height * self.width


class Layer(NamedTuple):
    """One step of execution; a tuple, because a network has many and each is made anew.

    Attributes:
        kind: `conv`, `linear`, `matmul`, `norm`, `parameter`, `add`, `join`, `pool` or `resize`.
        reads: The maps it needs.
        writes: The map it makes in memory of its own; None for one that works in place.
        macs: Multiply-accumulates of conv, linear and attention products at batch 1.
        params: Trainable parameters.
        activations: Elements written by conv and linear layers at batch 1.
        scratch: Elements that live only while the layer runs, for example attention scores.
        reach: Height and width, in positions of the map it reads, of what one position it writes is made
            from, dilation included.
        stride: Positions of the map it reads from one position it writes to the next.
    """

    kind: str
    reads: tuple[Map, ...]
    writes: Map | None
    macs: Int = 0
    params: Int = 0
    activations: Int = 0
    scratch: Int = 0
    reach: tuple[Int, Int] = (1, 1)
    stride: int = 1


class Tape:
    """Layers in the order of execution.

    Norms, activation functions and element-wise operations work in place: they return the map they
    are given, because a runtime folds them into the layer before.

    Args:
        weight_bits: Bits of the weights of its convolutions where the network is deployed in int8, 8 or 4.
    """

    def __init__(self, weight_bits: int = 8) -> None:
        self.layers: list[Layer] = []
        self.weight_bits = weight_bits

    def input(self, channels: Int, height: Int, width: Int) -> Map:
        """Return the map that enters; it occupies memory until its last reader."""
        return Map(channels, height, width)

    def conv(
        self,
        x: Map,
        channels: Int,
        kernel: Int | tuple[Int, Int] = 1,
        *,
        stride: int = 1,
        groups: Int = 1,
        bias: bool = False,
        dilation: Int | tuple[Int, Int] = 1,
        unpadded: Map | None = None,
        shared: bool = False,
    ) -> Map:
        """Return the map of a convolution with 'same' padding: ceil(h / stride) x ceil(w / stride).

        Args:
            x: The input map.
            channels: Output channels.
            kernel: Side of the kernel, or its height and width.
            stride: In both directions.
            groups: Divides input and output channels.
            bias: Whether each output channel has one.
            dilation: Positions from one tap to the next, or those in height and in width. It changes no cost,
                only what the layer reaches.
            unpadded: What `x` was before zeros were added to it, where the convolution adds none itself.
            shared: Whether its weights are those of an earlier layer, and counted there.
        """
        kernel_h, kernel_w = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        apart_h, apart_w = dilation if isinstance(dilation, tuple) else (dilation, dilation)
        before = x if unpadded is None else unpadded
        height, width = -(-before.height // stride), -(-before.width // stride)
        out = Map(channels, height, width, copies=before.copies)
        taps = kernel_h * kernel_w * (x.channels // groups)  # multiplications an output element
        self.layers.append(
            Layer(
                "conv",
                (x,),
                out,
                macs=out.elements * taps,
                params=0 if shared else channels * taps + (channels if bias else 0),
                activations=out.elements,
                reach=(apart_h * (kernel_h - 1) + 1, apart_w * (kernel_w - 1) + 1),
                stride=stride,
            )
        )
        return out

    def pad_as_tensorflow(self, x: Map, kernel: Int, stride: int) -> Map:
        """Return `x` with the zeros that ceil(h / stride) x ceil(w / stride) outputs of a kernel need."""
        sides = [(-(-side // stride) - 1) * stride + kernel - side for side in (x.height, x.width)]
        height, width = (more * (more > 0) for more in sides)
        return self.resize(x, x.height + height, x.width + width)

    def linear(self, x: Map, features: Int, *, bias: bool = True) -> Map:
        """Return the map of one linear layer applied at every position."""
        out = Map(features, x.height, x.width, copies=x.copies)
        self.layers.append(
            Layer(
                "linear",
                (x,),
                out,
                macs=out.elements * x.channels,
                params=features * x.channels + (features if bias else 0),
                activations=out.elements,
            )
        )
        return out

    def attend(self, qkv: Map, *, heads: Int, keys: Int, key: Int, value: Int) -> Map:
        """Return softmax(q kᵀ) v, one query at each position, q, k and v being read from one map.

        Args:
            qkv: The map that holds queries, keys and values.
            heads: Independent attentions.
            keys: Positions that each query attends to, those of a square window or of the whole map.
            key: Width of a query or key of one head.
            value: Width of a value of one head.
        """
        scores = heads * qkv.copies * qkv.positions * keys
        whole = keys >= qkv.positions
        side = np.ceil(np.sqrt(keys)).astype(np.int64)
        reach = (np.where(whole, qkv.height, side), np.where(whole, qkv.width, side))
        return self.matmul((qkv,), heads * value, scores * (key + value), scratch=scores, reach=reach)

    def matmul(
        self,
        reads: Sequence[Map],
        channels: Int,
        macs: Int,
        *,
        scratch: Int = 0,
        reach: tuple[Int, Int] | None = None,
    ) -> Map:
        """Return the product of activation maps: `channels` at every position of the first read.

        Args:
            reads: The maps it needs.
            channels: Channels of the product.
            macs: Multiply-accumulates of the product.
            scratch: Elements of what lives only in between, for example scores.
            reach: Height and width of what one position is made from; None for the whole map.
        """
        out = Map(channels, reads[0].height, reads[0].width, copies=reads[0].copies)
        reach = reach or (reads[0].height, reads[0].width)
        self.layers.append(Layer("matmul", tuple(reads), out, macs=macs, scratch=scratch, reach=reach))
        return out

    def norm(self, x: Map) -> Map:
        """Return `x` normalised in place, with a scale and a shift for each channel."""
        self.layers.append(Layer("norm", (x,), None, params=2 * x.channels))
        return x

    def parameter(self, x: Map, params: Int) -> Map:
        """Return `x` changed in place by free parameters, for example a layer scale."""
        self.layers.append(Layer("parameter", (x,), None, params=params))
        return x

    def add(self, x: Map, *others: Map) -> Map:
        """Return `x` after the others were added to it, or multiplied, in place."""
        self.layers.append(Layer("add", (x, *others), None))
        return x

    def join(self, *parts: Map) -> Map:
        """Return the parts one after another along the channels, in new memory."""
        channels = sum((p.channels for p in parts[1:]), start=parts[0].channels)
        out = Map(channels, parts[0].height, parts[0].width, copies=parts[0].copies)
        self.layers.append(Layer("join", parts, out))
        return out

    def part(self, x: Map, channels: Int) -> Map:
        """Return some channels of `x` as a view: whoever reads it keeps all of `x` alive."""
        return Map(channels, x.height, x.width, base=x.storage, copies=x.copies)

    def view(self, x: Map, *, channels: Int, height: Int, width: Int, copies: Int = 1) -> Map:
        """Return the elements of `x`, or some of them, in another layout: it takes no memory.

        Changes of layout, also those that torch copies for, are folded into the layer that reads.
        """
        return Map(channels, height, width, base=x.storage, copies=copies)

    def pool(self, x: Map) -> Map:
        """Return the mean of each channel: a 1 x 1 map."""
        one = x.height // x.height
        out = Map(x.channels, one, one, copies=x.copies)
        self.layers.append(Layer("pool", (x,), out))
        return out

    def shrink(self, x: Map, side: int, *, whole: bool = False) -> Map:
        """Return the means of squares of side x side positions: ceil(h / side) x ceil(w / side) of them.

        Args:
            x: The map.
            side: Side of a square in positions.
            whole: Whether positions behind the last whole square are left out, where there is one.
        """
        height, width = (
            left // side + (left < side) if whole else -(-left // side) for left in (x.height, x.width)
        )
        out = Map(x.channels, height, width, copies=x.copies)
        self.layers.append(Layer("resize", (x,), out, reach=(side, side), stride=side))
        return out

    def blur(self, x: Map, side: int, *, stride: int) -> Map:
        """Return means of side x side positions, padded: ceil(h / stride) x ceil(w / stride) of them."""
        out = Map(x.channels, -(-x.height // stride), -(-x.width // stride), copies=x.copies)
        self.layers.append(Layer("resize", (x,), out, reach=(side, side), stride=stride))
        return out

    def resize(self, x: Map, height: Int, width: Int, *, reach: int = 1) -> Map:
        """Return `x`, which nobody reads afterwards, padded or interpolated to another size.

        Where the size does not change nothing is copied: `x` and its successor count once.

        Args:
            x: The map.
            height: New height.
            width: New width.
            reach: Positions of `x`, in each direction, that a position of the new map is made from.
        """
        out = Map(x.channels, height, width, copies=x.copies)
        same = (x.height == height) & (x.width == width)
        scratch = -out.elements * same
        self.layers.append(Layer("resize", (x,), out, scratch=scratch, reach=(reach, reach)))
        return out

    def padded(self, x: Map, height: Int, width: Int) -> Map:
        """Return a copy of `x` with zeros behind it, where `x` itself is read again later.

        Where the size does not change it is no copy, and takes no memory.
        """
        more = (x.height != height) | (x.width != width)
        out = Map(x.channels, height, width, copies=x.copies * more)
        self.layers.append(Layer("resize", (x,), out))
        return out
