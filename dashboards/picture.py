"""Draws a network as SVG: its stages from left to right, and each stage's share of the MACs."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import log2
from textwrap import wrap
from typing import Final

from dashboards.palette import ATTENTION, CONVOLUTION, FAINT, INK, PLAIN
from dashboards.part_names import part_names
from search_spaces.architecture import Architecture, Stage
from search_spaces.counting import Part
from search_spaces.options import kind_of, parts_inside, repeated_of
from search_spaces.units import format_count

_WIDTH: Final = 780  # at least
_TOP: Final = 34  # y of the tallest map
_MAP: Final = 150  # height of the tallest map
_BASE: Final = _TOP + _MAP
_GAP: Final = 14
_BLOCK: Final = 5  # gap between the blocks of a stage
_LINE: Final = 16  # height of a line of a label
_CHARACTER: Final = 6.4  # width of a character of a label, generously


def picture(architecture: Architecture, parts: Sequence[Part]) -> str:
    """Return an SVG of a network.

    The height of a part is the side of its feature maps on a log scale, and it has one box for each block.
    The bar below shows each part's share of the multiply-accumulates.

    Args:
        architecture: Architecture of the network.
        parts: Its parts from `search_spaces.counting.count_parts`.
    """
    layout = _layout(parts)
    title = f"{architecture.network} at {architecture.resolution} x {architecture.resolution} pixels"
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{layout.width}" height="{layout.height}" '
            f'viewBox="0 0 {layout.width} {layout.height}" role="img" '
            f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}">',
            f"<title>{escape(title)}</title>",
            f'<rect class="paper" width="{layout.width}" height="{layout.height}" fill="#ffffff"/>',
            *_boxes(architecture, parts, layout),
            *_shares(parts, layout),
            *_legend(architecture, parts, layout),
            "</svg>",
        ]
    )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Sizes that depend on the names of a network's parts, which are never cut.

    Attributes:
        width: Width of the picture.
        bar: Top of the bar of shares.
        labels: Lines below each part.
    """

    width: int
    bar: int
    labels: tuple[tuple[str, ...], ...]

    @property
    def height(self) -> int:
        """Height of the picture."""
        return self.bar + 62

    @property
    def column(self) -> float:
        """Width of a part."""
        return (self.width - _GAP * (len(self.labels) + 1)) / len(self.labels)


def _layout(parts: Sequence[Part]) -> _Layout:
    """Return a layout in which each word of a label fits below its part."""
    labels = [_words(part, name) for part, name in zip(parts, part_names(parts), strict=True)]
    longest = max(len(word) for first, *rest in labels for word in (first, *" ".join(rest).split()))
    column = max(_CHARACTER * longest, (_WIDTH - _GAP * (len(parts) + 1)) / len(parts))
    width = round(_GAP + (column + _GAP) * len(parts))
    lines = [_wrapped(label, int(column / _CHARACTER)) for label in labels]
    return _Layout(width, _BASE + 36 + _LINE * max(map(len, lines)), tuple(lines))


def _wrapped(label: Sequence[str], characters: int) -> tuple[str, ...]:
    """Return the lines of a label, broken between words where they are longer than some characters."""
    return tuple(line for text in label for line in wrap(text, characters, break_long_words=False))


def _colours(part: Part) -> list[str]:
    """Return the colour of each block of a part."""
    if part.stage is None:
        return [PLAIN]
    kinds = [kind_of(run.mixer) for run in part.stage.runs for _ in range(run.depth)]
    return [ATTENTION if kind == "attention" else CONVOLUTION for kind in kinds]


def _boxes(architecture: Architecture, parts: Sequence[Part], layout: _Layout) -> list[str]:
    """Return the boxes of all parts with their labels, from left to right."""
    column = layout.column
    full = log2(1 + architecture.resolution)
    drawn = []
    for index, (part, name) in enumerate(zip(parts, part_names(parts), strict=True)):
        left = _GAP + index * (column + _GAP)
        height = max(10.0, _MAP * log2(1 + part.side) / full)
        depth = part.stage.depth if part.stage is not None else 1
        width = (column - _BLOCK * (depth - 1)) / depth
        for block, colour in enumerate(_colours(part)):
            x = left + block * (width + _BLOCK)
            drawn.append(
                f'<rect x="{x:.1f}" y="{_BASE - height:.1f}" width="{width:.1f}" height="{height:.1f}" '
                f'rx="3" fill="{colour}" fill-opacity="0.88"/>'
            )
        middle = left + column / 2
        side = f"{part.side}×{part.side}" if name != "head" else "pooled"
        drawn.append(_text(middle, _BASE - height - 7, side, size=12))
        drawn.extend(
            _text(middle, _BASE + 18 + _LINE * line, words, bold=line == 0, size=13 if line == 0 else 11.5)
            for line, words in enumerate(layout.labels[index])
        )
    return drawn


def _words(part: Part, name: str) -> list[str]:
    """Return the lines below a part: its name, what it is made of."""
    if part.stage is None:
        return [name, f"{part.channels} " + ("classes" if name == "head" else "channels")]
    block = part.stage.block.replace("_", " ")
    made = [*dict.fromkeys(_mixer_words(run) for run in part.stage.runs), block]
    if not part.stage.runs[0].mixer:
        made = [f"{block}{made[0]}"]
    if repeated := repeated_of(part.stage.block):
        made.append(f"{parts_inside(part.stage.runs[0])} {repeated}")
    return [f"{name}: {part.stage.depth} × {part.channels}", *made]


def _mixer_words(run: Stage) -> str:
    """Return the mixer and the kernel of equal blocks in words."""
    kernel = dict(run.options).get("kernel")
    mixer = (run.mixer or "").replace("_", " ")
    return mixer if kernel is None else f"{mixer} {kernel}×{kernel}"


def _shares(parts: Sequence[Part], layout: _Layout) -> list[str]:
    """Return the bar of each part's share of the multiply-accumulates (MACs)."""
    total = sum(part.costs.macs for part in parts)
    drawn, left = [], float(_GAP)
    for part, name in zip(parts, part_names(parts), strict=True):
        colours = _colours(part)
        width = (layout.width - 2 * _GAP) * part.costs.macs / total
        drawn.append(
            f'<rect x="{left:.1f}" y="{layout.bar}" width="{max(width - 1.5, 0.5):.1f}" height="22" '
            f'fill="{max(sorted({*colours}), key=colours.count)}" fill-opacity="0.55"/>'
        )
        if width > 64:
            share = f"{name} {part.costs.macs / total:.0%}"
            drawn.append(_text(left + width / 2, layout.bar + 15.5, share, size=12))
        left += width
    return drawn


def _legend(architecture: Architecture, parts: Sequence[Part], layout: _Layout) -> list[str]:
    total = format_count(sum(part.costs.macs for part in parts))
    y = layout.bar + 45
    words = f"{total} multiply-accumulates, image {architecture.resolution}×{architecture.resolution}"
    marks = []
    for x, colour, kind in (
        (layout.width - 340, CONVOLUTION, "convolution"),
        (layout.width - 225, ATTENTION, "attention"),
        (layout.width - 120, PLAIN, "stem, head"),
    ):
        marks.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" rx="2" fill="{colour}"/>')
        marks.append(_text(x + 18, y, kind, size=12, anchor="start"))
    line = f'<line x1="{_GAP}" y1="{_BASE}" x2="{layout.width - _GAP}" y2="{_BASE}" stroke="{FAINT}"/>'
    return [line, _text(_GAP, y, words, size=12, anchor="start"), *marks]


def _text(
    x: float, y: float, words: str, *, size: float = 13, anchor: str = "middle", bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    at = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}"{weight}'
    return f"<text {at}>{escape(words)}</text>"
