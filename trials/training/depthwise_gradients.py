"""Depthwise convolutions in bfloat16 on the CPU, with gradients that take about as long as the convolution.

Those that torch 2.13 computes there take up to a hundred times as long (64 images of 144 channels at 8 x 8
positions, kernel 5, one core: 0.3 ms forward, 15 ms for the weights' gradient, and 46 ms for the images' at
stride 2), and the weights' gradient of a dilated one is wrong for some sizes, as if read from uninitialised
memory. The gradients here are sums of the same products, rounded to bfloat16 once.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Pair = tuple[int, int]

FAST_COLUMNS: Final = 3
"""Most columns of a kernel for which torch computes the weights' gradient fast."""


def depthwise_conv2d(
    images: Tensor, weight: Tensor, bias: Tensor | None, stride: Pair, padding: Pair, dilation: Pair
) -> Tensor:
    """Return a depthwise convolution in bfloat16.

    Args:
        images: Shape (images, channels, height, width), of any floating type.
        weight: Shape (channels, 1, kernel height, kernel width).
        bias: Shape (channels,); None for none.
        stride: Stride down and across.
        padding: Zeros at the top and bottom, and left and right.
        dilation: Distance of the kernel's taps, down and across.
    """
    half = torch.bfloat16
    with torch.autocast("cpu", enabled=False):
        weight, padding, dilation = _seeing(weight, images.shape[2:], stride, padding, dilation)
        apply: Callable[..., Tensor] = _Depthwise.apply
        out = apply(images.to(half), weight.to(half), stride, padding, dilation)
        return out if bias is None else out + bias.to(half)[:, None, None]


def _seeing(
    weight: Tensor, sides: Sequence[int], stride: Pair, padding: Pair, dilation: Pair
) -> tuple[Tensor, Pair, Pair]:
    """Return weight, padding and dilation without the outer taps that see only zeros, of small images."""
    zeros, steps = list(padding), list(dilation)
    for axis, side in enumerate(sides):
        taps, step = weight.shape[2 + axis], dilation[axis]
        last = (side + 2 * padding[axis] - step * (taps - 1) - 1) // stride[axis] * stride[axis]
        before = -(-(padding[axis] - last) // step)
        behind = taps - 1 - (side - 1 + padding[axis]) // step
        left_out = max(0, min(before, behind))
        weight = weight.narrow(2 + axis, left_out, taps - 2 * left_out)
        zeros[axis] -= left_out * step
        if taps - 2 * left_out == 1:
            steps[axis] = 1
    return weight, (zeros[0], zeros[1]), (steps[0], steps[1])


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, stride: Pair, padding: Pair, dilation: Pair
    ) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.how = stride, padding, dilation
        return F.conv2d(images, weight, None, stride, padding, dilation, len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, towards: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        stride, padding, dilation = ctx.how
        wanted = ctx.needs_input_grad
        towards = towards.contiguous(memory_format=torch.channels_last)
        return (
            _images_gradient(towards, images, weight, stride, padding, dilation) if wanted[0] else None,
            _weight_gradient(towards, images, weight, stride, padding, dilation) if wanted[1] else None,
            None,
            None,
            None,
        )


def _images_gradient(
    towards: Tensor, images: Tensor, weight: Tensor, stride: Pair, padding: Pair, dilation: Pair
) -> Tensor:
    """Return the gradient by the images.

    At stride 1 it is the convolution with the turned kernel; at others float32 is faster than bfloat16.
    """
    spread = [step * (side - 1) for step, side in zip(dilation, weight.shape[2:], strict=True)]
    around = [whole - zeros for whole, zeros in zip(spread, padding, strict=True)]
    if stride == (1, 1) and min(around) >= 0:
        return F.conv2d(towards, weight.flip(2, 3), None, 1, tuple(around), dilation, len(weight))
    shape = torch.empty_like(images, dtype=torch.float32)  # its values do not matter
    gradient = _backward((towards.float(), shape, weight.float()), stride, padding, dilation, images=True)
    return gradient.to(towards.dtype)


def _weight_gradient(
    towards: Tensor, images: Tensor, weight: Tensor, stride: Pair, padding: Pair, dilation: Pair
) -> Tensor:
    """Return the gradient by the weights, a few columns of the kernel at a time."""
    if weight.shape[3] <= FAST_COLUMNS and dilation == (1, 1):
        return _backward((towards, images, weight), stride, padding, dilation, images=False)
    down, across = padding
    images = F.pad(images, (across, across, down, down))
    if dilation != (1, 1):
        if stride != (1, 1):
            floats = towards.float(), images.float(), weight.float()
            return _backward(floats, stride, (0, 0), dilation, images=False).to(towards.dtype)
        towards, images = _undilated(towards, images, weight, dilation)
    height, width = weight.shape[2:]
    columns = min(FAST_COLUMNS, width)
    rows = (towards.shape[2] - 1) * stride[0] + height
    seen = (towards.shape[3] - 1) * stride[1] + columns
    some, gradient = weight[..., :columns].contiguous(), torch.empty_like(weight)
    for left in (*range(0, width - columns, columns), width - columns):
        under = images[:, :, :rows, left : left + seen].contiguous(memory_format=torch.channels_last)
        found = _backward((towards, under, some), stride, (0, 0), (1, 1), images=False)
        gradient[..., left : left + columns] = found
    return gradient


def _undilated(towards: Tensor, images: Tensor, weight: Tensor, dilation: Pair) -> tuple[Tensor, Tensor]:
    """Return outputs and padded images of a convolution without dilation and with the same weights' gradient.

    Every d-th row and column sees only every d-th row and column: each of these grids is an image of its own.
    """
    sides = [-(-side // step) for side, step in zip(towards.shape[2:], dilation, strict=True)]
    kernel = weight.shape[2:]
    return (
        _grids(towards, sides, dilation),
        _grids(images, [side + taps - 1 for side, taps in zip(sides, kernel, strict=True)], dilation),
    )


def _grids(images: Tensor, sides: list[int], dilation: Pair) -> Tensor:
    """Return every d-th row and column as images of `sides`, zeros or nothing at the far ends."""
    (height, width), (down, across) = sides, dilation
    rows, columns = images.shape[2:]
    images = F.pad(images, (0, width * across - columns, 0, height * down - rows))
    rows_of_channels = images.permute(0, 2, 3, 1)
    count, channels = images.shape[:2]
    grids = rows_of_channels.reshape(count, height, down, width, across, channels).permute(2, 4, 0, 1, 3, 5)
    return grids.reshape(-1, height, width, channels).permute(0, 3, 1, 2)


def _backward(
    tensors: tuple[Tensor, Tensor, Tensor], stride: Pair, padding: Pair, dilation: Pair, *, images: bool
) -> Tensor:
    """Return the gradient of torch's own by the images, else by the weights."""
    towards, seen, weight = tensors
    gradients = torch.ops.aten.convolution_backward(
        towards,
        seen,
        weight,
        None,
        stride,
        padding,
        dilation,
        False,
        (0, 0),
        len(weight),
        (images, not images, False),
    )
    return gradients[0] if images else gradients[1]
