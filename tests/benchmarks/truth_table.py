"""Compares found, random and designed networks with intervals, as lines of Markdown."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy import stats

_CONFIDENCE: Final = 0.95
State = Mapping[str, Any]


def welch(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Return the difference of two means and half of its 95 % interval (Welch, 1947).

    Args:
        first: At least two values.
        second: At least two values.
    """
    parts = [(float(np.var(values, ddof=1)) / len(values), len(values) - 1) for values in (first, second)]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return float(np.mean(first) - np.mean(second)), 0.0
    freedom = variance**2 / sum(part**2 / free for part, free in parts)
    return float(np.mean(first) - np.mean(second)), _half_width(freedom, variance)


def paired(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Return the mean difference of pairs and half of its 95 % interval (Student).

    Args:
        first: At least two values.
        second: As many values, each of the same search seed.
    """
    differences = np.subtract(first, second)
    variance = float(np.var(differences, ddof=1)) / len(differences)
    return float(differences.mean()), _half_width(len(differences) - 1, variance)


def lines_of(state: State) -> list[str]:
    """Return what the state holds as a table, with what is still to come."""
    groups = groups_of(state)
    lines = [
        _recipe_line(state),
        "",
        "| group | network | validation | test | side | MACs | params | blocks |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_row(group, key, record) for group, records in groups.items() for key, record in records.items()),
        "",
        *_differences(groups),
        *_hours(state, groups),
        *_devices(groups),
    ]
    return [*lines, *(f"Still to come: {what}." for what in [missing(state)] if what)]


def groups_of(state: State) -> dict[str, dict[str, Any]]:
    """Return the finished trainings of each group by key; a key is ``group/network/seed``."""
    names = ("found", "random", "screened", "designed")
    return {
        name: {k: v for k, v in sorted(state.get("trainings", {}).items()) if k.startswith(f"{name}/")}
        for name in names
    }


def missing(state: State) -> str:
    """Return what has not been trained yet, in words."""
    counts = {name: len(records) for name, records in groups_of(state).items()}
    planned: Mapping[str, int] = state.get("planned", {})
    short = [
        f"{planned[n] - counts.get(n, 0)} of {planned[n]} {n}"
        for n in planned
        if counts.get(n, 0) < planned[n]
    ]
    return ", ".join(short)


def best_designed(groups: Mapping[str, Mapping[str, Any]]) -> list[float]:
    """Return test accuracies of the designed network whose mean is highest, one for each training seed."""
    by_name: dict[str, list[float]] = {}
    for key, record in groups["designed"].items():
        by_name.setdefault(key.split("/")[1], []).append(record["test"])
    return max(by_name.values(), key=lambda values: float(np.mean(values)), default=[])


def _differences(groups: Mapping[str, Mapping[str, Any]]) -> list[str]:
    tests = {
        name: {k.split("/")[1]: v["test"] for k, v in groups[name].items()} for name in ("found", "random")
    }
    both = sorted(tests["found"].keys() & tests["random"].keys())
    found, designed = list(tests["found"].values()), best_designed(groups)
    means = {"found": found, "random": list(tests["random"].values()), "the better designed": designed}
    lines = [
        "Mean test accuracy: "
        + ", ".join(
            f"{name} {np.mean(values):.1%} ({len(values)})" for name, values in means.items() if values
        )
        + "."
    ]
    if len(found) > 1 and len(designed) > 1:
        lines.append(_said("Found minus designed (the better of the best two)", *welch(found, designed)))
    if len(both) > 1:
        pairs = paired(*([tests[name][seed] for seed in both] for name in ("found", "random")))
        lines.append(_said("Found minus random, paired by search seed", *pairs))
    return [*lines, ""] if lines else []


def _hours(state: State, groups: Mapping[str, Mapping[str, Any]]) -> list[str]:
    spent = {
        name: [s["seconds"] for k, s in state.get("searches", {}).items() if k.startswith(f"{name}/")]
        for name in ("found", "random")
    }
    trained = {name: [v["seconds"] for v in records.values()] for name, records in groups.items()}
    hours = {name: (sum(spent.get(name, [])) + sum(trained[name])) / 3600 for name in groups if trained[name]}
    if not hours:
        return []
    said = ", ".join(f"{name} {value:.1f}" for name, value in hours.items())
    return [f"Hours of one core (of the GPU), the trainings of searches by the clock: {said}.", ""]


def _devices(groups: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return on which devices the groups were trained, where there are several."""
    names: dict[str, list[str]] = {}
    for name, records in groups.items():
        for device in sorted({record.get("device", "cpu") for record in records.values()}):
            names.setdefault(device, []).append(name)
    if len(names) < 2:
        return []
    said = "; ".join(f"{', '.join(of)} on {device}" for device, of in names.items())
    return [f"Trained by the same recipe: {said}.", ""]


def _recipe_line(state: State) -> str:
    searched = (
        f"CIFAR-10, at most {state['budget']}, space `{state['space']}`, {state['trials']} trials a search."
    )
    if "recipe" not in state:
        return f"{searched} The recipe of the comparison is not fixed yet."
    recipe = state["recipe"]
    return (
        f"{searched} Every network by one recipe: {recipe['epochs']} epochs of "
        f"{recipe['epoch_images'] or 'all'} images in batches of {recipe['batch_size']}, AdamW at "
        f"{recipe['learning_rate']}, which two networks of none of the groups fixed beforehand. The standard "
        "error of a test accuracy by its 10,000 images is 0.5 points."
    )


def _row(group: str, key: str, record: Mapping[str, Any]) -> str:
    network, costs = record["network"], record["costs"]
    blocks = sum(stage["depth"] for stage in network["stages"])
    name = ", seed ".join(key.split("/")[1:])
    return (
        f"| {group} | {name} | {record['validation']:.1%} | {record['test']:.1%} | {network['resolution']} "
        f"| {costs['macs'] / 1e6:.2f}M | {costs['params'] / 1e3:.0f}k | {blocks} |"
    )


def _said(what: str, difference: float, half: float) -> str:
    return f"**{what}: {100 * difference:+.1f} points ± {100 * half:.1f}** (95 % interval)."


def _half_width(freedom: float, variance: float) -> float:
    return float(stats.t.ppf(0.5 + _CONFIDENCE / 2, freedom)) * math.sqrt(variance)
