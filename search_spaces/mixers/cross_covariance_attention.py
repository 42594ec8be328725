"""Cross-covariance attention of XCiT: channels attend to channels (El-Nouby et al., 2021, https://arxiv.org/abs/2106.09681)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CrossCovarianceAttention(nn.Module):
    """Weighs channels by the covariance of queries and keys over all positions: linear in them."""

    kind = "attention"

    def __init__(self, channels: int, *, head_channels: int = 16) -> None:
        super().__init__()
        if channels % head_channels:
            raise ValueError(
                f"cross_covariance_attention got {channels} channels and heads of {head_channels}: "
                f"expected heads that divide the channels"
            )
        self.heads = channels // head_channels
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.temperature = nn.Parameter(torch.ones(self.heads, 1, 1))
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        q, k, v = self.qkv(x).reshape(b, 3, self.heads, -1, h * w).unbind(1)  # [b, heads, d, n]
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        weights = (q @ k.transpose(-2, -1) * self.temperature).softmax(dim=-1)  # [b, heads, d, d]
        return self.project((weights @ v).reshape_as(x))

    @staticmethod
    def segments(channels: int, *, head_channels: int) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: queries, keys and values."""
        del head_channels
        parts = (channels, channels, channels)
        return {("qkv.weight", 0): parts, ("qkv.bias", 0): parts}

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, head_channels: Any) -> Any:
        """Write the layers that run."""
        del deploy
        c = x.channels
        qkv = tape.conv(x, 3 * c, bias=True)
        for part in (tape.part(qkv, c), tape.part(qkv, c)):  # query, key
            tape.add(part, tape.pool(part))  # divided by its length over the positions
        products = c * head_channels * x.positions * x.copies
        tape.parameter(qkv, c // head_channels)
        y = tape.matmul((qkv,), c, 2 * products, scratch=c * head_channels * x.copies)
        return tape.conv(y, c, bias=True)


MIXER = CrossCovarianceAttention
