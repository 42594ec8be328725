"""With which exact counts are values expected to rise before anything is trained? Goes on where it stopped.

Run: ``python -m tests.benchmarks.rising_counts [STATE.json] [SEEDS]``. The searches are short ones with exact
counts as evidence: in NAS-Bench-Macro (budgets and seeds on which nothing is judged), in a table of networks
of several resolutions and widths trained on CIFAR-10 (`trained_tables`), and in two synthetic spaces. Beside
them Kendall's tau between counts and accuracy in trainings that other benchmarks have filed.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray

from nas.bayesopt.problem import Params
from nas.samplers import SAMPLERS
from nas.surrogates.torch_threads import torch_threads
from nas.tabular.regret import interval, written
from nas.tabular.replay import replay
from nas.tabular.table import load
from nas.tabular.task import Task
from search_spaces.architecture import Architecture
from search_spaces.graph_counts import architecture_counts, count_names, graph_counts
from tests.benchmarks import int8_ranking
from tests.benchmarks.evidence_regret import synthetic_sources
from tests.benchmarks.evidence_regret import table as macro
from tests.benchmarks.filing import RESULTS, file_result
from tests.benchmarks.kept_runs import kept
from tests.benchmarks.rank_agreement import kendall
from tests.benchmarks.sampler_ideas import FIRST_SEED
from tests.benchmarks.synthetic_spaces import factors_and_interactions, wrong_structure
from tests.benchmarks.trained_tables import SPACES, TABLES

STATE: Final = RESULTS / "sampler_rising_counts.json"
KINDS: Final[Mapping[str, frozenset[str]]] = {
    "none": frozenset(),
    "blocks": frozenset({"blocks"}),
    "MACs": frozenset({"log_macs"}),
    "MACs and blocks": frozenset({"log_macs", "blocks"}),
}
GROUPS: Final = {
    "NAS-Bench-Macro, four budgets": (12, (1, 3, 6, 12)),
    "CIFAR-10, networks of several resolutions and widths, three budgets": (24, (1, 3, 6, 12, 24)),
    "Mixed space, 27 parameters": (20, (1, 5, 10, 20)),
    "Space of 32 parameters without structure": (20, (1, 5, 10, 20)),
}
"""Trials of a search, and after which regret is shown."""
SEEDS: Final = 10

Floats = NDArray[np.float64]


@cache
def sizes() -> tuple[Task, ...]:
    """Return the tasks of the trained table, with exact counts as evidence as searches have them."""
    space = SPACES["sizes"]
    fixed = {choice.name: choice.values[0] for choice in space.choices}
    names = count_names(len(space.stages))

    def column(name: str, points: Sequence[Params]) -> Floats:
        rows = space.codes.of([fixed | dict(point) for point in points])
        return np.asarray(graph_counts(space.codes, rows, num_classes=10, in_channels=3)[name], np.float64)

    table = load(TABLES / "sizes.json")
    source = macro().evidence[0]
    sources = tuple(replace(source, name=name, expects=partial(column, name)) for name in names)
    return tuple(replace(table.task(most), evidence=sources) for most in (0.8e6, 1.5e6, None))


def tasks(group: str, seed: int) -> Iterator[Task]:
    """Yield the tasks of a group for one seed."""
    if group.startswith("NAS-Bench"):
        yield from (macro().task(most) for most in (27.5e6, 37.5e6, 55e6, None))
    elif group.startswith("CIFAR"):
        yield from sizes()
    else:
        make: Callable[[int], Task] = factors_and_interactions if "27" in group else wrong_structure
        task = make(seed)
        yield replace(task, evidence=tuple(synthetic_sources(task, "counts", seed)))


def regret(group: str, kind: str, seed: int) -> list[float]:
    """Return the regret after each trial of the searches of one seed, averaged over the tasks of a group."""
    curves = []
    for task in tasks(group, seed):
        known = tuple(replace(source, rises=source.name in KINDS[kind]) for source in task.evidence)
        runs = replay(replace(task, evidence=known), SAMPLERS["factor_gp"], [seed], GROUPS[group][0])
        curves.append(runs.regret[0])
    return [float(value) for value in np.mean(curves, axis=0).round(4)]


def key(group: str, kind: str, seed: int) -> str:
    """Return the name of the searches of one seed."""
    return f"{group}: {kind}, seed {seed}"


def regret_lines(found: Mapping[str, list[float]]) -> Iterator[str]:
    """Yield a table of regret for each group."""
    for group, (_, after) in GROUPS.items():
        seeds = [
            seed
            for seed in range(FIRST_SEED, FIRST_SEED + 1_000)
            if all(key(group, kind, seed) in found for kind in KINDS)
        ]
        if len(seeds) < 2:
            continue
        curves = {kind: np.array([found[key(group, kind, seed)] for seed in seeds]) for kind in KINDS}
        yield from ("", f"{group}, {len(seeds)} seeds:", "")
        heads = " | ".join(f"after {n}" for n in after)
        yield f"| values rise with | {heads} | mean over trials | more than with none |"
        yield "| --- " * (len(after) + 3) + "|"
        for kind, curve in curves.items():
            cells = " | ".join(f"{curve[:, n - 1].mean():.3f}" for n in after)
            more = "" if kind == "none" else written(interval((curve - curves["none"]).mean(axis=1)), "+")
            yield f"| {kind} | {cells} | {curve.mean():.3f} | {more} |"


def trained_before() -> Iterator[tuple[str, list[Architecture], list[float]]]:
    """Yield networks with their accuracy from filed results, each set with a title."""
    trainings = _filed("band_trainings")["trainings"]
    for recipe, words in (("long", "trained for 300,000 images"), ("proxy", "as searches value them")):
        by_network: dict[str, list[dict[str, Any]]] = {}
        for name, run in trainings.items():
            if name.startswith(f"{recipe}/"):
                by_network.setdefault(name.rsplit("/", 1)[1], []).append(run)
        yield (
            f"hybrid_small_1 at 4M to 5M MACs, {words}",
            [Architecture.from_json(runs[0]["network"]) for runs in by_network.values()],
            [float(np.mean([_accuracy(run) for run in runs])) for runs in by_network.values()],
        )
    ranking = _filed("int8_ranking")
    for name, space in int8_ranking.spaces().items():
        networks = int8_ranking.networks(space, 20)
        values = [ranking[f"{name}:{number}:6x10000"]["fp32"] for number in range(len(networks))]
        yield f"{name}, six epochs of 10,000 images", networks, values


def tau_lines() -> Iterator[str]:
    """Yield a table of Kendall's tau between counts and accuracy."""
    yield from ("", "Kendall's tau with the accuracy of networks that other benchmarks have trained:", "")
    yield "| networks | number | MACs | tau | blocks | tau |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for title, networks, values in trained_before():
        counts = [architecture_counts(network, num_classes=10) for network in networks]
        taus = {
            n: kendall(np.array([c[n] for c in counts]), np.array(values)) for n in ("log_macs", "blocks")
        }
        macs = np.exp([c["log_macs"] for c in counts]) / 1e6
        blocks = [int(c["blocks"]) for c in counts]
        yield (
            f"| {title} | {len(networks)} | {macs.min():.1f}M to {macs.max():.1f}M | {taus['log_macs']:+.2f} "
            f"| {min(blocks)} to {max(blocks)} | {taus['blocks']:+.2f} |"
        )


def _accuracy(run: Mapping[str, Any]) -> float:
    return float(run["test"] if "test" in run else run["epochs"][-1][0])


def _filed(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return found


def main() -> None:
    """Run what is missing, seed by seed, and file everything."""
    state = Path(sys.argv[1]) if len(sys.argv) > 1 else STATE
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else SEEDS
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    found: dict[str, list[float]] = json.loads(state.read_text()) if state.exists() else {}
    with torch_threads(1):
        for seed in range(FIRST_SEED, FIRST_SEED + seeds):
            for group in GROUPS:
                for kind in KINDS:
                    if key(group, kind, seed) not in found:
                        found[key(group, kind, seed)] = regret(group, kind, seed)
                        kept(state, found)
    file_result(
        "sampler_rising_counts",
        command="python -m tests.benchmarks.rising_counts",
        seed=f"{FIRST_SEED} on",
        lines=[
            "Mean regret in points of searches that have all exact counts as evidence, by the counts that "
            "values are expected to rise with. Differences of the mean over all trials are paired by seed, "
            "95 % intervals.",
            *regret_lines(found),
            *tau_lines(),
        ],
    )


if __name__ == "__main__":
    main()
