"""Makes the gallery of what `tests/benchmarks/gallery.py` filed: a page for each search."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dashboards.picture import picture
from docs.site.evidence_pages import RESULTS
from docs.site.gallery_figure import accuracy_over_macs
from search_spaces.architecture import Architecture
from search_spaces.counting import count_parts
from search_spaces.units import format_accuracy, format_bytes, format_count

_SHOWN = 8  # networks in the table
_INDEX = "gallery/index.md"


def gallery_pages() -> dict[str, str]:
    """Return the text of each page by its path among the pages of `docs`; the first lists the others."""
    filed: dict[str, Any] = json.loads((RESULTS / "gallery.json").read_text(encoding="utf-8"))
    pages = {f"gallery/{name}.md": "\n".join(_page(found)) + "\n" for name, found in filed.items()}
    return {_INDEX: "\n".join(_index(filed)) + "\n", **pages}


def _index(filed: Mapping[str, Any]) -> Iterator[str]:
    yield "# What did searches find?"
    yield ""
    yield "This page lists searches that ran to their end: their commands, how long they took, their"
    yield "networks and the card of the export. `python -m tests.benchmarks.gallery` runs them again."
    yield ""
    yield "| search | winner | MACs | trained | minutes |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, found in filed.items():
        best = found["show"]["networks"][0]
        yield (
            f"| [{found['title']}]({name}.md) | {format_accuracy(best['accuracy'], best['standard_error'])} "
            f"| {format_count(best['costs']['macs'])} | {found['show']['trained']} "
            f"| {sum(found['seconds']) / 60:.0f} |"
        )


def _page(found: Mapping[str, Any]) -> Iterator[str]:
    shown = found["show"]
    complete = [one for one in shown["networks"] if one["state"] == "complete"]
    yield f"# {found['title']}"
    yield ""
    yield f"This page shows a search that trained {shown['trained']} networks of"
    yield f"`{shown['space']}`, on {found['date']} ({found['machine']})."
    yield ""
    yield "```sh"
    width = max(map(len, found["commands"]))
    for line, seconds in zip(found["commands"], found["seconds"], strict=True):
        yield f"{line:{width}}  # {max(1, round(seconds / 60))} min"
    yield "```"
    yield ""
    yield "## The winner"
    yield ""
    yield _drawn(complete[0], classes=found["classes"], channels=found["channels"])
    yield ""
    yield "## All networks"
    yield ""
    yield accuracy_over_macs(shown["networks"])
    yield ""
    yield from _table(complete[:_SHOWN])
    yield ""
    yield "## The card"
    yield ""
    yield from _card(found["card"])


def _drawn(network: Mapping[str, Any], *, classes: int, channels: int) -> str:
    """Return the picture of a network, which scrolls by itself where it is wide."""
    architecture = Architecture.from_json(json.dumps(network["architecture"]))
    parts = count_parts(architecture, num_classes=classes, in_channels=channels)
    return f'<div class="picture" tabindex="0">{picture(architecture, parts)}</div>'


def _table(networks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield "| network | accuracy | MACs | params | peak |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for one in networks:
        macs, params, peak = (one["costs"][name] for name in ("macs", "params", "peak"))
        yield (
            f"| #{one['trial']} | {format_accuracy(one['accuracy'], one['standard_error'])} "
            f"| {format_count(macs)} | {format_count(params)} | {format_bytes(peak)} |"
        )


def _card(card: str) -> Iterator[str]:
    """Return the card of the export below this page's headings, without the fields of its first lines."""
    text = re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL)
    code = False
    for line in text.strip().splitlines():
        code ^= line.startswith("```")
        yield f"##{line}" if line.startswith("#") and not code else line
