"""Multi-head self-attention inside windows (Swin; Liu et al., 2021, https://arxiv.org/abs/2103.14030).

Deviations: windows are not shifted and positions have no bias; the convolutions around the mixer carry
information across windows. A map that the window does not divide is padded with zeros.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class WindowedAttention(nn.Module):
    """Lets every position look at the others in its `window` x `window` square."""

    kind = "attention"

    def __init__(self, channels: int, *, head_channels: int = 16, window: int = 7) -> None:
        super().__init__()
        if channels % head_channels:
            raise ValueError(
                f"windowed_attention got {channels} channels and heads of {head_channels}: "
                f"expected heads that divide the channels"
            )
        self.heads, self.window = channels // head_channels, window
        self.qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        s = self.window
        rows, columns = -(-h // s), -(-w // s)
        qkv = self.qkv(x)
        if h % s or w % s:
            qkv = F.pad(qkv, (0, columns * s - w, 0, rows * s - h))
        qkv = qkv.reshape(b, 3, self.heads, -1, rows, s, columns, s).permute(1, 0, 4, 6, 2, 5, 7, 3)
        q, k, v = qkv.reshape(3, b * rows * columns, self.heads, s * s, -1).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v)  # [b * windows, heads, s * s, d]
        y = y.reshape(b, rows, columns, self.heads, s, s, -1).permute(0, 3, 6, 1, 4, 2, 5)
        return self.project(y.reshape(b, c, rows * s, columns * s)[:, :, :h, :w])

    @staticmethod
    def segments(channels: int, *, head_channels: int, window: int) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: queries, keys and values."""
        del head_channels, window
        parts = (channels, channels, channels)
        return {("qkv.weight", 0): parts, ("qkv.bias", 0): parts}

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, head_channels: Any, window: Any) -> Any:
        """Write the layers that run."""
        del deploy
        heads = x.channels // head_channels
        qkv = tape.conv(x, 3 * x.channels, bias=True)
        height, width = -(-x.height // window) * window, -(-x.width // window) * window
        qkv = tape.resize(qkv, height, width)
        y = tape.attend(qkv, heads=heads, keys=window * window, key=head_channels, value=head_channels)
        cut = tape.view(y, channels=x.channels, height=x.height, width=x.width, copies=x.copies)
        return tape.conv(cut, x.channels, bias=True)


MIXER = WindowedAttention
