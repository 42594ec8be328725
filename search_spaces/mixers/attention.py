"""Multi-head self-attention over all positions (Vaswani et al., 2017, https://arxiv.org/abs/1706.03762)."""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Lets every position look at every other, in heads of `head_channels` channels."""

    kind = "attention"

    def __init__(self, channels: int, *, head_channels: int = 16) -> None:
        super().__init__()
        if channels % head_channels:
            raise ValueError(
                f"attention got {channels} channels and heads of {head_channels}: "
                f"expected heads that divide the channels"
            )
        self.heads = channels // head_channels
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        q, k, v = self.qkv(x).reshape(b, 3, self.heads, -1, h * w).transpose(-2, -1).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v)  # [b, heads, n, d]
        return self.project(y.transpose(-2, -1).reshape(b, c, h, w))

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
        heads = x.channels // head_channels
        qkv = tape.conv(x, 3 * x.channels, bias=True)
        y = tape.attend(qkv, heads=heads, keys=x.positions, key=head_channels, value=head_channels)
        return tape.conv(y, x.channels, bias=True)


MIXER = Attention
