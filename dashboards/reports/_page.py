"""HTML page frame, tables and fact boxes of reports: self-contained, responsive, printable."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

# Content security policy: the browser fetches nothing, whatever a page holds.
_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)

_STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2933; --soft: #56697a; --line: #dde3e9;
  --tint: #f5f7f9; }
@media screen and (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e6eaee; --soft: #9fb0bf;
  --line: #333c45; --tint: #1d2329; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 76rem; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-top: .75rem; border-top: 1px solid var(--line); }
p { margin: .4rem 0; max-width: 60rem; }
.soft { color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1.5rem 0; }
.fact { background: var(--tint); border-radius: .5rem; padding: .75rem 1rem; }
.fact b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.fact span { color: var(--soft); font-size: .85rem; }
.figures { display: grid; gap: 1.25rem;
  grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); }
.figures > div, .wide { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem; min-width: 0; }
.figures > .wide { grid-column: 1 / -1; }
.picture svg { display: block; width: 100%; height: auto; max-width: 56rem; margin: 0 auto; }
.picture svg { fill: var(--ink); }
.picture .paper { fill: transparent; }
.js-plotly-plot .main-svg { background: transparent !important; }
.js-plotly-plot :is(.bglayer, .legend) .bg { fill: transparent !important; }
.js-plotly-plot text { fill: var(--ink) !important; }
.js-plotly-plot :is(.xgrid, .ygrid, .zl) { stroke: var(--line) !important; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; margin: .5rem 0; }
th, td { text-align: left; padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
tr.best td { font-weight: 600; }
.share { display: inline-block; height: .7rem; background: #0072b2; opacity: .75; border-radius: 2px; }
pre { background: var(--tint); padding: .75rem 1rem; border-radius: .5rem; overflow-x: auto;
  font-size: .85rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 700px) { .scroll table { min-width: 36rem; font-size: .85rem; } }
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  .figures { display: block; }
  .figures > div, .picture, table, .facts { break-inside: avoid; }
  .figures > div { margin-bottom: .75rem; }
  h2 { break-after: avoid; }
  .modebar { display: none !important; }
  @page { margin: 16mm; }
}
"""

# The first figure is drawn before the page knows its columns.
_SIZING: Final = """
addEventListener("load", () => document.querySelectorAll(".js-plotly-plot").forEach(
  (figure) => Plotly.Plots.resize(figure)));
const sizes = {beforeprint: {width: 640, height: 400}, afterprint: {width: null, height: 420}};
for (const [moment, size] of Object.entries(sizes))
  addEventListener(moment, () => document.querySelectorAll(".js-plotly-plot").forEach(
    (figure) => Plotly.relayout(figure, {...size, autosize: size.width === null})));
"""


def page(title: str, sections: Iterable[str], *, script: str | None) -> str:
    """Return an HTML page.

    Args:
        title: Title of the window, text.
        sections: HTML of the sections, in order.
        script: Source of plotly.js, which is inlined; None for a page without figures.
    """
    scripts = [] if script is None else [f"<script>{script}</script>", f"<script>{_SIZING}</script>"]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title><style>{_STYLE}</style>",
            *scripts,
            "</head><body>",
            *sections,
            "</body></html>",
            "",
        ]
    )


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    best: int | None = None,
) -> str:
    """Return an HTML table that scrolls horizontally if it is too wide.

    Args:
        head: Names of the columns, text.
        rows: HTML of the cells, already escaped.
        numbers: Indices of right-aligned columns.
        best: Index of the highlighted row; None for none.
    """

    def line(kind: str, cells: Sequence[str]) -> str:
        marks = (' class="number"' if column in numbers else "" for column in range(len(cells)))
        return "".join(f"<{kind}{m}>{text}</{kind}>" for m, text in zip(marks, cells, strict=True))

    top = line("th", [escape(name) for name in head])
    lines = [line("td", row) for row in rows]
    body = "".join(
        f'<tr class="best">{text}</tr>' if index == best else f"<tr>{text}</tr>"
        for index, text in enumerate(lines)
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def facts(values: Iterable[tuple[str, str]]) -> str:
    """Return highlighted boxes, each with a name and a value."""
    boxes = (f'<div class="fact"><b>{escape(v)}</b><span>{escape(k)}</span></div>' for k, v in values)
    return f'<div class="facts">{"".join(boxes)}</div>'
