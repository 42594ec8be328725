"""Partial convolution of FasterNet (Chen et al., 2023, https://arxiv.org/abs/2303.03667)."""

from typing import Any

import torch
from torch import Tensor, nn


class PartialConv(nn.Module):
    """Convolves the first `part`-th of the channels with each other and passes the rest.

    At part 4 it costs a sixteenth of a full convolution and touches a quarter of the memory.
    """

    kind = "conv"

    def __init__(self, channels: int, *, kernel: int = 3, part: int = 4) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"partial_conv got the kernel {kernel}: expected an odd number")
        if part < 2 or channels < part:
            raise ValueError(
                f"partial_conv got {channels} channels and the part {part}: expected at least 2 and at "
                f"most as many as there are channels"
            )
        c = channels // part
        self.widths = [c, channels - c]
        self.conv = nn.Conv2d(c, c, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        mixed, rest = x.split(self.widths, dim=1)
        return torch.cat([self.conv(mixed), rest], dim=1)

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, part: Any) -> Any:
        """Write the layers that run."""
        del deploy
        c = x.channels // part
        return tape.join(tape.conv(tape.part(x, c), c, kernel), tape.part(x, x.channels - c))


MIXER = PartialConv
