"""SHViT block: a 3 x 3 depthwise convolution, a mixer if there is one, and an MLP, each on a residual path.

Yun & Ro, 2024, https://arxiv.org/abs/2401.16456, figure 4. Where the shape changes, a convolution and an MLP,
an inverted residual with a squeeze-and-excitation gate that strides, and again a convolution and an MLP stand
in front, as in its code (https://github.com/ysj9909/SHViT).

Deviation: the last batch norms of residual paths begin at 1, not at 0.
"""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


def _reduced(channels: Any) -> Any:
    """Return channels as a multiple of 8, at least 8: the width of the gate's hidden layer."""
    return (channels + 4) // 8 * 8 + 8 * (channels < 4)


def _conv(
    in_channels: int, out_channels: int, kernel: int = 1, *, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, groups=groups, bias=False
    )
    return [conv, nn.BatchNorm2d(out_channels)]


class _Residual(nn.Sequential):
    """x + f(x)."""

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for layer in self:
            y = layer(y)
        return x + y


class _SqueezeExcite(nn.Module):
    """Weighs each channel by what two layers make of the mean of all channels."""

    def __init__(self, channels: int, reduced: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, reduced, 1)
        self.expand = nn.Conv2d(reduced, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.reduce(x.mean(dim=(2, 3), keepdim=True)).relu()  # [b, reduced, 1, 1]
        return x * self.expand(y).sigmoid()


def _near(channels: int) -> nn.Module:
    return _Residual(*_conv(channels, channels, 3, groups=channels))


def _mlp(channels: int, expansion: int) -> nn.Module:
    hidden = expansion * channels
    return _Residual(*_conv(channels, hidden), nn.ReLU(), *_conv(hidden, channels))


class SHViT(nn.Module):
    """x + depthwise(x), then x + mixer(x), then x + MLP(x), the hidden layer `expansion` times as wide."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        mixer: Callable[[int], nn.Module] | None = None,
        expansion: int = 2,
    ) -> None:
        super().__init__()
        self.down = nn.Sequential()
        if stride != 1 or in_channels != out_channels:
            hidden = 4 * in_channels
            merge = nn.Sequential(
                *_conv(in_channels, hidden),
                nn.ReLU(),
                *_conv(hidden, hidden, 3, stride=stride, groups=hidden),
                nn.ReLU(),
                _SqueezeExcite(hidden, _reduced(in_channels)),
                *_conv(hidden, out_channels),
            )
            before = (_near(in_channels), _mlp(in_channels, expansion))
            after = (_near(out_channels), _mlp(out_channels, expansion))
            self.down = nn.Sequential(*before, merge, *after)
        self.near = _near(out_channels)
        self.mix = nn.Sequential() if mixer is None else _Residual(mixer(out_channels))
        self.mlp = _mlp(out_channels, expansion)

    def forward(self, x: Tensor) -> Tensor:
        return self.mlp(self.mix(self.near(self.down(x))))  # [b, c_out, h / stride, w / stride]

    @staticmethod
    def layers(
        tape: Any,
        x: Any,
        out_channels: Any,
        *,
        stride: int,
        deploy: bool,
        mixer: Callable[[Any, Any], Any] | None = None,
        expansion: Any,
    ) -> Any:
        """Write the layers that run."""
        del deploy

        def near(x: Any) -> Any:
            return tape.add(x, tape.norm(tape.conv(x, x.channels, 3, groups=x.channels)))

        def mlp(x: Any) -> Any:
            hidden = tape.norm(tape.conv(x, expansion * x.channels))
            return tape.add(x, tape.norm(tape.conv(hidden, x.channels)))

        if stride != 1 or x.channels != out_channels:
            hidden, reduced = 4 * x.channels, _reduced(x.channels)
            y = tape.norm(tape.conv(mlp(near(x)), hidden))
            y = tape.norm(tape.conv(y, hidden, 3, stride=stride, groups=hidden))
            y = tape.add(y, tape.conv(tape.conv(tape.pool(y), reduced, bias=True), hidden, bias=True))
            x = mlp(near(tape.norm(tape.conv(y, out_channels))))
        x = near(x)
        return mlp(x if mixer is None else tape.add(x, mixer(tape, x)))


BLOCK = SHViT
