"""A network skeleton: one convolution, the stages, a pooled linear head."""

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn


class AddedNetwork(nn.Module):
    """Maps images to class scores, [b, in_channels, r, r] -> [b, num_classes]."""

    def __init__(
        self,
        stages: Sequence[tuple[Callable[..., nn.Module], int, int, int]],
        *,
        num_classes: int,
        in_channels: int = 3,
        stem_channels: int = 8,
    ) -> None:
        super().__init__()
        self.stem = nn.Conv2d(in_channels, stem_channels, 3, padding=1, bias=False)
        self.stages = nn.Sequential()
        width = stem_channels
        for block, channels, depth, stride in stages:
            self.stages.append(block(width, channels, stride=stride))
            self.stages += nn.Sequential(*(block(channels, channels, stride=1) for _ in range(depth - 1)))
            width = channels
        self.head = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Any:
        return self.head(self.stages(self.stem(x)).mean(dim=(2, 3)))  # [b, classes]

    @staticmethod
    def stem_layers(tape: Any, x: Any, *, stem_channels: Any) -> Any:
        """Write the layers in front of the stages."""
        return tape.conv(x, stem_channels, 3)

    @staticmethod
    def head_layers(tape: Any, x: Any, *, num_classes: int) -> Any:
        """Write the layers behind the stages."""
        return tape.linear(tape.pool(x), num_classes)


NETWORK = AddedNetwork
