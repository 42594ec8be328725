"""Single-head attention of SHViT: one head over a part of the channels, then all are mixed.

Yun & Ro, 2024, https://arxiv.org/abs/2401.16456, section 3.3. The part is 3 of 14 channels, the paper's
1 / 4.67, as the widths of its networks show.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _part(channels: Any) -> Any:
    """Return how many channels attend."""
    return 3 * channels // 14


class SingleHeadAttention(nn.Module):
    """Lets every position look at every other in a part of the channels, with narrow queries and keys."""

    kind = "attention"
    nested = ()

    def __init__(self, channels: int, *, key_channels: int = 16) -> None:
        super().__init__()
        part = _part(channels)
        if part < 1:
            raise ValueError(f"single_head_attention got {channels} channels: expected at least 5")
        self.parts = (part, channels - part)
        self.key_channels = key_channels
        self.norm = nn.GroupNorm(1, part)
        inner = 2 * key_channels + part
        self.qkv = nn.Sequential(nn.Conv2d(part, inner, 1, bias=False), nn.BatchNorm2d(inner))
        self.project = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        attended, passed = x.split(self.parts, dim=1)
        sizes = (self.key_channels, self.key_channels, self.parts[0])
        qkv = self.qkv(self.norm(attended)).flatten(2).transpose(1, 2)  # [b, n, 2 k + p]
        q, k, v = qkv.unsqueeze(1).split(sizes, dim=-1)  # [b, 1, n, k] twice, [b, 1, n, p]
        y = F.scaled_dot_product_attention(q, k, v).squeeze(1).transpose(1, 2)  # [b, p, n]
        return self.project(torch.cat([y.reshape(b, -1, h, w), passed], dim=1))

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, key_channels: Any) -> Any:
        """Write the layers that run."""
        del deploy
        part = _part(x.channels)
        qkv = tape.norm(tape.conv(tape.norm(tape.part(x, part)), 2 * key_channels + part))
        y = tape.attend(qkv, heads=1, keys=x.positions, key=key_channels, value=part)
        y = tape.join(y, tape.part(x, x.channels - part))
        return tape.norm(tape.conv(y, x.channels))


MIXER = SingleHeadAttention
