"""Report format html: one self-contained page with the best network, tables and figures."""

from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dashboards import comparison_rows
from dashboards.explanation import NOT_SHOWN
from dashboards.figures import drawn
from dashboards.findings import Findings
from dashboards.latency_table import HEAD, NUMBERS, latency_rows, latency_summary
from dashboards.markdown_notes import amount_used, score_rows, verdicts
from dashboards.part_names import part_names, part_words
from dashboards.picture import picture
from dashboards.report_rows import (
    NETWORK_NUMBERS,
    RULES_HEAD,
    RULES_NUMBERS,
    accuracy_text,
    against_the_best,
    network_rows,
    networks_head,
    rule_rows,
    rules_basis,
)
from dashboards.reports._page import facts, page, table
from dashboards.result import TrialResult, capitalised
from dashboards.tables import caption, expected_value
from search_spaces.units import format_bytes, format_count, format_seconds

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_WIDE: Final = ("factor_effects", "joint_effects")


def REPORT(findings: Findings, path: Path) -> tuple[Path, ...]:  # noqa: N802 -- found by this name
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
    within = " and ".join(map(str, result.budgets)) or "Networks"
    yield f"<h1>{escape(within)} on {escape(result.data)}</h1>"
    yield (
        f'<p class="soft">Study {escape(result.study)} · space {escape(result.space)} · sampler '
        f"{escape(result.sampler)}, seed {result.seed} · {findings.made}</p>"
    )
    if result.state is not None and result.state.state != "ended":
        yield f"<p>The search {'is' if result.state.state == 'running' else 'was'} {result.state}.</p>"
    if result.supernet is not None:
        yield f"<p>Supernet: {escape('. '.join(result.supernet.lines))}.</p>"
    if best is None:
        yield _nothing_yet(findings)
    else:
        yield facts(_facts(findings, best))
        yield from _winner(findings, best)
        yield from _scores(findings, best)
        yield from _best_networks(findings, best)
    yield from _latencies(findings)
    if figures:
        yield "<h2>Figures</h2>"
        yield f'<div class="figures">{"".join(_arranged(figures))}</div>'
    yield from _rules(findings)
    yield from _comparisons(findings)
    yield from _references(findings)
    yield from _recipe(findings)


def _nothing_yet(findings: Findings) -> str:
    result = findings.result
    if not result.networks:
        return (
            "<p><b>Nothing has been tried yet.</b> The search has begun; create this report again later.</p>"
        )
    complete = sum(network.state == "complete" for network in result.networks)
    early = sum(network.state == "pruned" and network.epochs > 0 for network in result.networks)
    return (
        "<p><b>No network that fits has been trained to the end yet.</b> "
        f"{len(result.networks)} were proposed, {early} stopped early, {complete} trained to the end.</p>"
    )


def _facts(findings: Findings, best: TrialResult) -> list[tuple[str, str]]:
    metric = findings.result.value_name
    return [
        (f"validation {metric} of #{best.trial} ± standard error", accuracy_text(best)),
        *(
            [(f"expected {metric} ± standard deviation", expected_value(best))]
            if best.posterior_mean is not None
            else []
        ),
        ("multiply-accumulates (MACs)", format_count(best.costs["macs"])),
        ("parameters", format_count(best.costs["params"])),
        ("peak memory of activations", format_bytes(best.costs["peak"])),
        *((f"latency on {target}", f"{ms:.3g} ms") for target, ms in (best.latency_ms or {}).items()),
        ("networks trained", str(findings.result.trained)),
        ("total training time", format_seconds(sum(n.seconds for n in findings.result.networks))),
    ]


def _winner(findings: Findings, best: TrialResult) -> Iterator[str]:
    parts = findings.parts(best)
    yield f"<h2>Best network: #{best.trial}</h2>"
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
    head = ("", "layers", "output", "MACs", "share", "params", "peak")
    yield table(head, rows, numbers=(2, 3, 5, 6))
    kept = verdicts(best)
    rows = [
        [escape(budget.text), amount_used(best, budget), escape(kept.get(budget.text, "–"))]
        for budget in findings.result.budgets
    ]
    yield table(("budget", "used", ""), rows, numbers=(1,))


def _scores(findings: Findings, best: TrialResult) -> Iterator[str]:
    """Yield the figures of the best network, one row each, so that none is read as another's."""
    rows = [[escape(cell) for cell in row] for row in score_rows(findings, best)]
    if not rows:
        return
    reads = findings.result.test_reads
    yield "<h2>Figures of the best network</h2>"
    yield (
        f'<p class="soft">Test images were read {reads} {"time" if reads == 1 else "times"} in this study, '
        "once for each weights; nothing is chosen by them.</p>"
    )
    yield table(("weights", "images", "metric", "value"), rows, numbers=(3,))


def _best_networks(findings: Findings, best: TrialResult) -> Iterator[str]:
    rows = [[escape(cell) for cell in row] for row in network_rows(findings, best)]
    if rows:
        yield "<h2>Best networks after the search</h2>"
        yield f'<p class="soft">{escape(caption(findings.result))}</p>'
        yield f'<p class="soft">{escape(against_the_best(best))}</p>'
        yield table(networks_head(findings), rows, numbers=NETWORK_NUMBERS, best=0)


def _latencies(findings: Findings) -> Iterator[str]:
    if findings.latencies:
        rows = [list(map(escape, row)) for row in latency_rows(findings.latencies)]
        yield "<h2>Latencies</h2>"
        yield f'<p class="soft">{escape(" ".join(latency_summary(findings.latencies)))}</p>'
        yield table(HEAD, rows, numbers=NUMBERS)


def _arranged(figures: Mapping[str, "Figure"]) -> Iterator[str]:
    """Yield the figures such that two columns have no hole, as far as possible in their order.

    A figure over both columns comes once those before it fill their rows; the last one of an odd number is as
    wide as both columns.
    """
    narrow = [name for name in figures if name not in _WIDE]
    last = narrow[-1] if len(narrow) % 2 else None
    waiting: list[str] = []
    columns = 0
    for name in figures:
        if name in _WIDE:
            waiting.append(name)
        else:
            yield _figure(name, figures[name], wide=name == last)
            columns += 1
        if columns % 2 == 0 or columns == len(narrow):
            yield from (_figure(wide, figures[wide], wide=True) for wide in waiting)
            waiting.clear()


def _figure(name: str, figure: "Figure", *, wide: bool) -> str:
    height = figure.layout.height or 420
    figure.update_layout(height=height, autosize=True)
    drawn_html = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        config={"responsive": True, "displaylogo": False},
        div_id=f"figure-{name}",
    )
    kind = ' class="wide"' if wide else ""
    return f"<div{kind}>{drawn_html}</div>"


def _rules(findings: Findings) -> Iterator[str]:
    found = findings.explanation
    if found is None:
        return
    yield "<h2>Best setting of each factor</h2>"
    yield f'<p class="soft">{escape(rules_basis(found))}</p>'
    if not found.comparison.explains:
        yield f"<p>{escape(NOT_SHOWN)}</p>"
        return
    rows = [[escape(cell) for cell in row] for row in rule_rows(found)]
    yield table(RULES_HEAD, rows, numbers=RULES_NUMBERS)


def _comparisons(findings: Findings) -> Iterator[str]:
    """Yield what networks were compared with: trained alike, with their differences."""
    for comparison in findings.comparisons:
        yield f"<h2>{escape(capitalised(comparison_rows.title(comparison)))}</h2>"
        yield f'<p class="soft">{escape(comparison_rows.heading(comparison))}</p>'
        head = comparison_rows.columns(comparison)
        rows = [[escape(cell) for cell in row] for row in comparison_rows.rows(comparison)]
        yield table(head, rows, numbers=comparison_rows.numbers(comparison))
        yield from (f"<p>{escape(line)}</p>" for line in comparison_rows.sentences(comparison))


def _references(findings: Findings) -> Iterator[str]:
    if not findings.references:
        return
    others = "Other published" if findings.comparisons else "Published"
    yield f"<h2>{others} networks of similar cost</h2>"
    yield (
        '<p class="soft">Costs are for the images and classes of this search. Published accuracies are those '
        "of ImageNet-1k by other recipes, and say little of these images; nas compare trains the networks on "
        "these. A search can start from one of them with --seed-with if its space contains it.</p>"
    )
    rows = [
        [
            escape(r.name),
            format_count(r.costs["macs"]),
            format_count(r.costs["params"]),
            format_bytes(r.costs["peak"]),
            escape(r.imagenet),
        ]
        for r in findings.references
    ]
    head = ("network", "MACs", "params", "peak", "ImageNet-1k, published")
    yield table(head, rows, numbers=(1, 2, 3))


def _recipe(findings: Findings) -> Iterator[str]:
    yield "<h2>Commands to repeat the search and export the best network</h2>"
    yield f"<pre>{escape(chr(10).join(findings.commands))}</pre>"
    yield "<h2>Training recipe</h2>"
    cells = [[escape(name.replace("_", " ")), escape(str(value))] for name, value in findings.recipe.items()]
    half = -(-len(cells) // 2)
    pairs = [[*a, *b] for a, b in zip(cells, [*cells[half:], ["", ""]], strict=False)]
    yield table(("", "", "", ""), pairs[:half])
    versions = ", ".join(f"{name} {number}" for name, number in findings.versions.items())
    files = escape(findings.result.folder)
    yield f'<p class="soft">Created {findings.made} with {escape(versions)}. Files: {files}</p>'
