"""Recursive gated convolution of HorNet (Rao et al., 2022, https://arxiv.org/abs/2207.14284)."""

from typing import Any

from torch import Tensor, nn


class RecursiveGatedConv(nn.Module):
    """Multiplies features with a depthwise convolution of others, `order` times, widening each time.

    The orders have c / 2^(order - 1), ..., c / 2, c channels.
    """

    kind = "conv"
    structural = ("order",)

    def __init__(self, channels: int, *, kernel: int = 7, order: int = 3) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"recursive_gated_conv got the kernel {kernel}: expected an odd number")
        if order < 1 or channels % 2 ** (order - 1):
            raise ValueError(
                f"recursive_gated_conv got {channels} channels and the order {order}: "
                f"expected channels that 2^(order - 1) divides"
            )
        self.widths = [channels // 2**i for i in reversed(range(order))]
        inner = sum(self.widths)  # with the first width, 2c
        self.project_in = nn.Conv2d(channels, 2 * channels, 1)
        self.conv = nn.Conv2d(inner, inner, kernel, padding=kernel // 2, groups=inner)
        self.widen = nn.ModuleList(nn.Conv2d(c, 2 * c, 1) for c in self.widths[:-1])
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y, rest = self.project_in(x).split([self.widths[0], sum(self.widths)], dim=1)
        first, *gates = self.conv(rest).split(self.widths, dim=1)
        y = y * first  # [b, c / 2^(order - 1), h, w]
        for widen, gate in zip(self.widen, gates, strict=True):
            y = widen(y) * gate
        return self.project(y)

    @staticmethod
    def segments(channels: int, *, kernel: int, order: int) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights, one for each order."""
        del kernel
        parts = tuple(channels // 2**i for i in reversed(range(order)))
        both = (parts[0], *parts)
        return {
            ("project_in.weight", 0): both,
            ("project_in.bias", 0): both,
            ("conv.weight", 0): parts,
            ("conv.bias", 0): parts,
        }

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool, kernel: Any, order: int) -> Any:
        """Write the layers that run."""
        del deploy
        widths = [x.channels // 2**i for i in reversed(range(order))]
        both = tape.conv(x, 2 * x.channels, bias=True)
        inner = sum(widths)
        gates = tape.conv(tape.part(both, inner), inner, kernel, groups=inner, bias=True)
        y = tape.add(tape.part(both, widths[0]), gates)
        for c in widths[1:]:
            y = tape.add(tape.conv(y, c, bias=True), gates)
        return tape.conv(y, x.channels, bias=True)


MIXER = RecursiveGatedConv
