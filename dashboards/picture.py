"""Draws a network as SVG: its stages from left to right, and each stage's share of the MACs."""

from collections.abc import Sequence
from html import escape
from math import log2
from typing import Final

from dashboards.palette import ATTENTION, CONVOLUTION, FAINT, INK, PLAIN
from dashboards.part_names import part_names
from search_spaces.architecture import Architecture
from search_spaces.counting import Part
from search_spaces.options import kind_of
from search_spaces.units import format_count

_WIDTH: Final = 780
_TOP: Final = 34  # y of the tallest map
_MAP: Final = 150  # height of the tallest map
_BASE: Final = _TOP + _MAP
_BAR: Final = _BASE + 84  # top of the bar of shares
_HEIGHT: Final = _BAR + 62
_GAP: Final = 14
_BLOCK: Final = 5  # gap between the blocks of a stage


def picture(architecture: Architecture, parts: Sequence[Part]) -> str:
    """Return an SVG of a network.

    The height of a part is the side of its feature maps on a log scale, and it has one box for each block.
    The bar below shows each part's share of the multiply-accumulates.

    Args:
        architecture: Architecture of the network.
        parts: Its parts from `search_spaces.counting.count_parts`.
    """
    boxes = _boxes(architecture, parts)
    title = f"{architecture.network} at {architecture.resolution} x {architecture.resolution} pixels"
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            *boxes,
            *_shares(parts),
            *_legend(architecture, parts),
            "</svg>",
        ]
    )


def _colour(part: Part) -> str:
    if part.stage is None:
        return PLAIN
    mixer = part.stage.mixer
    kind = kind_of(mixer)
    return ATTENTION if kind == "attention" else CONVOLUTION


def _boxes(architecture: Architecture, parts: Sequence[Part]) -> list[str]:
    """Return the boxes of all parts with their labels, from left to right."""
    column = (_WIDTH - _GAP * (len(parts) + 1)) / len(parts)
    full = log2(1 + architecture.resolution)
    drawn = []
    for index, (part, name) in enumerate(zip(parts, part_names(parts), strict=True)):
        left = _GAP + index * (column + _GAP)
        height = max(10.0, _MAP * log2(1 + part.side) / full)
        depth = part.stage.depth if part.stage is not None else 1
        width = (column - _BLOCK * (depth - 1)) / depth
        for block in range(depth):
            x = left + block * (width + _BLOCK)
            drawn.append(
                f'<rect x="{x:.1f}" y="{_BASE - height:.1f}" width="{width:.1f}" height="{height:.1f}" '
                f'rx="3" fill="{_colour(part)}" fill-opacity="0.88"/>'
            )
        middle = left + column / 2
        side = f"{part.side}×{part.side}" if name != "head" else "pooled"
        drawn.append(_text(middle, _BASE - height - 7, side, size=12))
        drawn.extend(
            _text(middle, _BASE + 18 + 16 * line, words, bold=line == 0, size=13 if line == 0 else 11.5)
            for line, words in enumerate(_words(part, name, column))
        )
    return drawn


def _words(part: Part, name: str, width: float) -> list[str]:
    """Return the lines below a part, cut to its width."""
    if part.stage is None:
        return [name, f"{part.channels} " + ("classes" if name == "head" else "channels")]
    characters = int(width / 5.7)
    options = dict(part.stage.options)
    kernel = f" {options['kernel']}×{options['kernel']}" if "kernel" in options else ""
    mixer = part.stage.mixer or part.stage.block
    lines = [f"{name}: {part.stage.depth} × {part.channels}"]
    return [
        *lines,
        *(
            words[:characters]
            for words in (f"{mixer.replace('_', ' ')}{kernel}", part.stage.block.replace("_", " "))
        ),
    ]


def _shares(parts: Sequence[Part]) -> list[str]:
    """Return the bar of each part's share of the multiply-accumulates (MACs)."""
    total = sum(part.costs.macs for part in parts)
    drawn, left = [], float(_GAP)
    for part, name in zip(parts, part_names(parts), strict=True):
        width = (_WIDTH - 2 * _GAP) * part.costs.macs / total
        drawn.append(
            f'<rect x="{left:.1f}" y="{_BAR}" width="{max(width - 1.5, 0.5):.1f}" height="22" '
            f'fill="{_colour(part)}" fill-opacity="0.55"/>'
        )
        if width > 64:
            share = f"{name} {part.costs.macs / total:.0%}"
            drawn.append(_text(left + width / 2, _BAR + 15.5, share, size=12))
        left += width
    return drawn


def _legend(architecture: Architecture, parts: Sequence[Part]) -> list[str]:
    total = format_count(sum(part.costs.macs for part in parts))
    y = _BAR + 45
    words = f"{total} multiply-accumulates, image {architecture.resolution}×{architecture.resolution}"
    marks = []
    for x, colour, kind in (
        (440, CONVOLUTION, "convolution"),
        (555, ATTENTION, "attention"),
        (660, PLAIN, "stem, head"),
    ):
        marks.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" rx="2" fill="{colour}"/>')
        marks.append(_text(x + 18, y, kind, size=12, anchor="start"))
    line = f'<line x1="{_GAP}" y1="{_BASE}" x2="{_WIDTH - _GAP}" y2="{_BASE}" stroke="{FAINT}"/>'
    return [line, _text(_GAP, y, words, size=12, anchor="start"), *marks]


def _text(
    x: float, y: float, words: str, *, size: float = 13, anchor: str = "middle", bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    at = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{weight}'
    return f"<text {at}>{escape(words)}</text>"
