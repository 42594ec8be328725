"""How well do training-free scores and exact counts rank the networks of NAS-Bench-Macro?

Run: ``python -m tests.benchmarks.score_correlations STATE.jsonl [--seeds 3] [--images CIFAR10]``. Each scored
network is a line of the file, so that it goes on where it stopped; what there is is filed in results/.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau

from search_spaces.graph_counts import graph_counts
from tests.benchmarks.filing import file_result
from tests.benchmarks.macro_table import TABLE, MacroTable, architecture_of, macro_space, read_table
from tests.benchmarks.rank_agreement import weighted_taus
from trials.datasets import open_images
from trials.scores import SCORES
from trials.scoring import ScoringImages, score_architecture

CIFAR10: Final = Path(__file__).parents[3] / "shared/data/cifar10"
BANDS: Final = {  # millions of MACs, and the least number of networks scored in it
    "all": (0, 1000, 300),
    "45-50M": (45, 50, 200),
    "<=30M": (0, 30, 60),
    "30-50M": (30, 50, 60),
    "50-60M": (50, 60, 60),
    "60-80M": (60, 80, 60),
    ">80M": (80, 1000, 60),
}
SEVERAL_SEEDS: Final = {"all": 40, "45-50M": 40}
"""Networks of a band that are scored with further seeds of the weights."""
LOGS: Final = ("log_macs", "log_params", "log_activations")
FEW: Final = (5, 10, 20, 50)
REPEATS: Final = 200
DRAWS: Final = 2_000  # bootstrap samples
FOLDS: Final = 10

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


def rows_of(table: MacroTable, band: str) -> Rows:
    """Return the networks of a band, uniform over its rows: those of the whole sample, then further ones."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(table.names))
    low, high, count = BANDS[band]
    sample = order[: BANDS["all"][2]]
    inside = (table.macs > low * 1e6) & (table.macs <= high * 1e6)
    there, further = sample[inside[sample]], order[len(sample) :]
    return np.concatenate([there, further[inside[further]][: max(0, count - len(there))]])


def score_all(table: MacroTable, state: Path, images: ScoringImages, seeds: int) -> None:
    """Score the networks of every band that the state does not hold, then some of them with further seeds."""
    done = {(line["name"], line["seed"]) for line in _lines(state)}
    wanted = [(int(row), 0) for band in BANDS for row in rows_of(table, band)]
    wanted += [
        (int(row), seed)
        for seed in range(1, seeds)
        for band, count in SEVERAL_SEEDS.items()
        for row in rows_of(table, band)[:count]
    ]
    with state.open("a", encoding="utf-8") as file:
        for row, seed in dict.fromkeys(wanted):
            name = table.names[row]
            if (name, seed) not in done:
                file.write(json.dumps(_scored(name, seed, images)) + "\n")
                file.flush()


def _scored(name: str, seed: int, images: ScoringImages) -> dict[str, Any]:
    line: dict[str, Any] = {"name": name, "seed": seed, "seconds": {}}
    for score in SCORES:
        began = time.process_time()
        line |= score_architecture(architecture_of(name), images, names=[score], seed=seed)
        line["seconds"][score] = time.process_time() - began
    return line


def _lines(state: Path) -> Iterator[dict[str, Any]]:
    if state.exists():
        yield from map(json.loads, state.read_text(encoding="utf-8").splitlines())


class Band:
    """Accuracies, counts and scores of the networks of one band that were scored with all of some seeds."""

    def __init__(
        self, table: MacroTable, state: Path, band: str, seeds: int = 1, most: int | None = None
    ) -> None:
        found = {(line["name"], line["seed"]): line for line in _lines(state)}
        rows = [
            row
            for row in rows_of(table, band)[:most]
            if all((table.names[row], seed) in found for seed in range(seeds))
        ]
        names = [table.names[row] for row in rows]
        self.accuracy: Floats = table.accuracy[rows].mean(axis=1)
        space = macro_space()
        codes = space.codes.of([space.params(architecture_of(name)) for name in names])
        self.counts = {
            name: np.asarray(column, np.float64)
            for name, column in graph_counts(space, codes, num_classes=10).items()
            if np.ptp(column) > 0
        }
        self.scores: dict[str, Floats] = {
            score: np.array([[found[name, seed][score] for name in names] for seed in range(seeds)])
            for score in SCORES
        }  # each [seeds, n]

    def __len__(self) -> int:
        return len(self.accuracy)


def tau(one: Floats, other: Floats) -> float:
    return float(kendalltau(one, other).statistic)


def predicted(columns: list[Floats], accuracy: Floats) -> Floats:
    """Return what a linear combination fitted on the other nine tenths expects of each network."""
    x = np.stack([*columns, np.ones_like(accuracy)], axis=1)
    x[:, :-1] = (x[:, :-1] - x[:, :-1].mean(axis=0)) / np.maximum(x[:, :-1].std(axis=0), 1e-12)
    expected = np.empty_like(accuracy)
    for fold in np.array_split(np.random.default_rng(0).permutation(len(accuracy)), FOLDS):
        rest = np.setdiff1d(np.arange(len(accuracy)), fold)
        ridge = 1e-2 * np.eye(x.shape[1])
        weights = np.linalg.solve(x[rest].T @ x[rest] + ridge, x[rest].T @ accuracy[rest])
        expected[fold] = x[fold] @ weights
    return expected


def interval(accuracy: Floats, better: Floats, worse: Floats | None = None) -> tuple[float, float, float]:
    """Return tau, or the difference of two, with its 95 % interval by a (paired) bootstrap over networks."""
    n = len(accuracy)
    rng = np.random.default_rng(0)
    drawn = np.stack([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(DRAWS)])
    weights = np.concatenate([np.ones((1, n)), drawn])  # how often each network is drawn, [draws, n]
    values = weighted_taus(weights, better, accuracy)
    if worse is not None:
        values = values - weighted_taus(weights, worse, accuracy)
    low, high = np.nanquantile(values[1:], (0.025, 0.975))
    return float(values[0]), float(low), float(high)


def alone(bands: dict[str, Band]) -> Iterator[str]:
    """Yield the table of tau of each count and score alone."""
    yield f"| | {' | '.join(f'{band} ({len(of)})' for band, of in bands.items())} |"
    yield f"| --- |{' --- |' * len(bands)}"
    whole = bands["all"]
    for name in ("log_macs", "log_params", "log_activations", "blocks", "receptive_field"):
        yield _row(name, [interval(of.accuracy, of.counts[name]) for of in bands.values()])
    for name in whole.scores:
        yield _row(
            f"**{name}**", [interval(of.accuracy, of.scores[name].mean(axis=0)) for of in bands.values()]
        )
    shuffled = [np.random.default_rng(1).permutation(len(of)).astype(np.float64) for of in bands.values()]
    yield _row("shuffled", [interval(of.accuracy, x) for of, x in zip(bands.values(), shuffled, strict=True)])


def beside(bands: dict[str, Band], *, everything: bool) -> Iterator[str]:
    """Yield the table of what each score adds to the number of blocks, or to all counts."""
    bases = [list(of.counts.values()) if everything else [of.counts["blocks"]] for of in bands.values()]
    expected = [
        predicted(base, of.accuracy) if everything else base[0]
        for base, of in zip(bases, bands.values(), strict=True)
    ]
    yield f"| | {' | '.join(bands)} |"
    yield f"| --- |{' --- |' * len(bands)}"
    yield _row(
        "all counts" if everything else "blocks",
        [interval(of.accuracy, x) for of, x in zip(bands.values(), expected, strict=True)],
    )
    for name in [*bands["all"].scores, "all scores", *(() if everything else LOGS)]:
        gains = [
            interval(of.accuracy, predicted([*base, *_columns(of, name)], of.accuracy), known)
            for of, base, known in zip(bands.values(), bases, expected, strict=True)
        ]
        yield _row(f"+ {name}", gains, signed=True)


def from_few(of: Band) -> Iterator[str]:
    """Yield the table of how combinations rank that are fitted on the few networks a search has trained."""
    counts = list(of.counts.values())
    blocks, activations = of.counts["blocks"], of.counts["log_activations"]
    sources = {
        "blocks": [blocks],
        "log_activations": [activations],
        "blocks, log_activations": [blocks, activations],
        "all counts": counts,
        **{f"blocks, {name}": [blocks, values[0]] for name, values in of.scores.items()},
        "all counts, all scores": [*counts, *(values[0] for values in of.scores.values())],
    }
    yield f"| | {' | '.join(f'{few} trained' for few in FEW)} |"
    yield f"| --- |{' --- |' * len(FEW)}"
    for name, columns in sources.items():
        cells = []
        for few in FEW:
            taus = [_from(columns, of.accuracy, few, seed) for seed in range(REPEATS)]
            low, high = np.nanquantile(taus, (0.1, 0.9))
            cells.append(f"{float(np.nanmean(taus)):.3f} ({float(low):.2f} to {float(high):.2f})")
        yield f"| {name} | {' | '.join(cells)} |"


def _from(columns: list[Floats], accuracy: Floats, few: int, seed: int) -> float:
    """Return tau over the others of a ridge regression on a few networks, its prior as strong as one."""
    x = np.stack(columns, axis=1)
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-12)
    order = np.random.default_rng(seed).permutation(len(accuracy))
    known, others = order[:few], order[few:]
    centred = x[known] - x[known].mean(axis=0)
    weights = np.linalg.solve(
        centred.T @ centred + np.eye(x.shape[1]), centred.T @ (accuracy[known] - accuracy[known].mean())
    )
    return tau(x[others] @ weights, accuracy[others])


def _columns(of: Band, name: str) -> list[Floats]:
    if name in of.counts:
        return [of.counts[name]]
    names = list(of.scores) if name == "all scores" else [name]
    return [of.scores[n].mean(axis=0) for n in names]


def _row(name: str, values: list[tuple[float, float, float]], *, signed: bool = False) -> str:
    form = "{:+.3f} ({:+.2f} to {:+.2f})" if signed else "{:.3f} ({:.2f} to {:.2f})"
    return f"| {name} | {' | '.join(form.format(*value) for value in values)} |"


def seeds_agree(of: Band, seconds: dict[str, float]) -> Iterator[str]:
    """Yield the table of what depends on the seed of the weights."""
    yield "| | each seed with the accuracy | mean of seeds | seed with seed | core-seconds a network |"
    yield "| --- | --- | --- | --- | --- |"
    for name, values in of.scores.items():
        each = ", ".join(f"{tau(row, of.accuracy):.3f}" for row in values)
        pairs = [tau(one, other) for i, one in enumerate(values) for other in values[:i]]
        whole = tau(values.mean(axis=0), of.accuracy)
        yield f"| {name} | {each} | {whole:.3f} | {np.mean(pairs):.3f} | {seconds[name]:.2f} |"


def report(table: MacroTable, state: Path, seeds: int, source: str) -> Iterator[str]:
    """Yield the lines that are filed."""
    bands = {band: Band(table, state, band) for band in BANDS}
    bands = {band: of for band, of in bands.items() if len(of) >= 3 * FOLDS}
    yield (
        f"Kendall's tau-b with the mean test accuracy of three trainings (50 epochs of CIFAR-10) and 95 % "
        f"intervals from {DRAWS:,} bootstrap samples of the networks. They are drawn uniformly from each "
        f"band of MACs, their number in brackets. One seed of the weights, scored on {source}."
    )
    yield from ("", *alone(bands), "")
    yield (
        "What a score adds to the number of blocks that do something: tau of a linear combination that was "
        "fitted on the other nine tenths of the networks, less tau of the blocks alone, paired. The logs "
        "show what any column adds that tells networks of equal depth apart."
    )
    yield from ("", *beside(bands, everything=False), "")
    yield "The same beside all exact counts (blocks of each layer, receptive field, the three logs)."
    yield from ("", *beside(bands, everything=True))
    yield from (
        "",
        f"Fitted on few networks of 45-50M MACs, tau over the others: mean of {REPEATS} draws, 10 % to 90 %",
        "",
    )
    yield from from_few(bands["45-50M"])
    seconds = {s: float(np.median([line["seconds"][s] for line in _lines(state)])) for s in SCORES}
    for band, count in SEVERAL_SEEDS.items():
        of = Band(table, state, band, seeds, count)
        if seeds > 1 and len(of) >= 3 * FOLDS:
            yield from ("", f"{seeds} seeds of the weights, {len(of)} networks of {band}:", "")
            yield from seeds_agree(of, seconds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("state", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=Path, default=CIFAR10)
    parser.add_argument("--noise", action="store_true")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--report-only", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    table = read_table(given.table)
    if not given.report_only:
        images = ScoringImages(classes=10, channels=3)
        if not given.noise:
            images = ScoringImages.of(open_images(str(given.images), seed=0, cache=None))
        score_all(table, given.state, images, given.seeds)
    source = "normal noise with random labels" if given.noise else "training images of CIFAR-10"
    file_result(
        "score_correlations_noise" if given.noise else "score_correlations",
        command=f"python -m tests.benchmarks.score_correlations STATE.jsonl --seeds {given.seeds}"
        f"{' --noise' if given.noise else ''}",
        seed=0,
        lines=list(report(table, given.state, given.seeds, source)),
    )


if __name__ == "__main__":
    main()
