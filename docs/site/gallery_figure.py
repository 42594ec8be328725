"""Draws the networks of a search as SVG: accuracy over MACs, in the text colour of the page."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from dashboards.palette import SERIES
from search_spaces.units import format_count

_WIDTH: Final = 640
_HEIGHT: Final = 320
_LEFT: Final = 70  # of the axes
_RIGHT: Final = 610
_TOP: Final = 20
_BOTTOM: Final = 270


def accuracy_over_macs(networks: Sequence[Mapping[str, Any]]) -> str:
    """Return the figure: filled circles were trained to the end, hollow ones stopped early.

    Args:
        networks: As ``nas show --json`` has them.
    """
    trained = [one for one in networks if one["accuracy"] is not None]
    values = [one["accuracy"] for one in trained]
    most = max(one["costs"]["macs"] for one in trained)
    low, high = min(values), max(values)
    dots = [_dot(one, most, low, high) for one in trained]
    said = f"Accuracy of {len(trained)} networks of up to {format_count(most)} MACs, {low:.1%} to {high:.1%}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" style="max-width:100%;height:auto" font-size="13" '
        f'fill="currentColor" aria-label="{escape(said)}">{_axes(most, low, high)}{"".join(dots)}</svg>'
    )


def _dot(network: Mapping[str, Any], most: int, low: float, high: float) -> str:
    macs, accuracy = network["costs"]["macs"], network["accuracy"]
    x = _LEFT + (_RIGHT - _LEFT) * macs / most
    y = _BOTTOM - (_BOTTOM - _TOP) * (accuracy - low) / max(high - low, 1e-6)
    fill = SERIES[0] if network["state"] == "complete" else "none"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{fill}" stroke="{SERIES[0]}" stroke-width="1.5">'
        f"<title>#{network['trial']}: {accuracy:.2%}, {format_count(macs)} MACs</title></circle>"
    )


def _axes(most: int, low: float, high: float) -> str:
    below = _BOTTOM + 20
    texts = [
        (_LEFT - 8, _TOP + 4, "end", f"{high:.1%}"),
        (_LEFT - 8, _BOTTOM, "end", f"{low:.1%}"),
        (_LEFT, below, "middle", "0"),
        (_RIGHT, below, "middle", format_count(most)),
        ((_LEFT + _RIGHT) // 2, below, "middle", "MACs"),
    ]
    line = f'<path d="M{_LEFT} {_BOTTOM}H{_RIGHT}" stroke="currentColor" opacity="0.3"/>'
    return line + "".join(f'<text x="{x}" y="{y}" text-anchor="{a}">{text}</text>' for x, y, a, text in texts)
