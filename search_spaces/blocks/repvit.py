"""RepViT block: a re-parameterised depthwise convolution, a gate or none, and an MLP on a residual path.

Wang et al., 2023, https://arxiv.org/abs/2307.09283, figures 3 and 4. While it trains, a 1 x 1 depthwise
convolution and the map itself are added to the depthwise convolution; all merge into one. Where the shape
changes, a block without gate, a strided depthwise and a pointwise convolution and an MLP stand in front.

Deviation: the last batch norms of residual paths begin at 1, not at 0.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _reduced(channels: Any) -> Any:
    """Return a quarter of the channels as a multiple of 8, at least 8: the gate's hidden layer."""
    return (channels // 4 + 4) // 8 * 8 + 8 * (channels < 16)


def _conv(
    in_channels: int, out_channels: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class _RepDepthwise(nn.Module):
    """norm(depthwise(x) + x * scale + bias + x): one depthwise convolution once it is trained."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.channels, self.kernel = channels, kernel
        self.wide: nn.Module = _conv(channels, channels, kernel, groups=channels)
        self.point = nn.Conv2d(channels, channels, 1, groups=channels)
        self.norm = nn.BatchNorm2d(channels)
        self.merged = False

    def forward(self, x: Tensor) -> Tensor:
        if self.merged:
            return self.wide(x)
        return self.norm(self.wide(x) + self.point(x) + x)

    @torch.no_grad()
    def switch_to_deploy(self) -> None:
        """Replace the branches by the one convolution that they equal in evaluation mode."""
        if self.merged:
            return
        exact = copy.deepcopy(self).cpu().double().eval()
        nothing = torch.zeros(1, self.channels, self.kernel, self.kernel).double()
        pixel = F.pad(nothing[..., :1, :1] + 1, [self.kernel // 2] * 4)
        bias = exact(nothing)  # what a pixel adds to it is the kernel, mirrored
        conv = nn.Conv2d(
            self.channels, self.channels, self.kernel, padding=self.kernel // 2, groups=self.channels
        )
        middle = self.kernel // 2
        weight = (exact(pixel) - bias).flip(2, 3).transpose(0, 1)  # [c, 1, k, k]
        conv.load_state_dict({"weight": weight, "bias": bias[0, :, middle, middle]})
        self.wide = conv.to(self.point.weight)
        del self.point, self.norm
        self.merged = True


class _SqueezeExcite(nn.Module):
    """Weighs each channel by what two layers make of the mean of all channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, _reduced(channels), 1)
        self.expand = nn.Conv2d(_reduced(channels), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.reduce(x.mean(dim=(2, 3), keepdim=True)).relu()  # [b, reduced, 1, 1]
        return x * self.expand(y).sigmoid()


class _MLP(nn.Module):
    """x + narrow(gelu(widen(x)))."""

    def __init__(self, channels: int, expansion: int) -> None:
        super().__init__()
        hidden = expansion * channels
        self.body = nn.Sequential(*_conv(channels, hidden), nn.GELU(), *_conv(hidden, channels))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class RepViT(nn.Module):
    """gate(depthwise(x)), then x + MLP(x) with a hidden layer `expansion` times as wide."""

    structural = ("gated",)

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        kernel: int = 3,
        expansion: int = 2,
        gated: bool = False,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"repvit got the kernel {kernel}: expected an odd number")
        self.down = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            self.down = nn.Sequential(
                _RepDepthwise(in_channels, kernel),
                _MLP(in_channels, expansion),
                *_conv(in_channels, in_channels, kernel, stride=stride, groups=in_channels),
                *_conv(in_channels, out_channels),
                _MLP(out_channels, expansion),
            )
        self.mix = _RepDepthwise(out_channels, kernel)
        self.gate: nn.Module = _SqueezeExcite(out_channels) if gated else nn.Identity()
        self.mlp = _MLP(out_channels, expansion)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)  # [b, c_out, h / stride, w / stride]
        return self.mlp(self.gate(self.mix(x)))

    @staticmethod
    def layers(
        tape: Any,
        x: Any,
        out_channels: Any,
        *,
        stride: int,
        deploy: bool,
        kernel: Any,
        expansion: Any,
        gated: bool,
    ) -> Any:
        """Write the layers that run, the branches of a depthwise convolution merged if `deploy`."""

        def mix(x: Any) -> Any:
            c = x.channels
            if deploy:
                return tape.conv(x, c, kernel, groups=c, bias=True)
            y = tape.norm(tape.conv(x, c, kernel, groups=c))
            return tape.norm(tape.add(y, tape.conv(x, c, groups=c, bias=True), x))

        def mlp(x: Any) -> Any:
            hidden = tape.norm(tape.conv(x, expansion * x.channels))
            return tape.add(x, tape.norm(tape.conv(hidden, x.channels)))

        if stride != 1 or x.channels != out_channels:
            y = mlp(mix(x))
            y = tape.norm(tape.conv(y, y.channels, kernel, stride=stride, groups=y.channels))
            x = mlp(tape.norm(tape.conv(y, out_channels)))
        x = mix(x)
        if gated:
            hidden = tape.conv(tape.pool(x), _reduced(x.channels), bias=True)
            x = tape.add(x, tape.conv(hidden, x.channels, bias=True))
        return mlp(x)


BLOCK = RepViT
