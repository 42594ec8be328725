"""Mobile multi-query attention of MobileNetV4: one set of keys and values for all heads.

Qin et al., 2024, https://arxiv.org/abs/2404.10518, equation (1): softmax(x W_q (SR(x) W_k)ᵀ / sqrt(d))
SR(x) W_v for each head, side by side, times W_o. SR is a strided depthwise 3 x 3 convolution and a batch
norm, one for keys and one for values, as in the authors' code; at a stride of 1 nothing is reduced.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


def _reduced(channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Return the projection of a map with every `stride`-th position left."""
    layers = nn.Sequential()
    if stride > 1:
        conv = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, groups=channels, bias=False)
        layers += nn.Sequential(conv, nn.BatchNorm2d(channels))
    layers.append(nn.Conv2d(channels, out_channels, 1, bias=False))
    return layers


class MobileMultiQueryAttention(nn.Module):
    """Attends with `heads` queries of `key_channels` at each position to keys `key_stride` positions apart.

    The widths inside do not depend on the channels.
    """

    kind = "attention"
    structural = ("key_stride",)

    def __init__(self, channels: int, *, heads: int = 4, key_channels: int = 16, key_stride: int = 2) -> None:
        super().__init__()
        if min(heads, key_channels, key_stride) < 1:
            raise ValueError(
                f"mobile_multi_query_attention got {heads} heads, {key_channels} channels of a key and keys "
                f"{key_stride} positions apart: expected at least 1 each"
            )
        self.heads = heads
        self.query = nn.Conv2d(channels, heads * key_channels, 1, bias=False)
        self.key = _reduced(channels, key_channels, key_stride)
        self.value = _reduced(channels, key_channels, key_stride)
        self.project = nn.Conv2d(heads * key_channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        b, _, h, w = x.shape
        k, v = (
            t.flatten(2).transpose(1, 2).unsqueeze(1) for t in (self.key(x), self.value(x))
        )  # [b, 1, m, d]
        q = self.query(x).reshape(b, self.heads, -1, h * w).transpose(-2, -1)  # [b, heads, n, d]
        y = F.scaled_dot_product_attention(q.reshape(b, 1, self.heads * h * w, -1), k, v)
        y = y.reshape(b, self.heads, h * w, -1).transpose(-2, -1)
        return self.project(y.reshape(b, -1, h, w))

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, heads: Any, key_channels: Any, key_stride: int) -> Any:
        """Write the layers that run."""
        del deploy
        kept = []
        for _ in ("key", "value"):
            y = x
            if key_stride > 1:
                y = tape.norm(tape.conv(x, x.channels, 3, stride=key_stride, groups=x.channels))
            kept.append(tape.conv(y, key_channels))
        q = tape.conv(x, heads * key_channels)
        k, v = kept
        macs = q.channels * q.copies * q.positions * k.positions
        scores = tape.matmul((q, k), heads * k.positions, macs)
        return tape.conv(tape.matmul((scores, v), q.channels, macs), x.channels)


MIXER = MobileMultiQueryAttention
