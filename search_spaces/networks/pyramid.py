"""Pyramid skeleton: convolutional stem, stages that halve the resolution as they widen, linear head."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_ACTIVATIONS = {"silu": nn.SiLU, "relu": nn.ReLU, "relu6": nn.ReLU6, "hard_swish": nn.Hardswish}


class _SameConv(nn.Conv2d):
    """A convolution that pads as TensorFlow does where it strides: for ceil(h / stride) outputs."""

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        height = max((-(-x.shape[2] // stride) - 1) * stride + kernel - x.shape[2], 0)
        width = max((-(-x.shape[3] // stride) - 1) * stride + kernel - x.shape[3], 0)
        if stride > 1 and (height or width):
            x = F.pad(x, (width // 2, width - width // 2, height // 2, height - height // 2))
        return super().forward(x)


class _PatchConv(nn.Conv2d):
    """A convolution of patches side by side, ceil(h / stride) x ceil(w / stride) of them."""

    def forward(self, x: Tensor) -> Tensor:
        height, width = (-x.shape[2] % self.stride[0], -x.shape[3] % self.stride[1])
        if height or width:
            x = F.pad(x, (0, width, 0, height))
        return super().forward(x)


class Pyramid(nn.Module):
    """Maps images to class scores, [b, in_channels, r, r] -> [b, num_classes].

    Args:
        stages: One (block, channels, depth, stride) a stage; its first block strides and widens.
        num_classes: Scores for each image.
        in_channels: Channels of an image.
        stem_form: The convolution in front: conv, 3 x 3; or patch, of patches whose side is its stride.
        stem_channels: Output channels of the convolution in front.
        stem_stride: Stride of that convolution.
        head_channels: Output channels of the 1 x 1 convolution before pooling; 0 for none.
        head_hidden: Features of the layer after pooling (MobileNetV3); 0 for none.
        head_hidden_norm: Whether that layer has a batch norm in the place of a bias (MobileNetV4).
        activation: Activation of stem and head: silu, relu, relu6 or hard_swish.
        padding: Of a 3 x 3 stem: symmetric, or TensorFlow's same, for weights that it trained.
        norm_eps: What batch norms add to the variance; 0.001 for weights of TensorFlow.
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
        head_hidden: int = 0,
        activation: str = "silu",
        padding: str = "symmetric",
        norm_eps: float = 1e-5,
        head_hidden_norm: bool = False,
        stem_form: str = "conv",
    ) -> None:
        super().__init__()
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f"pyramid got the activation '{activation}': expected one of {', '.join(_ACTIVATIONS)}"
            )
        if padding not in {"symmetric", "same"}:
            raise ValueError(f"pyramid got the padding '{padding}': expected symmetric or same")
        if stem_form not in {"conv", "patch"}:
            raise ValueError(f"pyramid got the stem_form '{stem_form}': expected conv or patch")
        act = _ACTIVATIONS[activation]
        self.stem = nn.Sequential()
        if stem_form == "patch":
            self.stem.append(
                _PatchConv(in_channels, stem_channels, stem_stride, stride=stem_stride, bias=False)
            )
        elif padding == "same":
            zeros = 0 if stem_stride > 1 else 1
            self.stem.append(
                _SameConv(in_channels, stem_channels, 3, stride=stem_stride, padding=zeros, bias=False)
            )
        else:
            self.stem.append(
                nn.Conv2d(in_channels, stem_channels, 3, stride=stem_stride, padding=1, bias=False)
            )
        self.stem += nn.Sequential(nn.BatchNorm2d(stem_channels, eps=norm_eps), act(inplace=True))
        self.stages = nn.Sequential()
        width = stem_channels
        for block, channels, depth, stride in stages:
            first = block(width, channels, stride=stride)
            rest = [block(channels, channels, stride=1) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(first, *rest))
            width = channels
        self.neck = nn.Sequential()
        if head_channels:
            conv = nn.Conv2d(width, head_channels, 1, bias=False)
            self.neck += nn.Sequential(conv, nn.BatchNorm2d(head_channels, eps=norm_eps), act(inplace=True))
            width = head_channels
        if head_hidden:
            conv = nn.Conv2d(width, head_hidden, 1, bias=not head_hidden_norm)
            self.neck += nn.Sequential(nn.AdaptiveAvgPool2d(1), conv)
            if head_hidden_norm:
                self.neck.append(nn.BatchNorm2d(head_hidden, eps=norm_eps))
            self.neck.append(act(inplace=True))
            width = head_hidden
        self.head = nn.Linear(width, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the map before the last pooling, [b, c, h, w]."""
        return self.neck(self.stages(self.stem(x)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.mean(self.forward_features(x), dim=(2, 3)))  # [b, classes]

    @staticmethod
    def stem_layers(
        tape: Any, x: Any, *, stem_channels: Any, stem_stride: int, padding: str, stem_form: str
    ) -> Any:
        """Write the layers in front of the stages."""
        if stem_form == "patch":
            x = tape.resize(
                x, -(-x.height // stem_stride) * stem_stride, -(-x.width // stem_stride) * stem_stride
            )
            return tape.norm(tape.conv(x, stem_channels, stem_stride, stride=stem_stride))
        y = tape.pad_as_tensorflow(x, 3, stem_stride) if padding == "same" and stem_stride > 1 else x
        return tape.norm(tape.conv(y, stem_channels, 3, stride=stem_stride, unpadded=x))

    @staticmethod
    def head_layers(
        tape: Any, x: Any, *, num_classes: int, head_channels: int, head_hidden: int, head_hidden_norm: bool
    ) -> Any:
        """Write the layers behind the stages."""
        if head_channels:
            x = tape.norm(tape.conv(x, head_channels))
        if head_hidden:
            x = tape.conv(tape.pool(x), head_hidden, bias=not head_hidden_norm)
            if head_hidden_norm:
                x = tape.norm(x)
        return tape.linear(tape.pool(x), num_classes)


NETWORK = Pyramid
