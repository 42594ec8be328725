"""Gated positional self-attention of ConViT: each head weighs content against position.

d'Ascoli et al., 2021, https://arxiv.org/abs/2103.10697: the attention of a head is (1 - sigmoid(g))
softmax(q kᵀ / sqrt(d)) + sigmoid(g) softmax(w r), where r holds the horizontal, vertical and squared
distances of two positions. Heads begin as the taps of a convolution, and values as the input. The second
term depends on weights alone, so that it is no product of maps and not among the MACs. Its rows and those
of the first add up to one already, so that they are not divided by their sum again as in the authors' code.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn


class GatedPositionalAttention(nn.Module):
    """Lets every position look at every other by content and by place, in heads of `head_channels`."""

    kind = "attention"

    def __init__(self, channels: int, *, head_channels: int = 16) -> None:
        super().__init__()
        if channels % head_channels:
            raise ValueError(
                f"gated_positional_attention got {channels} channels and heads of {head_channels}: "
                f"expected heads that divide the channels"
            )
        self.heads = channels // head_channels
        self.gate = nn.Parameter(torch.ones(self.heads, 1, 1))
        self.query_key = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1, bias=False)
        self.project = nn.Conv2d(channels, channels, 1)
        self.place = nn.Linear(3, self.heads)
        nn.init.dirac_(self.value.weight)
        side = math.isqrt(self.heads)
        centre = (side - 1) / 2 if side % 2 == 0 else side // 2
        taps = [[2 * (i % side - centre), 2 * (i // side - centre), -1.0] for i in range(side**2)]
        with torch.no_grad():
            self.place.weight[: side**2] = torch.tensor(taps)

    def _places(self, h: int, w: int) -> Tensor:
        """Return how each head weighs each pair of positions by their distance, [heads, n, n]."""
        rows, columns = (torch.arange(n, device=self.gate.device, dtype=self.gate.dtype) for n in (h, w))
        down = (rows[None] - rows[:, None])[:, None, :, None]  # [h, 1, h, 1]
        right = (columns[None] - columns[:, None])[None, :, None]  # [1, w, 1, w]
        across, along, apart = self.place.weight[..., None, None, None, None].unbind(1)  # [heads, 1, 1, 1, 1]
        scores = across * right + along * down + apart * (right**2 + down**2)  # [heads, h, w, h, w]
        scores = scores.reshape(self.heads, h * w, h * w) + self.place.bias[:, None, None]
        return scores.softmax(dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        q, k = self.query_key(x).reshape(b, 2, self.heads, -1, h * w).unbind(1)  # [b, heads, d, n]
        v = self.value(x).reshape(b, self.heads, -1, h * w)
        weights = (q.transpose(-2, -1) @ k * (c // self.heads) ** -0.5).softmax(dim=-1)
        share = self.gate.sigmoid()
        weights = weights * (1 - share) + self._places(h, w) * share  # [b, heads, n, n]
        y = v @ weights.transpose(-2, -1)
        return self.project(y.reshape(b, c, h, w))

    @staticmethod
    def segments(channels: int, *, head_channels: int) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: queries and keys."""
        del head_channels
        return {("query_key.weight", 0): (channels, channels)}

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, head_channels: Any) -> Any:
        """Write the layers that run."""
        del deploy
        c, heads = x.channels, x.channels // head_channels
        products = c * x.copies * x.positions * x.positions
        both = tape.conv(x, 2 * c)
        value = tape.conv(x, c)
        scores = tape.parameter(tape.matmul((both,), heads * x.positions, products), 5 * heads)
        return tape.conv(tape.matmul((value, scores), c, products), c, bias=True)


MIXER = GatedPositionalAttention
