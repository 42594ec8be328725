"""Skeleton with a stem of several strided 3 x 3 convolutions, and batch norm in front of its classifier.

The stem of StarNet (Ma et al., 2024, https://arxiv.org/abs/2403.19967), RepViT (Wang et al., 2023,
https://arxiv.org/abs/2307.09283) and SHViT (Yun & Ro, 2024, https://arxiv.org/abs/2401.16456) with one, two
and four convolutions. RepViT has a second classifier, which its training gives a teacher's answers, as DeiT
does (Touvron et al., 2020, https://arxiv.org/abs/2012.12877); the scores are the mean of both.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

_ACTIVATIONS = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hard_swish": nn.Hardswish,
    "gelu": nn.GELU,
}
_LAST_NORMS = ("none", "map", "classifier")


class _MeanOfTwo(nn.Linear):
    """The mean of two linear layers, each behind a batch norm of its own if `normed`; merge into one."""

    def __init__(self, features: int, classes: int, *, normed: bool) -> None:
        super().__init__(features, classes)
        self.norm: nn.Module = nn.BatchNorm1d(features) if normed else nn.Identity()
        self.second_norm: nn.Module = nn.BatchNorm1d(features) if normed else nn.Identity()
        self.second: nn.Module | None = nn.Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(self.norm(x))
        return y if self.second is None else (y + self.second(self.second_norm(x))) / 2

    @torch.no_grad()
    def switch_to_deploy(self) -> None:
        """Replace both by the one linear layer that they equal in evaluation mode."""
        if self.second is None:
            return
        exact = copy.deepcopy(self).cpu().double().eval()
        bias = exact(torch.zeros(1, self.in_features).double())  # [1, classes]
        weight = (exact(torch.eye(self.in_features).double()) - bias).T
        self.weight.copy_(weight)
        self.bias.copy_(bias[0])
        self.norm = self.second_norm = nn.Identity()
        self.second = None


class ConvStem(nn.Module):
    """Maps images to class scores, [b, in_channels, r, r] -> [b, num_classes].

    Args:
        stages: One (block, channels, depth, stride) a stage; its first block strides and widens.
        num_classes: Scores for each image.
        in_channels: Channels of an image.
        stem_channels: Output channels of the stem; each convolution has twice those of the one before.
        stem_depth: Number of 3 x 3 convolutions of the stem, each with a stride of 2.
        stem_activated: Whether an activation follows the last of them too.
        activation: Activation of the stem: silu, relu, relu6, hard_swish or gelu.
        bias: Whether the convolutions of the stem have one.
        last_norm: Where a batch norm stands behind the stages: none; map, before pooling; or classifier, one
            in front of each classifier.
        classifiers: 1, or 2 whose scores are averaged.
    """

    def __init__(
        self,
        stages: Sequence[tuple[Callable[..., nn.Module], int, int, int]],
        *,
        num_classes: int,
        in_channels: int = 3,
        stem_channels: int = 32,
        stem_depth: int = 2,
        stem_activated: bool = False,
        activation: str = "gelu",
        bias: bool = False,
        last_norm: str = "classifier",
        classifiers: int = 1,
    ) -> None:
        super().__init__()
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f"conv_stem got the activation '{activation}': expected one of {', '.join(_ACTIVATIONS)}"
            )
        if last_norm not in _LAST_NORMS:
            raise ValueError(
                f"conv_stem got the last_norm '{last_norm}': expected one of {', '.join(_LAST_NORMS)}"
            )
        if classifiers not in {1, 2}:
            raise ValueError(f"conv_stem got {classifiers} classifiers: expected 1 or 2")
        if stem_depth and stem_channels < 2 ** (stem_depth - 1):
            raise ValueError(
                f"conv_stem got {stem_channels} channels behind {stem_depth} convolutions, each with twice "
                f"those of the one before: expected at least {2 ** (stem_depth - 1)}"
            )
        self.stem = nn.Sequential()
        width = in_channels
        for left in reversed(range(stem_depth)):
            channels = stem_channels // 2**left
            self.stem += nn.Sequential(
                nn.Conv2d(width, channels, 3, stride=2, padding=1, bias=bias), nn.BatchNorm2d(channels)
            )
            if left or stem_activated:
                self.stem.append(_ACTIVATIONS[activation]())
            width = channels
        self.stages = nn.Sequential()
        for block, channels, depth, stride in stages:
            first = block(width, channels, stride=stride)
            rest = [block(channels, channels, stride=1) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(first, *rest))
            width = channels
        self.neck = nn.Sequential()
        if last_norm == "map":
            self.neck.append(nn.BatchNorm2d(width))
        elif last_norm == "classifier" and classifiers == 1:
            self.neck += nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(width))
        self.head: nn.Module = nn.Linear(width, num_classes)
        if classifiers == 2:
            self.head = _MeanOfTwo(width, num_classes, normed=last_norm == "classifier")

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the map, or with a norm behind it the features, before the last pooling, [b, c, h, w]."""
        return self.neck(self.stages(self.stem(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.mean(self.forward_features(x), dim=(2, 3)))  # [b, classes]

    @staticmethod
    def stem_layers(tape: Any, x: Any, *, stem_channels: Any, stem_depth: int, bias: bool) -> Any:
        """Write the layers in front of the stages."""
        for left in reversed(range(stem_depth)):
            x = tape.norm(tape.conv(x, stem_channels // 2**left, 3, stride=2, bias=bias))
        return x

    @staticmethod
    def head_layers(
        tape: Any, x: Any, *, num_classes: int, last_norm: str, classifiers: int, deploy: bool
    ) -> Any:
        """Write the layers behind the stages, two classifiers merged if `deploy`."""
        if last_norm == "map":
            x = tape.norm(x)
        if classifiers == 1:
            if last_norm == "classifier":
                x = tape.norm(tape.pool(x))
            return tape.linear(tape.pool(x), num_classes)
        x = tape.pool(x)
        if deploy:
            return tape.linear(x, num_classes)
        scores = []
        for _ in range(classifiers):
            if last_norm == "classifier":
                x = tape.norm(x)
            scores.append(tape.linear(x, num_classes))
        return tape.add(*scores)


NETWORK = ConvStem
