"""ConvNeXt block: a mixer and an MLP on one residual path with a layer scale.

Liu et al., 2022, https://arxiv.org/abs/2201.03545; with another mixer and batch norm it is the MetaNeXt
block of InceptionNeXt (Yu et al., 2023, https://arxiv.org/abs/2303.16900). Where the shape changes a norm
and a convolution whose kernel equals its stride stand in front; a map that the stride does not divide is
padded with zeros.
"""

from collections.abc import Callable
from typing import Any

import torch
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


def _norm(kind: str, channels: int) -> nn.Module:
    if kind not in {"layer", "batch"}:
        raise ValueError(f"convnext got the norm '{kind}': expected layer or batch")
    return _LayerNorm(channels, eps=1e-6) if kind == "layer" else nn.BatchNorm2d(channels)


class ConvNeXt(nn.Module):
    """x + scale * MLP(norm(mixer(x))), with a hidden layer `expansion` times as wide."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        mixer: Callable[[int], nn.Module],
        expansion: int = 4,
        norm: str = "layer",
    ) -> None:
        super().__init__()
        self.down: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.down = nn.Sequential(
                _norm(norm, in_channels), _PatchConv(in_channels, out_channels, stride, stride=stride)
            )
        self.mix = mixer(out_channels)
        self.norm = _norm(norm, out_channels)
        self.mlp = nn.Sequential(
            nn.Conv2d(out_channels, expansion * out_channels, 1),
            nn.GELU(),
            nn.Conv2d(expansion * out_channels, out_channels, 1),
        )
        self.scale = nn.Parameter(torch.full((out_channels, 1, 1), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)  # [b, c_out, h / stride, w / stride]
        return x + self.mlp(self.norm(self.mix(x))) * self.scale

    @staticmethod
    def layers(
        tape: Any,
        x: Any,
        out_channels: Any,
        *,
        stride: int,
        deploy: bool,
        mixer: Callable[[Any, Any], Any],
        expansion: Any,
        norm: str,
    ) -> Any:
        """Write the layers that run."""
        del deploy, norm
        if stride != 1 or x.channels != out_channels:
            height, width = -(-x.height // stride) * stride, -(-x.width // stride) * stride
            x = tape.resize(tape.norm(x), height, width)
            x = tape.conv(x, out_channels, stride, stride=stride, bias=True)
        hidden = tape.conv(tape.norm(mixer(tape, x)), expansion * out_channels, bias=True)
        y = tape.parameter(tape.conv(hidden, out_channels, bias=True), out_channels)
        return tape.add(x, y)


BLOCK = ConvNeXt
