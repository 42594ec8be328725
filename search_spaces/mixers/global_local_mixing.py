"""Global-local mixing (GLMix) of GLNet: attention among a few slots beside a convolution of all positions.

Zhu et al., 2024, https://arxiv.org/abs/2411.14429, and the authors' code: slots begin as means of a grid;
by the cosine of slots and positions, times a learnt scale, positions are softly grouped into slots, slots
attend to each other and are softly handed back; a pointwise, a depthwise and a pointwise convolution are
added. Deviation: the grid's means are of the map that the mixer gets, which a block has normalised.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GlobalLocalMixing(nn.Module):
    """Lets `slots` groups of positions look at each other, and adds `kernel` x `kernel` neighbourhoods."""

    kind = "attention"
    structural = ("slots",)

    def __init__(self, channels: int, *, head_channels: int = 16, slots: int = 16, kernel: int = 5) -> None:
        super().__init__()
        if channels % head_channels:
            raise ValueError(
                f"global_local_mixing got {channels} channels and heads of {head_channels}: "
                f"expected heads that divide the channels"
            )
        if kernel % 2 == 0 or slots < 1 or math.isqrt(slots) ** 2 != slots:
            raise ValueError(
                f"global_local_mixing got the kernel {kernel} and {slots} slots: "
                f"expected an odd and a square number"
            )
        self.heads, self.side = channels // head_channels, math.isqrt(slots)
        self.scale = nn.Parameter(torch.tensor([channels**-0.5]))
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)
        self.near = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels),
            nn.Conv2d(channels, channels, 1),
        )

    def _means(self, x: Tensor) -> Tensor:
        """Return the means of a grid of side x side cells, which may overlap by a position, [b, c, slots]."""
        rows, columns = (
            [slice(i * n // self.side, -(-(i + 1) * n // self.side)) for i in range(self.side)]
            for n in x.shape[2:]
        )
        cells = [x[:, :, row, column].mean(dim=(2, 3)) for row in rows for column in columns]
        return torch.cat([cell.unsqueeze(2) for cell in cells], dim=2)

    def _among(self, slots: Tensor) -> Tensor:
        """Return the slots after each has looked at all, [b, c, slots]."""
        b, c, m = slots.shape
        q, k, v = self.qkv(slots.unsqueeze(3)).reshape(b, 3, self.heads, -1, m).transpose(-2, -1).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v).transpose(-2, -1)  # [b, heads, d, slots]
        return self.project(y.reshape(b, c, m, 1)).flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)  # [b, c, n]
        slots = self._means(x)
        alike = F.normalize(slots, dim=1).transpose(1, 2) @ (F.normalize(flat, dim=1) * self.scale)
        slots = self._among(flat @ alike.softmax(dim=2).transpose(1, 2))
        return (slots @ alike.softmax(dim=1)).reshape_as(x) + self.near(x)

    @staticmethod
    def segments(
        channels: int, *, head_channels: int, slots: int, kernel: int
    ) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: queries, keys and values."""
        del head_channels, slots, kernel
        parts = (channels, channels, channels)
        return {("qkv.weight", 0): parts, ("qkv.bias", 0): parts}

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, head_channels: Any, slots: int, kernel: Any) -> Any:
        """Write the layers that run; the lengths of channel vectors are counted as means over channels."""
        del deploy
        c, one = x.channels, x.height // x.height
        products = c * slots * x.positions * x.copies
        means = tape.join(*[tape.pool(x) for _ in range(slots)])
        for map_, places in ((means, slots), (x, x.positions)):
            upright = tape.view(map_, channels=places, height=one * c, width=one, copies=x.copies)
            tape.add(map_, tape.pool(upright))  # divided by the length of each position's channels
        alike = tape.parameter(tape.matmul((x, means), slots, products), 1)
        row = tape.view(x, channels=c, height=one * slots, width=one, copies=x.copies)
        qkv = tape.conv(tape.matmul((row, alike), c, products), 3 * c, bias=True)
        heads = c // head_channels
        mixed = tape.attend(qkv, heads=heads, keys=slots, key=head_channels, value=head_channels)
        y = tape.matmul((alike, tape.conv(mixed, c, bias=True)), c, products)
        near = tape.conv(x, c, bias=True)
        near = tape.conv(tape.conv(near, c, kernel, groups=c, bias=True), c, bias=True)
        return tape.add(y, near)


MIXER = GlobalLocalMixing
