"""Compares how supernets, counts and trainings rank NAS-Bench-Macro, as data and as Markdown."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.macro_halves import Rows, judged_networks
from tests.benchmarks.macro_table import MacroTable
from tests.benchmarks.rank_agreement import Agreement, agreement, fitted, kendall

Floats = NDArray[np.float64]
Readings = Mapping[str, Mapping[str, float]]
"""Accuracy and loss by the string of a network."""

COUNTS: Final = ("layers", "MACs", "params")
BOTH: Final = "layers and supernet"


def counts_of(table: MacroTable, rows: Rows) -> dict[str, Floats]:
    """Return what is known without training: layers that are not left out, log MACs and log params."""
    return {
        "layers": table.layers[rows].astype(float),
        "MACs": np.log(table.macs[rows]),
        "params": np.log(table.params[rows]),
    }


def values_of(table: MacroTable, rows: Rows, readings: Readings, kind: str) -> Floats:
    """Return the reading of each network, larger being better; `kind` is accuracy or loss."""
    sign = -1.0 if kind == "loss" else 1.0
    return sign * np.array([readings[table.names[row]][kind] for row in rows])


def additive_part(table: MacroTable, rows: Rows, readings: Readings, kind: str) -> Floats:
    """Return the readings without what is not a sum over layers, from all networks that were read."""
    read = np.array([row for row, name in enumerate(table.names) if name in readings], dtype=np.int64)
    combination = fitted(_forms(table, read), values_of(table, read, readings, kind))
    return combination.of(_forms(table, rows))


def _forms(table: MacroTable, rows: Rows) -> Floats:
    """Return which form each layer has, [n, 16]."""
    return np.array([[digit == form for digit in table.names[row] for form in "12"] for row in rows], float)


def known(table: MacroTable, rows: Rows, supernets: Sequence[Readings]) -> Rows:
    """Return the rows that all supernets have read."""
    return np.array(
        [row for row in rows if all(table.names[row] in one for one in supernets)], dtype=np.int64
    )


def chosen_reading(table: MacroTable, supernets: Sequence[Readings]) -> str:
    """Return whether accuracy or loss ranks better in the band of the half that is for choosing."""
    truth = table.accuracy.mean(axis=1)
    rows = known(table, judged_networks(table)["choose"]["in band"], supernets)
    taus = {
        kind: sum(kendall(values_of(table, rows, one, kind), truth[rows]) for one in supernets)
        for kind in ("accuracy", "loss")
    }
    return max(taus, key=lambda kind: taus[kind])


def compared(
    table: MacroTable, supernets: Sequence[Readings], kind: str, where: str, draws: int
) -> tuple[Agreement, dict[str, Any]]:
    """Return the ranking by each source over judged networks, and figures beside it.

    Args:
        table: The table.
        supernets: Readings of each training seed.
        kind: Reading that is used, accuracy or loss.
        where: ``overall`` or ``in band``.
        draws: Number of bootstrap draws.
    """
    picks = judged_networks(table)
    choose, judge = (known(table, picks[half][where], supernets) for half in ("choose", "judge"))
    truth = table.accuracy.mean(axis=1)
    sources: dict[str, tuple[Floats, Floats]] = {}
    before, counts = counts_of(table, choose), counts_of(table, judge)

    def learnt(parts: Sequence[tuple[Floats, Floats]]) -> tuple[Floats, Floats]:
        first, second = (np.stack(columns, axis=1) for columns in zip(*parts, strict=True))
        combination = fitted(first, truth[choose])
        return combination.of(first), combination.of(second)

    for name in COUNTS:
        sources[name] = (before[name], counts[name])
    sources["layers, MACs and params"] = learnt([sources[name] for name in COUNTS])
    for seed, one in enumerate(supernets):
        read = [values_of(table, rows, one, kind) for rows in (choose, judge)]
        sources[f"supernet, seed {seed}"] = (read[0], read[1])
        added = [additive_part(table, rows, one, kind) for rows in (choose, judge)]
        sources[f"sum over layers of supernet, seed {seed}"] = (added[0], added[1])
    seeds = [f"supernet, seed {seed}" for seed in range(len(supernets))]
    for seed, name in enumerate(seeds):
        sources[f"{BOTH}, seed {seed}"] = learnt([sources["layers"], sources[name]])
    for seed, name in enumerate(seeds):
        sources[f"layers, MACs, params and supernet, seed {seed}"] = learnt(
            [*(sources[count] for count in COUNTS), sources[name]]
        )
    found = agreement(truth[judge], {name: values for name, (_, values) in sources.items()}, draws=draws)
    beside = {
        "networks": len(judge),
        "fitted on": len(choose),
        "two trainings": float(
            np.mean([kendall(a, b) for a, b in itertools.combinations(table.accuracy[judge].T, 2)])
        ),
        "two supernets": [kendall(sources[a][1], sources[b][1]) for a, b in itertools.combinations(seeds, 2)],
    }
    return found, beside


def result_of(
    table: MacroTable, supernets: Sequence[Readings], control: Readings | None, draws: int = 2_000
) -> dict[str, Any]:
    """Return all figures as plain data.

    Args:
        table: The table.
        supernets: Readings of each training seed.
        control: Readings of a supernet that was trained on shuffled labels.
        draws: Number of bootstrap draws.
    """
    kind = chosen_reading(table, supernets)
    result: dict[str, Any] = {"reading": kind}
    for where in ("overall", "in band"):
        found, beside = compared(table, supernets, kind, where, draws)
        taus = {name: [found.tau[name], *found.interval(name)] for name in found.tau}
        more = {
            name: found.difference(name, "layers")
            for name in found.tau
            if "supernet" in name or name == "layers, MACs and params"
        }
        result[where] = {**beside, "tau": taus, "more than layers": more}
        if control:
            rows = known(table, judged_networks(table)["judge"][where], [control])
            truth = table.accuracy.mean(axis=1)[rows]
            one = agreement(
                truth, {k: values_of(table, rows, control, k) for k in ("accuracy", "loss")}, draws=draws
            )
            result[where]["shuffled labels"] = {k: [one.tau[k], *one.interval(k)] for k in one.tau}
    return result


def lines_of(result: Mapping[str, Any]) -> list[str]:
    """Return the figures as Markdown."""
    overall, band = result["overall"], result["in band"]
    lines = [
        f"Kendall's tau-b with the mean test accuracy of the table's three trainings, on the half of the "
        f"networks that nothing was chosen on: {overall['networks']} of all, {band['networks']} at 45 to 50M "
        f"MACs, with 95 % intervals (bootstrap over networks). Combinations are linear in ranks, fitted "
        f"on {overall['fitted on']} and {band['fitted on']} networks of the other half. The reading of a "
        f"supernet is its {result['reading']} on 5,000 images of the training split that it was not trained "
        f"on.",
        "",
        "| ranked by | overall | at 45 to 50M MACs | more than layers, at 45 to 50M MACs |",
        "| --- | --- | --- | --- |",
    ]
    for name in overall["tau"]:
        more = band["more than layers"].get(name)
        cells = [
            _written(overall["tau"][name]),
            _written(band["tau"][name]),
            _written(more, "+") if more else "",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines.append(f"| a second training | {overall['two trainings']:.3f} | {band['two trainings']:.3f} | |")
    for kind in ("accuracy", "loss"):
        if "shuffled labels" in band:
            cells = [_written(part["shuffled labels"][kind]) for part in (overall, band)]
            lines.append(f"| {kind} of a supernet on shuffled labels | {' | '.join(cells)} | |")
    agree = [", ".join(f"{tau:.3f}" for tau in part["two supernets"]) for part in (overall, band)]
    return [*lines, "", f"Two supernets agree at {agree[0]} overall and {agree[1]} at 45 to 50M MACs."]


def explored_lines(plan: Mapping[str, Any]) -> list[str]:
    """Return which schedules were tried on the half for choosing, as Markdown."""
    lines = [
        f"Schedules were tried with {plan['explored images']:,} images through networks each, one seed, and "
        f"compared on the other half; '{plan['schedule']}' was taken, with {plan['images']:,} images.",
        "",
        "| schedule | overall, by accuracy | by loss | at 45 to 50M MACs, by accuracy | by loss |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, taus in plan["taus"].items():
        cells = [
            f"{taus[where][kind]:.3f}" for where in ("overall", "in band") for kind in ("accuracy", "loss")
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def cost_lines(run: Mapping[str, Any], precision: str, speed: Mapping[str, float] | None) -> list[str]:
    """Return in words what the trainings and the readings took where they ran, and what on this machine.

    Args:
        run: Costs, device and readings of one supernet.
        precision: Precision of its training.
        speed: Figures of ``speed`` on this machine; None where they were not measured.
    """
    seconds = np.median([one["seconds"] for one in run["readings"].values()])
    training = run["training"]
    minutes = training["seconds"] / 60
    lines = [
        f"A training took {training['images']:,} images through networks: {minutes:.1f} minutes on "
        f"{run['device']}, where three ran at once, in {precision}; a reading, 7,000 images through one "
        f"network, {seconds:.2f} s, where nine read at once."
    ]
    if speed is not None:
        rate, threads = speed["images a second"], speed["threads"]
        lines.append(
            f"On the machine below and {threads} threads a training takes {rate:.0f} images a second, so "
            f"{training['images'] / rate / 3600:.1f} hours, and a reading {speed['seconds a reading']:.1f} s."
        )
    return lines


def _written(found: Sequence[float], sign: str = "") -> str:
    mean, low, high = found
    return f"{mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"
