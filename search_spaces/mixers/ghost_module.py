"""Ghost module of GhostNet: some channels by a pointwise convolution, the others by cheap ones of these.

Han et al., 2020, https://arxiv.org/abs/1911.11907, equations (2) and (3), with the batch norms and
activations of the authors' network.
"""

from typing import Any

import torch
from torch import Tensor, nn


class GhostModule(nn.Module):
    """Computes one `ratio`-th of the channels from all, and the rest from these by depthwise convolutions."""

    kind = "conv"
    nested = ("kernel",)  # in a narrower one other channels are the cheap ones

    def __init__(self, channels: int, *, kernel: int = 3, ratio: int = 2) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"ghost_module got the kernel {kernel}: expected an odd number")
        if ratio < 2 or channels % ratio:
            raise ValueError(
                f"ghost_module got {channels} channels and the ratio {ratio}: expected a ratio of at least 2 "
                f"that divides the channels"
            )
        c = channels // ratio
        self.primary = nn.Sequential(
            nn.Conv2d(channels, c, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU(inplace=True)
        )
        self.cheap = nn.Sequential(
            nn.Conv2d(c, channels - c, kernel, padding=kernel // 2, groups=c, bias=False),
            nn.BatchNorm2d(channels - c),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.primary(x)  # [b, c / ratio, h, w]
        return torch.cat([y, self.cheap(y)], dim=1)

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, ratio: Any) -> Any:
        """Write the layers that run."""
        del deploy
        c = x.channels // ratio
        y = tape.norm(tape.conv(x, c))
        return tape.join(y, tape.norm(tape.conv(y, x.channels - c, kernel, groups=c)))


MIXER = GhostModule
