"""Draws figures of filed results as SVG, in the text colour of the page."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from dashboards.palette import SERIES
from docs.site.evidence_pages import RESULTS

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 300, 70, 50, 20
_FAINTER = 0.3


def regret() -> str:
    """Return the regret of each sampler after 10, 20 and 30 trainings, on a logarithmic axis."""
    filed: dict[str, Any] = json.loads((RESULTS / "sampler_nas_bench_macro.json").read_text(encoding="utf-8"))
    after: list[int] = filed["after"]
    series = {name: [_mean(v) for v in found["regret"]] for name, found in filed["samplers"].items()}
    said = "; ".join(f"{name} {', '.join(f'{v:.3f}' for v in values)}" for name, values in series.items())
    lines = [line for number, item in enumerate(series.items()) for line in _line(number, *item, after)]
    return "\n".join([
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" style="max-width:100%;height:auto" '
        f'font-size="13" fill="currentColor" aria-label="Regret in points after {after}: {said}">',
        *_axes(after),
        *lines,
        "</svg>",
    ])  # fmt: skip


FIGURES: dict[str, Callable[[], str]] = {"regret": regret}


def _mean(value: Any) -> float:
    return float(value[0] if isinstance(value, list) else value)


def _x(number: int) -> float:
    return _LEFT + 40 + number * (_WIDTH - _LEFT - 200) / 2


def _y(value: float) -> float:
    share = (math.log10(value) - math.log10(0.01)) / 2  # from 0.01 to 1
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)


def _axes(after: Sequence[int]) -> Iterator[str]:
    for value in (0.01, 0.03, 0.1, 0.3, 1):
        y = _y(value)
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{value}</text>'
        yield (
            f'<line x1="{_LEFT}" x2="{_WIDTH - 110}" y1="{y:.1f}" y2="{y:.1f}" stroke="currentColor" '
            f'opacity="{_FAINTER}"/>'
        )
    for number, trainings in enumerate(after):
        yield f'<text x="{_x(number):.0f}" y="{_HEIGHT - 28}" text-anchor="middle">{trainings}</text>'
    yield f'<text x="{_x(1):.0f}" y="{_HEIGHT - 8}" text-anchor="middle">trainings</text>'
    turned = f'x="16" y="{_HEIGHT / 2:.0f}" transform="rotate(-90 16 {_HEIGHT / 2:.0f})"'
    yield f'<text {turned} text-anchor="middle">regret, points</text>'


def _line(number: int, name: str, values: Sequence[float], after: Sequence[int]) -> Iterator[str]:
    colour = SERIES[number]
    points = [(_x(n), _y(value)) for n, value in zip(range(len(after)), values, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
    yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points)
    yield f'<text x="{points[-1][0] + 10:.0f}" y="{points[-1][1] + 4:.0f}">{name}</text>'
