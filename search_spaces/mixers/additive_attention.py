"""Convolutional additive attention of CAS-ViT (Zhang et al., 2024, https://arxiv.org/abs/2408.03703)."""

from typing import Any

from torch import Tensor, nn


class _Weighed(nn.Module):
    """Weighs each position, then each channel, by a gate computed from the map itself."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, 1, 1, bias=False),
            nn.Sigmoid(),
        )
        self.channel = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x * self.spatial(x)
        return x * self.channel(x.mean(dim=(2, 3), keepdim=True)).sigmoid()


class AdditiveAttention(nn.Module):
    """Compares queries and keys by a sum instead of a product: linear in the positions."""

    kind = "attention"

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.qkv = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.query = _Weighed(channels)
        self.key = _Weighed(channels)
        self.context = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.project = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=1)  # [b, c, h, w]
        return self.project(self.context(self.query(q) + self.key(k)) * v)

    @staticmethod
    def segments(channels: int) -> dict[tuple[str, int], tuple[int, ...]]:
        """Return the parts of the weights: queries, keys and values."""
        parts = (channels, channels, channels)
        return {("qkv.weight", 0): parts}

    @staticmethod
    def layers(tape: Any, x: Any, *, deploy: bool) -> Any:
        """Write the layers that run."""
        del deploy
        c = x.channels
        qkv = tape.conv(x, 3 * c)
        for part in (tape.part(qkv, c), tape.part(qkv, c)):  # query, key
            gate = tape.conv(tape.norm(tape.conv(part, c, 3, groups=c, bias=True)), 1)
            tape.add(part, gate)
            tape.add(part, tape.conv(tape.pool(part), c))
        y = tape.add(tape.conv(tape.part(qkv, c), c, 3, groups=c, bias=True), qkv)
        return tape.conv(y, c, 3, groups=c, bias=True)


MIXER = AdditiveAttention
