"""Inception depthwise convolution of InceptionNeXt (Yu et al., 2023, https://arxiv.org/abs/2303.16900)."""

from typing import Any

import torch
from torch import Tensor, nn


class InceptionDepthwise(nn.Module):
    """Gives one `branch`-th of the channels each to a square, a wide and a tall kernel, and passes the rest.

    At branch 8, kernel 3 and band 11 a position costs 3.875 MACs a channel; a 7 x 7 kernel costs 49.
    """

    kind = "conv"
    nested = ("kernel", "band")  # in a narrower one other channels get a branch

    def __init__(self, channels: int, *, kernel: int = 3, band: int = 11, branch: int = 8) -> None:
        super().__init__()
        if kernel % 2 == 0 or band % 2 == 0:
            raise ValueError(f"inception_depthwise got the kernels {kernel} and {band}: expected odd numbers")
        if branch < 3 or channels < branch:
            raise ValueError(
                f"inception_depthwise got {channels} channels and branches of one {branch}-th: "
                f"expected at least 3 and at most as many as there are channels"
            )
        c = channels // branch
        self.widths = [channels - 3 * c, c, c, c]
        self.square = nn.Conv2d(c, c, kernel, padding=kernel // 2, groups=c)
        self.wide = nn.Conv2d(c, c, (1, band), padding=(0, band // 2), groups=c)
        self.tall = nn.Conv2d(c, c, (band, 1), padding=(band // 2, 0), groups=c)

    def forward(self, x: Tensor) -> Tensor:
        rest, square, wide, tall = x.split(self.widths, dim=1)
        return torch.cat([rest, self.square(square), self.wide(wide), self.tall(tall)], dim=1)

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, band: Any, branch: Any) -> Any:
        """Write the layers that run."""
        del deploy
        c = x.channels // branch
        kernels = ((kernel, kernel), (1, band), (band, 1))
        mixed = [tape.conv(tape.part(x, c), c, k, groups=c, bias=True) for k in kernels]
        return tape.join(tape.part(x, x.channels - 3 * c), *mixed)


MIXER = InceptionDepthwise
