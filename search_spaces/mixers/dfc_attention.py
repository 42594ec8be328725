"""Decoupled fully connected (DFC) attention of GhostNetV2: a ghost module times a gate from far away.

Tang et al., 2022, https://arxiv.org/abs/2211.12905, equations (3) to (6): the gate aggregates along the
width, then along the height, on a map of half the side, and is widened again by repeating positions. As in
the authors' code both aggregations are depthwise convolutions of `band` taps, so that the gate sees no more
than these.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _halved(x: Tensor) -> Tensor:
    """Return the means of whole 2 x 2 squares; a map of one row or column keeps it."""
    return F.avg_pool2d(x, (min(2, x.shape[2]), min(2, x.shape[3])))


class DFCAttention(nn.Module):
    """Weighs a ghost module's channels at each position by what lies around it along both axes."""

    kind = "conv"
    nested = ("kernel", "band")  # in a narrower one other channels are the cheap ones

    def __init__(self, channels: int, *, kernel: int = 3, band: int = 5) -> None:
        super().__init__()
        if kernel % 2 == 0 or band % 2 == 0:
            raise ValueError(f"dfc_attention got the kernels {kernel} and {band}: expected odd numbers")
        if channels % 2:
            raise ValueError(f"dfc_attention got {channels} channels: expected an even number")
        c = channels // 2
        self.primary = nn.Sequential(
            nn.Conv2d(channels, c, 1, bias=False), nn.BatchNorm2d(c), nn.ReLU(inplace=True)
        )
        self.cheap = nn.Sequential(
            nn.Conv2d(c, c, kernel, padding=kernel // 2, groups=c, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(inplace=True),
        )
        self.gate = nn.Sequential(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, (1, band), padding=(0, band // 2), groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, channels, (band, 1), padding=(band // 2, 0), groups=channels, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(_halved(x)).sigmoid()  # [b, c, h / 2, w / 2]
        y = self.primary(x)
        y = torch.cat([y, self.cheap(y)], dim=1)
        if gate.shape != y.shape:
            gate = F.interpolate(gate, size=y.shape[2:], mode="nearest")
        return y * gate

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, band: Any) -> Any:
        """Write the layers that run."""
        del deploy
        c = x.channels
        gate = tape.norm(tape.conv(tape.shrink(x, 2, whole=True), c))
        for taps in ((1, band), (band, 1)):
            gate = tape.norm(tape.conv(gate, c, taps, groups=c))
        y = tape.norm(tape.conv(x, c // 2))
        y = tape.join(y, tape.norm(tape.conv(y, c // 2, kernel, groups=c // 2)))
        return tape.add(y, tape.resize(gate, x.height, x.width))


MIXER = DFCAttention
