"""MobileViT block: a convolution for near positions, transformers for far ones, and one that fuses both.

Mehta & Rastegari, 2021, https://arxiv.org/abs/2110.02178. Positions attend to those at the same place of
other `patch` x `patch` squares. A map that the patch does not divide is interpolated to one that it does,
and back. Deviation: a strided 3 x 3 convolution in front wherever the shape changes, so that the block
stands anywhere; the paper puts an inverted residual there.
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


class _Transformer(nn.Module):
    """x + mixer(norm(x)) among positions at the same place of a patch, then x + MLP(norm(x))."""

    def __init__(self, channels: int, mixer: Callable[[int], nn.Module], expansion: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.norm = _LayerNorm(channels)
        self.mix = mixer(channels)
        self.mlp = nn.Sequential(
            _LayerNorm(channels),
            nn.Conv2d(channels, expansion * channels, 1),
            nn.SiLU(inplace=True),
            nn.Conv2d(expansion * channels, channels, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        p = self.patch
        y = self.norm(x).reshape(b, c, h // p, p, w // p, p).permute(0, 3, 5, 1, 2, 4)
        y = self.mix(y.reshape(b * p * p, c, h // p, w // p))
        x = x + y.reshape(b, p, p, c, h // p, w // p).permute(0, 3, 4, 1, 5, 2).reshape(b, c, h, w)
        return x + self.mlp(x)


def _conv(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.SiLU(inplace=True),
    )


def _inner(inner_channels: Any, channels: Any) -> Any:
    """Return the channels of the transformers: by default 1.5 times the block's, in multiples of 16."""
    return inner_channels or (3 * channels // 2 + 15) // 16 * 16


class MobileViTv1(nn.Module):
    """Fuses its input with what `transformers` transformers of `inner_channels` make of it."""

    structural = ("transformers", "inner_channels")
    repeated = "transformers"

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        mixer: Callable[[int], nn.Module],
        transformers: int = 2,
        inner_channels: int = 0,
        expansion: int = 2,
        patch: int = 2,
    ) -> None:
        super().__init__()
        self.patch = patch
        self.down: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.down = _conv(in_channels, out_channels, 3, stride)
        inner = _inner(inner_channels, out_channels)
        self.near = _conv(out_channels, out_channels, 3)
        self.widen = nn.Conv2d(out_channels, inner, 1, bias=False)
        self.far = nn.Sequential(*[_Transformer(inner, mixer, expansion, patch) for _ in range(transformers)])
        self.norm = _LayerNorm(inner)
        self.project = _conv(inner, out_channels, 1)
        self.fuse = _conv(2 * out_channels, out_channels, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)  # [b, c_out, h / stride, w / stride]
        h, w = x.shape[2:]
        whole = (-(-h // self.patch) * self.patch, -(-w // self.patch) * self.patch)
        y = self.widen(self.near(x))  # [b, inner, h, w]
        if whole != (h, w):
            y = F.interpolate(y, size=whole, mode="bilinear", align_corners=False)
        y = self.norm(self.far(y))
        if whole != (h, w):
            y = F.interpolate(y, size=(h, w), mode="bilinear", align_corners=False)
        return self.fuse(torch.cat([x, self.project(y)], dim=1))

    @staticmethod
    def segments(
        in_channels: int, out_channels: int, *, stride: int, **options: Any
    ) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: what is fused is the input and what transformers made of it."""
        del in_channels, stride, options
        return {("fuse.0.weight", 1): (out_channels, out_channels)}

    @staticmethod
    def layers(
        tape: Any,
        x: Any,
        out_channels: Any,
        *,
        stride: int,
        deploy: bool,
        mixer: Callable[[Any, Any], Any],
        transformers: int,
        inner_channels: int,
        expansion: Any,
        patch: Any,
    ) -> Any:
        """Write the layers that run."""
        del deploy
        if stride != 1 or x.channels != out_channels:
            x = tape.norm(tape.conv(x, out_channels, 3, stride=stride))
        inner = _inner(inner_channels, out_channels)
        height, width = -(-x.height // patch), -(-x.width // patch)
        y = tape.conv(tape.norm(tape.conv(x, out_channels, 3)), inner)
        y = tape.resize(y, height * patch, width * patch)
        for _ in range(transformers):
            tiles = tape.view(tape.norm(y), channels=inner, height=height, width=width, copies=patch * patch)
            y = tape.add(y, mixer(tape, tiles))
            y = tape.add(
                y, tape.conv(tape.conv(tape.norm(y), expansion * inner, bias=True), inner, bias=True)
            )
        y = tape.resize(tape.norm(y), x.height, x.width)
        y = tape.norm(tape.conv(y, out_channels))
        return tape.norm(tape.conv(tape.join(x, y), out_channels, 3))


BLOCK = MobileViTv1
