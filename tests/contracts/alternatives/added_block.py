"""A block of one strided convolution."""

from typing import Any

from torch import Tensor, nn


class AddedBlock(nn.Module):
    """Convolves and normalises."""

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, kernel: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride=stride, padding=kernel // 2)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Any:
        return self.norm(self.conv(x))  # [b, c_out, h / stride, w / stride]

    @staticmethod
    def layers(tape: Any, x: Any, out_channels: Any, *, stride: int, deploy: bool, kernel: Any) -> Any:
        """Write the layers that run."""
        del deploy
        return tape.norm(tape.conv(x, out_channels, kernel, stride=stride, bias=True))


BLOCK = AddedBlock
