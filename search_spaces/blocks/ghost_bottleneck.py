"""Ghost bottleneck of GhostNet and GhostNetV2: a ghost module that widens and one that narrows.

Han et al., 2020, https://arxiv.org/abs/1911.11907, figure 3; with ``dfc`` the first module is weighed by
the decoupled fully connected attention of GhostNetV2 (Tang et al., 2022, https://arxiv.org/abs/2211.12905,
figure 4). Where it strides a depthwise convolution stands between the modules; where the shape changes the
path around them is a depthwise convolution and a pointwise one. Only these two have the ``kernel``. A
squeeze-and-excite gate goes through a quarter of the widened channels.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _halved(x: Tensor) -> Tensor:
    """Return the means of whole 2 x 2 squares; a map of one row or column keeps it."""
    return F.avg_pool2d(x, (min(2, x.shape[2]), min(2, x.shape[3])))


def _rounded(wanted: Any) -> Any:
    """Return a multiple of 4, at least 90 % of what is wanted."""
    rounded = (wanted + 2) // 4 * 4
    rounded = rounded + 4 * (rounded < 0.9 * wanted)
    return int(rounded) if isinstance(rounded, float) else rounded


def _conv(
    in_channels: int, out_channels: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels))


class _Ghost(nn.Module):
    """Computes half of the channels from the input and the other half from these."""

    def __init__(self, in_channels: int, out_channels: int, *, activated: bool) -> None:
        super().__init__()
        c = out_channels // 2
        self.primary = _conv(in_channels, c)
        self.cheap = _conv(c, c, 3, groups=c)
        if activated:
            self.primary.append(nn.ReLU(inplace=True))
            self.cheap.append(nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        y = self.primary(x)
        return torch.cat([y, self.cheap(y)], dim=1)


class _WeighedGhost(_Ghost):
    """Weighs the channels at each position by what lies around it, on a map of half the side."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, activated=True)
        c = out_channels
        self.gate = _conv(in_channels, c)
        for kernel in ((1, 5), (5, 1)):
            padding = (kernel[0] // 2, kernel[1] // 2)
            self.gate.append(nn.Conv2d(c, c, kernel, padding=padding, groups=c, bias=False))
            self.gate.append(nn.BatchNorm2d(c))

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(_halved(x)).sigmoid()
        y = super().forward(x)
        if gate.shape != y.shape:
            gate = F.interpolate(gate, size=y.shape[2:], mode="nearest")
        return y * gate


class _SqueezeExcite(nn.Module):
    """Weighs each channel by what two layers make of the mean of all channels."""

    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, reduced, 1)
        self.expand = nn.Conv2d(reduced, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.reduce(x.mean(dim=(2, 3), keepdim=True)))  # [b, reduced, 1, 1]
        return x * F.hardsigmoid(self.expand(y))


class GhostBottleneck(nn.Module):
    """shortcut(x) + ghost(gate(depthwise(ghost(x)))), the hidden map `expansion` times as wide as the input.

    Its channels are a multiple of 4.
    """

    nested = ("kernel",)  # in a narrower one other channels are the cheap ones

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        kernel: int = 3,
        expansion: int | float = 3,
        squeeze_excite: bool = False,
        dfc: bool = True,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0 or out_channels % 2:
            raise ValueError(
                f"ghost_bottleneck got the kernel {kernel} and {out_channels} channels: expected an odd and "
                f"an even number"
            )
        hidden = _rounded(expansion * in_channels)
        self.body = nn.Sequential(
            _WeighedGhost(in_channels, hidden) if dfc else _Ghost(in_channels, hidden, activated=True)
        )
        if stride > 1:
            self.body += _conv(hidden, hidden, kernel, stride=stride, groups=hidden)
        if squeeze_excite:
            self.body.append(_SqueezeExcite(hidden, _rounded(hidden // 4)))
        self.body.append(_Ghost(hidden, out_channels, activated=False))
        self.shortcut = nn.Sequential()
        if stride > 1 or in_channels != out_channels:
            self.shortcut += _conv(in_channels, in_channels, kernel, stride=stride, groups=in_channels)
            self.shortcut += _conv(in_channels, out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)  # [b, c_out, h / stride, w / stride]
        return self.shortcut(x) + y

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
        squeeze_excite: bool,
        dfc: bool,
    ) -> Any:
        """Write the layers that run."""
        del deploy
        hidden = _rounded(expansion * x.channels)
        weights = None
        if dfc:
            weights = tape.norm(tape.conv(tape.shrink(x, 2, whole=True), hidden))
            for taps in ((1, 5), (5, 1)):
                weights = tape.norm(tape.conv(weights, hidden, taps, groups=hidden))
        y = tape.norm(tape.conv(x, hidden // 2))
        y = tape.join(y, tape.norm(tape.conv(y, hidden // 2, 3, groups=hidden // 2)))
        if weights is not None:
            y = tape.add(y, tape.resize(weights, x.height, x.width))
        if stride > 1:
            y = tape.norm(tape.conv(y, hidden, kernel, stride=stride, groups=hidden))
        if squeeze_excite:
            reduced = _rounded(hidden // 4)
            y = tape.add(y, tape.conv(tape.conv(tape.pool(y), reduced, bias=True), hidden, bias=True))
        y = tape.norm(tape.conv(y, out_channels // 2))
        y = tape.join(y, tape.norm(tape.conv(y, out_channels // 2, 3, groups=out_channels // 2)))
        around = x
        if stride > 1 or x.channels != out_channels:
            around = tape.norm(tape.conv(x, x.channels, kernel, stride=stride, groups=x.channels))
            around = tape.norm(tape.conv(around, out_channels))
        return tape.add(around, y)


BLOCK = GhostBottleneck
