"""Summarises the regret of samplers over tasks with confidence intervals, as data and as a table."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from nas.tabular.replay import Runs

Results = Mapping[str, Mapping[str, Runs]]
"""Sampler name to task name to runs, as `nas.tabular.replay.compare` returns them."""


Interval = tuple[float, float | None, float | None]
"""A mean and the bounds of its 95 % interval, None where one seed gives none."""


def per_seed(runs: Mapping[str, Runs]) -> NDArray[np.float64]:
    """Return the regret of each seed after each trial, averaged over tasks, ``[seeds, trials]``."""
    return np.asarray(np.mean([task.regret for task in runs.values()], axis=0))


def interval(samples: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return mean, lower and upper bound of the 95 % interval of Student's t over ``[n]`` samples."""
    mean = float(samples.mean())
    if len(samples) < 2:
        return mean, float("nan"), float("nan")
    width = float(student.ppf(0.975, len(samples) - 1) * samples.std(ddof=1) / len(samples) ** 0.5)
    return mean, mean - width, mean + width


def summary(results: Results, ours: str, after: Sequence[int]) -> dict[str, Any]:
    """Return regrets and paired differences as plain data, for a report or a JSON file.

    Args:
        results: Results of `compare`, with the same tasks and seeds for every sampler.
        ours: Sampler that the others are compared with.
        after: Numbers of trials to report, at least 1.
    """
    report: dict[str, Any] = {"after": list(after), "samplers": {}}
    reference = per_seed(results[ours])
    for name, runs in results.items():
        regret = per_seed(runs)
        report["samplers"][name] = {
            "regret": [_plain(interval(regret[:, k - 1]), least=0.0) for k in after],
            "more_than_" + ours: [_plain(interval((regret - reference)[:, k - 1])) for k in after],
            "by_task": {
                task: [float(one.regret[:, k - 1].mean()) for k in after] for task, one in runs.items()
            },
            "over_budget": sum(one.over_budget for one in runs.values()),
            "repeated": sum(one.repeated for one in runs.values()),
            "seconds_a_proposal": float(np.mean([one.seconds for one in runs.values()])),
        }
    return report


def _plain(found: tuple[float, float, float], least: float = -math.inf) -> Interval:
    """Return a mean and its interval, which begins at `least` or above; None for an unknown bound."""
    mean, low, high = found
    return (mean, None, None) if math.isnan(low) else (mean, max(least, low), high)


def written(found: Interval, sign: str = "") -> str:
    """Return a mean with its interval where there is one, for example ``0.131 [0.040, 0.222]``."""
    mean, low, high = found
    if low is None or high is None:
        return f"{mean:{sign}.3f}"
    return f"{mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def markdown(report: Mapping[str, Any], ours: str) -> str:
    """Return a summary as a Markdown table: mean regret, and the paired differences from `ours`."""
    after = report["after"]
    head = ["sampler", *[f"after {k}" for k in after], *[f"more than {ours} @{k}" for k in after]]
    lines = ["| " + " | ".join([*head, "s a proposal"]) + " |", "| --- " * (len(head) + 1) + "|"]
    for name, row in report["samplers"].items():
        cells = [written(found) for found in row["regret"]]
        more = ["" if name == ours else written(found, sign="+") for found in row["more_than_" + ours]]
        lines.append("| " + " | ".join([name, *cells, *more, f"{row['seconds_a_proposal']:.3f}"]) + " |")
    return "\n".join(lines) + "\n"
