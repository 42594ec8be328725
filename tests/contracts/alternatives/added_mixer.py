"""A mixer that convolves every channel along one axis, then along the other."""

from typing import Any

from torch import Tensor, nn


class AddedMixer(nn.Module):
    """Mixes each channel along the height, then along the width."""

    kind = "conv"

    def __init__(self, channels: int, *, taps: int = 3) -> None:
        super().__init__()
        self.tall = nn.Conv2d(channels, channels, (taps, 1), padding=(taps // 2, 0), groups=channels)
        self.wide = nn.Conv2d(channels, channels, (1, taps), padding=(0, taps // 2), groups=channels)

    def forward(self, x: Tensor) -> Any:
        return self.wide(self.tall(x))  # [b, c, h, w]

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, taps: Any) -> Any:
        """Write the layers that run."""
        del deploy
        y = tape.conv(x, x.channels, (taps, 1), groups=x.channels, bias=True)
        return tape.conv(y, x.channels, (1, taps), groups=x.channels, bias=True)


MIXER = AddedMixer
