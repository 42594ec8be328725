"""Separable self-attention of MobileViTv2, linear in the positions.

MobileViTv2 (Mehta & Rastegari, 2022, https://arxiv.org/abs/2206.02680).
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class SeparableAttention(nn.Module):
    """Gathers one context vector from all positions and hands it back to each of them."""

    kind = "attention"

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.qkv = nn.Conv2d(channels, 1 + 2 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).split([1, self.channels, self.channels], dim=1)
        weights = q.flatten(2).softmax(dim=-1).reshape_as(q)  # [b, 1, h, w], sums to 1
        context = (k * weights).sum(dim=(2, 3), keepdim=True)  # [b, c, 1, 1]
        return self.project(F.relu(v) * context)

    @staticmethod
    def segments(channels: int) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: queries, keys and values."""
        parts = (1, channels, channels)
        return {("qkv.weight", 0): parts, ("qkv.bias", 0): parts}

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool) -> Any:
        """Write the layers that run; the context is a weighted sum, counted as element-wise."""
        del deploy
        qkv = tape.conv(x, 1 + 2 * x.channels, bias=True)
        context = tape.pool(tape.part(qkv, x.channels))
        return tape.conv(tape.add(tape.part(qkv, x.channels), context), x.channels, bias=True)


MIXER = SeparableAttention
