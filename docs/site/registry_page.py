"""Makes the page of what can be chosen by name: each registry with its alternatives."""

import ast
from pathlib import Path

from docs.site.command_pages import escaped

_ROOT = Path(__file__).parents[2]

_REGISTRIES = {
    "search_spaces/catalog": ("Search spaces", "`--space`, see [spaces](../spaces.md)"),
    "search_spaces/networks": (
        "Network skeletons",
        "`network` of a [space](../spaces.md#a-space-of-your-own)",
    ),
    "search_spaces/blocks": ("Blocks", "`block` of a stage"),
    "search_spaces/mixers": ("Mixers", "`mixer` of a stage"),
    "search_spaces/patterns": ("Patterns", "a [choice of a stage](../spaces.md#choices-of-each-stage)"),
    "search_spaces/costs": ("Costs", "`--budget`, see [budgets](../budgets.md)"),
    "trials/datasets": ("Image formats", "recognised by `--data`, see [images](../images.md)"),
    "trials/recipes": ("Recipes", "`--recipe`, see [recipes](../recipes.md)"),
    "trials/targets": ("Devices", "a target of a latency budget, see [latency](../latency.md)"),
    "trials/scores": ("Training-free scores", "`nas profile --scores`, see [scores](../scores.md)"),
    "trials/donors": ("Sources of trained weights", "`--weights`, see [trained weights](../weights.md)"),
    "nas/samplers": ("Samplers", "`--sampler`, see [search](../search.md#search-algorithm)"),
    "nas/evaluators": ("Evaluators", "`--evaluator`, see [shared weights](../supernet.md)"),
    "nas/exports/formats": ("Export formats", "written by `nas export`, see [export](../export.md)"),
    "nas/scaling/rules": ("Scaling rules", "`nas scale --rule`, see [scale](../explain_and_scale.md#scale)"),
    "dashboards/figures": ("Figures", "in the dashboard and reports, see [results](../results.md)"),
    "dashboards/reports": ("Report formats", "`nas report --format`, see [results](../results.md#report)"),
}


def registry_page() -> str:
    """Return the page, from the first docstring line of each file; nothing is imported."""
    lines = [
        "# What can be chosen by name?",
        "",
        "This page lists every space, block, mixer, recipe, device, sampler and format by its name.",
        "Each is one file of the",
        "folder given; [extend](../extend.md) says how to add one of your own.",
    ]
    for folder, (title, use) in _REGISTRIES.items():
        lines += [
            "",
            f"## {title}",
            "",
            f"For {use}; files of `{folder}`.",
            "",
            "| name | what it is |",
            "| --- | --- |",
        ]
        lines += [f"| `{path.stem}` | {_first_line(path)} |" for path in _alternatives(folder)]
    return "\n".join(lines) + "\n"


def _alternatives(folder: str) -> list[Path]:
    return sorted(path for path in (_ROOT / folder).glob("*.py") if not path.stem.startswith("_"))


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return escaped(text.split("\n\n")[0])
