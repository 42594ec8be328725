"""A pyramid: a stem, stages that halve the resolution as they widen, a pooled linear head."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Pyramid(nn.Module):
    """Maps images to class scores, [b, in_channels, r, r] -> [b, num_classes].

    Args:
        stages: One (block, channels, depth, stride) a stage; its first block strides and widens.
        num_classes: Scores for each image.
        in_channels: Channels of an image.
        stem_channels: Output channels of the 3 x 3 convolution in front.
        stem_stride: Its stride.
        head_channels: Output channels of the 1 x 1 convolution before pooling; 0 for none.
    """

    def __init__(
        self,
        stages: Sequence[tuple[Callable[..., nn.Module], int, int, int]],
        *,
        num_classes: int,
        in_channels: int = 3,
        stem_channels: int = 16,
        stem_stride: int = 2,
        head_channels: int = 0,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, stem_channels, 3, stride=stem_stride, padding=1, bias=False),
            nn.BatchNorm2d(stem_channels),
            nn.SiLU(inplace=True),
        )
        self.stages = nn.Sequential()
        width = stem_channels
        for block, channels, depth, stride in stages:
            first = block(width, channels, stride=stride)
            rest = [block(channels, channels, stride=1) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(first, *rest))
            width = channels
        self.neck: nn.Module = nn.Identity()
        if head_channels:
            self.neck = nn.Sequential(
                nn.Conv2d(width, head_channels, 1, bias=False),
                nn.BatchNorm2d(head_channels),
                nn.SiLU(inplace=True),
            )
            width = head_channels
        self.head = nn.Linear(width, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the map before pooling, [b, c, r / strides, r / strides]."""
        return self.neck(self.stages(self.stem(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.mean(self.forward_features(x), dim=(2, 3)))  # [b, classes]

    @staticmethod
    def stem_layers(tape: Any, x: Any, *, stem_channels: Any, stem_stride: int) -> Any:
        """Write the layers in front of the stages."""
        return tape.norm(tape.conv(x, stem_channels, 3, stride=stem_stride))

    @staticmethod
    def head_layers(tape: Any, x: Any, *, num_classes: int, head_channels: int) -> Any:
        """Write the layers behind the stages."""
        if head_channels:
            x = tape.norm(tape.conv(x, head_channels))
        return tape.linear(tape.pool(x), num_classes)


NETWORK = Pyramid
