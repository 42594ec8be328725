"""A mixer alone on a residual path, behind a batch norm and before a layer scale.

The attention blocks of MobileNetV4's hybrid networks (Qin et al., 2024, https://arxiv.org/abs/2404.10518,
section 4; the layer scale: Touvron et al., 2021, https://arxiv.org/abs/2103.17239). Where the shape changes a
strided 3 x 3 convolution stands in front, which those networks have not.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class ResidualMixer(nn.Module):
    """x + scale * mixer(norm(x))."""

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, mixer: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        self.down: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.down = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
            )
        self.norm = nn.BatchNorm2d(out_channels)
        self.mix = mixer(out_channels)
        self.scale = nn.Parameter(torch.full((out_channels, 1, 1), 1e-5))

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)  # [b, c_out, h / stride, w / stride]
        return x + self.mix(self.norm(x)) * self.scale

    @staticmethod
    def layers(
        tape: Any,
        x: Any,
        out_channels: Any,
        *,
        stride: int,
        deploy: bool,
        mixer: Callable[[Any, Any], Any],
    ) -> Any:
        """Write the layers that run."""
        del deploy
        if stride != 1 or x.channels != out_channels:
            x = tape.norm(tape.conv(x, out_channels, 3, stride=stride))
        return tape.add(x, tape.parameter(mixer(tape, tape.norm(x)), out_channels))


BLOCK = ResidualMixer
