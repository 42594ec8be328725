"""Star block of StarNet: two widened maps of the same input are multiplied, not only added.

Ma et al., 2024, https://arxiv.org/abs/2403.19967, figure 3 and its code, where all convolutions have a bias.
Where the shape changes a strided 3 x 3 convolution and a batch norm stand in front.
"""

from typing import Any

from torch import Tensor, nn


def _depthwise(channels: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)


class Star(nn.Module):
    """x + depthwise(narrow(relu6(widen(y)) * widen(y))), y = depthwise(x)."""

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, kernel: int = 7, expansion: int = 4
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"star got the kernel {kernel}: expected an odd number")
        self.down: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.down = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1),
                nn.BatchNorm2d(out_channels),
            )
        hidden = expansion * out_channels
        self.near = nn.Sequential(_depthwise(out_channels, kernel), nn.BatchNorm2d(out_channels))
        self.gate = nn.Conv2d(out_channels, hidden, 1)
        self.widen = nn.Conv2d(out_channels, hidden, 1)
        self.activation = nn.ReLU6()
        self.narrow = nn.Sequential(nn.Conv2d(hidden, out_channels, 1), nn.BatchNorm2d(out_channels))
        self.far = _depthwise(out_channels, kernel)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)  # [b, c_out, h / stride, w / stride]
        y = self.near(x)
        return x + self.far(self.narrow(self.activation(self.gate(y)) * self.widen(y)))

    @staticmethod
    def layers(
        tape: Any, x: Any, out_channels: Any, *, stride: int, deploy: bool, kernel: Any, expansion: Any
    ) -> Any:
        """Write the layers that run."""
        del deploy
        if stride != 1 or x.channels != out_channels:
            x = tape.norm(tape.conv(x, out_channels, 3, stride=stride, bias=True))
        hidden = expansion * out_channels
        y = tape.norm(tape.conv(x, out_channels, kernel, groups=out_channels, bias=True))
        gate = tape.conv(y, hidden, bias=True)
        y = tape.add(gate, tape.conv(y, hidden, bias=True))
        y = tape.norm(tape.conv(y, out_channels, bias=True))
        return tape.add(x, tape.conv(y, out_channels, kernel, groups=out_channels, bias=True))


BLOCK = Star
