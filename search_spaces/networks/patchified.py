"""Patch skeleton: a stem that reads images in patches, as in ConvNeXt, InceptionNeXt and FasterNet.

Liu et al., 2022, https://arxiv.org/abs/2201.03545; Yu et al., 2023, https://arxiv.org/abs/2303.16900; Chen et
al., 2023, https://arxiv.org/abs/2303.03667. An image that the patch does not divide is padded with zeros.
"""

from collections.abc import Callable, Sequence
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


class Patchified(nn.Module):
    """Maps images to class scores, [b, in_channels, r, r] -> [b, num_classes].

    Args:
        stages: One (block, channels, depth, stride) a stage; its first block strides and widens.
        num_classes: Scores for each image.
        in_channels: Channels of an image.
        stem_channels: Output channels of the patches.
        patch: Side of a patch in pixels.
        norm: Behind the patches, layer or batch.
        bias: Whether the patches and the hidden layer of the head have one.
        head_hidden: Features of the layer after pooling; 0 for none.
        head_norm: Whether a layer norm stands before the last layer.
    """

    def __init__(
        self,
        stages: Sequence[tuple[Callable[..., nn.Module], int, int, int]],
        *,
        num_classes: int,
        in_channels: int = 3,
        stem_channels: int = 40,
        patch: int = 4,
        norm: str = "layer",
        bias: bool = True,
        head_hidden: int = 0,
        head_norm: bool = True,
    ) -> None:
        super().__init__()
        if norm not in {"layer", "batch"}:
            raise ValueError(f"patchified got the norm '{norm}': expected layer or batch")
        self.stem = nn.Sequential(
            _PatchConv(in_channels, stem_channels, patch, stride=patch, bias=bias),
            _LayerNorm(stem_channels, eps=1e-6) if norm == "layer" else nn.BatchNorm2d(stem_channels),
        )
        self.stages = nn.Sequential()
        width = stem_channels
        for block, channels, depth, stride in stages:
            first = block(width, channels, stride=stride)
            rest = [block(channels, channels, stride=1) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(first, *rest))
            width = channels
        self.neck = nn.Sequential(nn.AdaptiveAvgPool2d(1))
        if head_hidden:
            self.neck += nn.Sequential(nn.Conv2d(width, head_hidden, 1, bias=bias), nn.GELU())
            width = head_hidden
        if head_norm:
            self.neck.append(_LayerNorm(width, eps=1e-6))
        self.head = nn.Linear(width, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the features before the last layer, [b, c, 1, 1]."""
        return self.neck(self.stages(self.stem(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.mean(self.forward_features(x), dim=(2, 3)))  # [b, classes]

    @staticmethod
    def stem_layers(tape: Any, x: Any, *, stem_channels: Any, patch: int, bias: bool) -> Any:
        """Write the layers in front of the stages."""
        x = tape.resize(x, -(-x.height // patch) * patch, -(-x.width // patch) * patch)
        return tape.norm(tape.conv(x, stem_channels, patch, stride=patch, bias=bias))

    @staticmethod
    def head_layers(
        tape: Any, x: Any, *, num_classes: int, bias: bool, head_hidden: int, head_norm: bool
    ) -> Any:
        """Write the layers behind the stages."""
        x = tape.pool(x)
        if head_hidden:
            x = tape.conv(x, head_hidden, bias=bias)
        if head_norm:
            x = tape.norm(x)
        return tape.linear(tape.pool(x), num_classes)


NETWORK = Patchified
