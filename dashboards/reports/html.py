"""The report as one page that works without a network: read, printed, sent to a colleague."""

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dashboards.figures import drawn
from dashboards.findings import Findings
from dashboards.markdown_notes import amount, taken, verdicts
from dashboards.part_names import part_names, part_words
from dashboards.picture import picture
from dashboards.reports._page import facts, page, table
from dashboards.result import TrialResult, alike
from search_spaces.units import format_accuracy, format_bytes, format_count, format_seconds

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_RIVALS: Final = 12
_WIDE: Final = ("factor_effects", "joint_effects")


def REPORT(findings: Findings, path: Path) -> tuple[Path, ...]:  # noqa: N802 -- the shelf finds it by this name
    """Write the page to `path` and return it."""
    path.write_text(report_page(findings), encoding="utf-8")
    return (path,)


def report_page(findings: Findings) -> str:
    """Return the report on a search as one HTML page."""
    figures = drawn(findings)
    script = None
    if figures:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415 -- seconds of imports

        script = get_plotlyjs()
    return page(f"{findings.result.study} – nas", _sections(findings, figures), script=script)


def _sections(findings: Findings, figures: dict[str, "Figure"]) -> Iterator[str]:
    result, best = findings.result, findings.result.best
    yield f"<h1>{escape(' and '.join(map(str, result.budgets)))} on {escape(result.data)}</h1>"
    yield (
        f'<p class="soft">Study {escape(result.study)} · space {escape(result.space)} · proposed by '
        f"{escape(result.sampler)}, seed {result.seed} · {findings.made}</p>"
    )
    if best is None:
        yield _nothing_yet(findings)
    else:
        yield facts(_facts(findings, best))
        yield from _winner(findings, best)
        yield from _rivals(findings, best)
    if figures:
        yield "<h2>Figures</h2>"
        yield f'<div class="figures">{"".join(_figure(n, f) for n, f in figures.items())}</div>'
    yield from _rules(findings)
    yield from _references(findings)
    yield from _recipe(findings)


def _nothing_yet(findings: Findings) -> str:
    result = findings.result
    if not result.networks:
        return (
            "<p><b>Nothing has been tried yet.</b> The search has begun; write this report again later.</p>"
        )
    return (
        f"<p><b>No network that fits has been trained to the end yet.</b> {len(result.networks)} were tried, "
        f"{result.trained} trained.</p>"
    )


def _facts(findings: Findings, best: TrialResult) -> list[tuple[str, str]]:
    return [
        (f"accuracy of #{best.trial} ± standard error, validation", _accuracy(best)),
        ("multiply-accumulates", format_count(best.costs["macs"])),
        ("parameters", format_count(best.costs["params"])),
        ("peak of activations", format_bytes(best.costs["peak"])),
        *((f"on {target}", f"{ms:.3g} ms") for target, ms in (best.latency_ms or {}).items()),
        ("networks trained", str(findings.result.trained)),
        ("of training in all", format_seconds(sum(n.seconds for n in findings.result.networks))),
    ]


def _winner(findings: Findings, best: TrialResult) -> Iterator[str]:
    parts = findings.parts(best)
    yield f"<h2>The winner, #{best.trial}</h2>"
    yield f'<div class="picture">{picture(best.architecture, parts)}</div>'
    total = sum(part.costs.macs for part in parts)
    rows = []
    for name, part in zip(part_names(parts), parts, strict=True):
        share = part.costs.macs / total
        rows.append(
            [
                name,
                escape(part_words(part, name)),
                f"{part.channels} × {part.side}²",
                format_count(part.costs.macs),
                f'<span class="share" style="width:{100 * share:.1f}px"></span> {share:.0%}',
                format_count(part.costs.params),
                format_bytes(part.costs.peak),
            ]
        )
    head = ("", "what", "map", "MACs", "share", "params", "peak")
    yield table(head, rows, numbers=(2, 3, 5, 6))
    kept = verdicts(best)
    rows = []
    for budget in findings.result.budgets:
        value = taken(best, budget)
        shown = "–" if value is None else amount(budget, value)
        rows.append([escape(budget.text), shown, escape(kept.get(budget.text, "–"))])
    yield table(("budget", "takes", ""), rows, numbers=(1,))


def _rivals(findings: Findings, best: TrialResult) -> Iterator[str]:
    others = [n for n in findings.result.networks if n.state == "complete" and n.fits][:_RIVALS]
    if len(others) < 2:
        return
    rows = [
        [
            f"#{n.trial}",
            _accuracy(n),
            "" if n == best else "as good" if alike(n, best) else "behind",
            format_count(n.costs["macs"]),
            format_count(n.costs["params"]),
            format_bytes(n.costs["peak"]),
            escape(", ".join(f"{ms:.3g} ms {on}" for on, ms in (n.latency_ms or {}).items()) or "–"),
            str(n.epochs),
        ]
        for n in others
    ]
    head = ("network", "accuracy", "", "MACs", "params", "peak", "latency", "epochs")
    yield "<h2>Its rivals</h2>"
    yield (
        '<p class="soft">“As good”: the difference to the winner is within what chance makes of this many '
        "validation images, 95 %. A cheaper one of these may be the better choice.</p>"
    )
    yield table(head, rows, numbers=(1, 3, 4, 5, 7), best=0)


def _figure(name: str, figure: "Figure") -> str:
    height = figure.layout.height or 420
    figure.update_layout(height=height, autosize=True)
    drawn_html = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"responsive": True, "displaylogo": False},
        div_id=f"figure-{name}",
    )
    kind = ' class="wide"' if name in _WIDE else ""
    return f"<div{kind}>{drawn_html}</div>"


def _rules(findings: Findings) -> Iterator[str]:
    found = findings.explanation
    if found is None:
        return
    rows = [
        [
            escape(rule.factor),
            escape(f"{rule.value}" + (f" ± {rule.spread:.2g}" if rule.spread is not None else "")),
            f"{rule.probability:.0%}",
            f"{100 * rule.gain:+.2f}",
            str(rule.trained),
            escape(rule.warning or ""),
        ]
        for rule in found.rules
    ]
    yield "<h2>The rules found</h2>"
    yield f'<p class="soft">{escape(found.comparison.verdict)} From {found.trained} networks.</p>'
    yield table(
        ("factor", "best value", "probability", "gain, points", "trained", ""), rows, numbers=(2, 3, 4)
    )


def _references(findings: Findings) -> Iterator[str]:
    if not findings.references:
        return
    yield "<h2>Published networks near it</h2>"
    yield (
        '<p class="soft">What they take with this search’s images and classes; their accuracies are of other '
        "images. Any of them can be the start of a search (--seed-with) where the space holds it.</p>"
    )
    rows = [
        [
            escape(r.name),
            format_count(r.costs["macs"]),
            format_count(r.costs["params"]),
            format_bytes(r.costs["peak"]),
        ]
        for r in findings.references
    ]
    yield table(("network", "MACs", "params", "peak"), rows, numbers=(1, 2, 3))


def _recipe(findings: Findings) -> Iterator[str]:
    yield "<h2>How to do it again</h2>"
    yield f"<pre>{escape(chr(10).join(findings.commands))}</pre>"
    yield "<h2>The recipe</h2>"
    told = [[escape(name.replace("_", " ")), escape(str(value))] for name, value in findings.recipe.items()]
    half = -(-len(told) // 2)
    pairs = [[*a, *b] for a, b in zip(told, [*told[half:], ["", ""]], strict=False)]
    yield table(("", "", "", ""), pairs[:half])
    versions = ", ".join(f"{name} {number}" for name, number in findings.versions.items())
    files = escape(findings.result.folder)
    yield f'<p class="soft">Made {findings.made} with {escape(versions)}. Files: {files}</p>'


def _accuracy(network: TrialResult) -> str:
    if network.accuracy is None:
        return "–"
    return format_accuracy(network.accuracy, network.standard_error)
