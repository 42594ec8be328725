"""Spatial-reduction attention of PVT: keys and values are read from a smaller map.

Wang et al., 2021, https://arxiv.org/abs/2102.12122, equations (1) to (3): attention of all queries to keys
and values of norm(W_s x), where W_s is a convolution whose kernel equals its stride. A stride of 1 is plain
multi-head attention, as in the paper's last stage. Deviation: a map that the stride does not divide is
padded with zeros.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class _LayerNorm(nn.LayerNorm):
    """Normalises the channels of each position, [b, c, h, w] -> [b, c, h, w]."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class _PatchConv(nn.Conv2d):
    """A convolution of patches side by side, ceil(h / stride) x ceil(w / stride) of them."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = (-x.shape[2] % self.stride[0], -x.shape[3] % self.stride[1])
        if height or width:
            x = F.pad(x, (0, width, 0, height))
        return super().forward(x)


class SpatialReductionAttention(nn.Module):
    """Lets every position look at all squares of `key_stride` x `key_stride` positions, in heads."""

    kind = "attention"
    structural = ("key_stride",)

    def __init__(self, channels: int, *, head_channels: int = 16, key_stride: int = 2) -> None:
        super().__init__()
        if channels % head_channels or key_stride < 1:
            raise ValueError(
                f"spatial_reduction_attention got {channels} channels, heads of {head_channels} and keys "
                f"{key_stride} positions apart: expected heads that divide the channels and a stride "
                f"of at least 1"
            )
        self.heads = channels // head_channels
        self.query = nn.Conv2d(channels, channels, 1)
        self.key_value = nn.Conv2d(channels, 2 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)
        self.reduce = nn.Sequential()
        if key_stride > 1:
            self.reduce.append(_PatchConv(channels, channels, key_stride, stride=key_stride))
            self.reduce.append(_LayerNorm(channels))

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        k, v = self.key_value(self.reduce(x)).reshape(b, 2, self.heads, c // self.heads, -1).unbind(1)
        q = self.query(x).reshape(b, self.heads, -1, h * w)
        q, k, v = (t.transpose(-2, -1) for t in (q, k, v))  # [b, heads, n, d], n fewer for k and v
        y = F.scaled_dot_product_attention(q, k, v).transpose(-2, -1)
        return self.project(y.reshape(b, c, h, w))

    @staticmethod
    def segments(
        channels: int, *, head_channels: int, key_stride: int
    ) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: keys and values."""
        del head_channels, key_stride
        parts = (channels, channels)
        return {("key_value.weight", 0): parts, ("key_value.bias", 0): parts}

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, head_channels: Any, key_stride: int) -> Any:
        """Write the layers that run."""
        del deploy
        c, y = x.channels, x
        if key_stride > 1:
            height, width = -(-x.height // key_stride), -(-x.width // key_stride)
            y = tape.padded(x, height * key_stride, width * key_stride)
            y = tape.conv(y, c, key_stride, stride=key_stride, bias=True, unpadded=x)
            y = tape.norm(y)
        keys = tape.conv(y, 2 * c, bias=True)
        q = tape.conv(x, c, bias=True)
        macs = c * x.copies * x.positions * keys.positions
        scores = tape.matmul((q, keys), c // head_channels * keys.positions, macs)
        return tape.conv(tape.matmul((scores, keys), c, macs), c, bias=True)


MIXER = SpatialReductionAttention
