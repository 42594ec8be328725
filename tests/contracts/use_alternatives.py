"""Uses each alternative of tests/contracts/alternatives the public way and prints what came of it as JSON.

Run as a program in an empty folder, in a Python that finds the alternatives; imports nothing of the tests.
Its arguments are what is used, in that order.
"""

import contextlib
import io
import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import nas
import search_spaces
from dashboards.figures import FIGURES
from dashboards.reports import REPORTS
from nas.__main__ import run
from nas.exports.formats import EXPORTERS
from nas.samplers import SAMPLERS
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import BudgetError
from search_spaces.stage_choices import StageSpace
from search_spaces.tracing import trace


def main() -> None:
    """Print a line of JSON: for each kind what was found, or the traceback of what went wrong."""
    found = {}
    for kind in sys.argv[1:]:
        use: Callable[[], Any] = globals()[f"use_{kind}"]
        try:
            found[kind] = use()
        except Exception:
            found[kind] = traceback.format_exc()
    print(json.dumps(found))  # noqa: T201


def typed(*arguments: str) -> str:
    """Return what a command prints."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(list(arguments))
    assert status == 0, err.getvalue()
    return out.getvalue()


def architecture(network: str = "pyramid", block: str = "metaformer", **options: Any) -> Architecture:
    stage = Stage(block=block, channels=16, depth=2, stride=2, options=options_of(options))
    return Architecture(network=network, resolution=16, stages=(stage,))


def as_it_runs(described: Architecture) -> list[int]:
    """Return the shape of the scores of a network whose costs are those of what runs."""
    network = search_spaces.build(described, num_classes=3)
    ran = trace(network, resolution=described.resolution)
    assert ran.items() <= search_spaces.count(described, num_classes=3).items()
    with torch.no_grad():
        return list(network(torch.zeros(2, 3, 16, 16)).shape)


def use_space() -> Any:
    space = search_spaces.load("added_space")
    as_it_runs(space.sample(np.random.default_rng(0)))
    return "added_space: 36 networks" in typed("profile", "--space", "added_space", "--budget", "1M-params")


def use_mixer() -> Any:
    return as_it_runs(architecture(mixer="added_mixer", taps=5))


def use_block() -> Any:
    return as_it_runs(architecture(block="added_block", kernel=5))


def use_network() -> Any:
    return as_it_runs(architecture(network="added_network", mixer="depthwise"))


def use_pattern() -> Any:
    stage = StageSpace(
        channels=16,
        depth=(3,),
        patterns={"added_pattern": ("same", "large")},
        options={"mixer": ("depthwise",), "kernel": (3,)},
    )
    space = search_spaces.SearchSpace(name="patterned", resolution=(16, 32), stages=(stage,))
    values = {choice.name: choice.values[-1] for choice in space.choices}
    found = space.architecture(values)
    as_it_runs(found)
    return [dict(options)["kernel"] for options in found.stages[0].block_options]


def use_family() -> Any:
    as_it_runs(search_spaces.reference("added_family_16"))
    return [name for name in search_spaces.references() if name.startswith("added")]


def use_cost() -> Any:
    space, budget = search_spaces.load("hybrid_small"), search_spaces.Budget.parse("150k-added_COST")
    found = space.sample(np.random.default_rng(0), budgets=[budget], num_classes=10)
    costs = search_spaces.count(found, num_classes=10, deploy=True)
    assert costs.added_cost == costs["added_cost"] <= budget.limit == 150_000
    assert costs.added_memory == 4 * costs.added_cost
    assert "Added_cost" in typed("profile", "--budget", "150k-Added_cost")
    try:
        search_spaces.Budget.parse("300M-nothing")
    except BudgetError as error:
        return str(error)


def use_memory() -> Any:
    budget = search_spaces.Budget.parse("80KiB-added_memory@int8")
    found = search_spaces.load("hybrid_small").sample(
        np.random.default_rng(0), budgets=[budget], num_classes=10
    )
    taken = search_spaces.count(found, num_classes=10, deploy=True).added_memory
    return taken <= 4 * 80 * 1024


def use_dataset() -> Any:
    from trials.datasets import open_images

    return list(open_images("added_dataset", seed=0, cache=None).classes)


def use_recipe() -> Any:
    from trials.recipes import load_recipe

    return load_recipe("added_recipe").epochs


def use_target() -> Any:
    assert nas.targets()["added_target"]["device"] == "added"  # type: ignore[index]
    return nas.measure("tinynet_e_106", on="added_target:ms=7")[1].median_ms


def use_score() -> Any:
    scored = json.loads(typed("measure", "tinynet_e_106", "--on", "added_target:ms=7", "--json"))
    return scored["scores"]["added_score"]


def use_sampler() -> Any:
    """Search with the alternatives together: one network, one epoch, 60 images."""
    result = nas.search(
        ["40k-added_cost", "9ms@added_target"],
        space="added_space",
        data="added_dataset",
        recipe="added_recipe",
        sampler="added_sampler",
        study="searched",
        trials=1,
        gpus_per_trial=0,
        quiet=True,
    )
    assert result.best is not None
    assert result.best.latency_ms == {"added_target": 5.0}
    assert "Added_cost" in typed("show", "searched")
    assert "added_memory_bytes" in typed("show", "searched", "--csv")
    return [result.sampler, result.best.costs["added_cost"] <= 40_000]


def use_rule() -> Any:
    (made,) = nas.scale("tinynet_e_106", budget="40M-MACs", rule="added_rule")
    return [made.rule, search_spaces.count(made.architecture, num_classes=1000).macs <= 40_000_000]


def use_exporter() -> Any:
    return [file.name for file in nas.export("searched", to="exported")][-1]


def use_figure() -> Any:
    (page,) = nas.report("searched", to="report.html")
    return "figure-added_figure" in page.read_text(encoding="utf-8")


def use_report() -> Any:
    (line,) = nas.report("searched", format="added_report")
    return line.read_text(encoding="utf-8")


def use_command() -> Any:
    assert "added_command" in typed("--help")
    assert "--word" in typed("added_command", "--help")
    return typed("added_command", "--word", "added").strip()


def use_searching() -> Any:
    """Find by their names what only a search uses."""
    return [
        "added_sampler" in SAMPLERS,
        "added_exporter" in EXPORTERS,
        "added_figure" in FIGURES,
        "added_report" in REPORTS,
    ]


if __name__ == "__main__":
    main()
