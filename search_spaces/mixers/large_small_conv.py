"""Large-small (LS) convolution of LSNet: a large kernel says how a small one weighs each neighbourhood.

Wang et al., 2025, https://arxiv.org/abs/2503.23135: w = PW(DW(PW(x))), the first PW halving the channels,
DW of `kernel` x `kernel` taps; y_ic is the sum of the 3 x 3 neighbours of x_ic, weighed by w_ig, which the
8 channels of a group share. Deviation: a batch norm behind the first two layers of w and a ReLU behind the
first, where the formula has none; the authors' network has more layers around it. The weighted sums are
element-wise, and not among the MACs.
"""

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

_SHARED = 8  # channels that share the weights of a position


class LargeSmallConv(nn.Module):
    """Sums the 3 x 3 neighbours of each position by weights read from `kernel` x `kernel` of them."""

    kind = "conv"

    def __init__(self, channels: int, *, kernel: int = 7) -> None:
        super().__init__()
        if kernel % 2 == 0 or channels % _SHARED:
            raise ValueError(
                f"large_small_conv got the kernel {kernel} and {channels} channels: expected an odd number "
                f"and a multiple of {_SHARED}"
            )
        half = channels // 2
        self.weigh = nn.Sequential(
            nn.Conv2d(channels, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            nn.Conv2d(half, half, kernel, padding=kernel // 2, groups=half, bias=False),
            nn.BatchNorm2d(half),
            nn.Conv2d(half, channels // _SHARED * 9, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        weights = self.weigh(x).reshape(b, c // _SHARED, 9, 1, h, w)
        x = F.pad(x, (1, 1, 1, 1)).reshape(b, c // _SHARED, _SHARED, h + 2, w + 2)
        y = x[..., :h, :w] * weights[:, :, 0]
        for tap in range(1, 9):
            row, column = divmod(tap, 3)
            y = y + x[..., row : row + h, column : column + w] * weights[:, :, tap]
        return y.reshape(b, c, h, w)

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any) -> Any:
        """Write the layers that run."""
        del deploy
        half = x.channels // 2
        weights = tape.norm(tape.conv(x, half))
        weights = tape.norm(tape.conv(weights, half, kernel, groups=half))
        weights = tape.conv(weights, x.channels // _SHARED * 9, bias=True)
        y = tape.add(tape.resize(x, x.height + 2, x.width + 2), weights)
        return tape.view(y, channels=x.channels, height=x.height, width=x.width, copies=x.copies)


MIXER = LargeSmallConv
