"""Summarises the regret of samplers over tasks with confidence intervals, as data and as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from nas.tabular.replay import Runs

Results = Mapping[str, Mapping[str, Runs]]
"""Sampler name to task name to runs, as `nas.tabular.replay.compare` returns them."""


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
            "regret": [interval(regret[:, k - 1]) for k in after],
            "more_than_" + ours: [interval((regret - reference)[:, k - 1]) for k in after],
            "by_task": {
                task: [float(one.regret[:, k - 1].mean()) for k in after] for task, one in runs.items()
            },
            "over_budget": sum(one.over_budget for one in runs.values()),
            "repeated": sum(one.repeated for one in runs.values()),
            "seconds_a_proposal": float(np.mean([one.seconds for one in runs.values()])),
        }
    return report


def markdown(report: Mapping[str, Any], ours: str) -> str:
    """Return a summary as a Markdown table: mean regret, and the paired differences from `ours`."""
    after = report["after"]
    head = ["sampler", *[f"after {k}" for k in after], *[f"more than {ours} @{k}" for k in after]]
    lines = ["| " + " | ".join([*head, "s a proposal"]) + " |", "| --- " * (len(head) + 1) + "|"]
    for name, row in report["samplers"].items():
        cells = [f"{mean:.3f} [{low:.3f}, {high:.3f}]" for mean, low, high in row["regret"]]
        more = [
            "" if name == ours else f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"
            for mean, low, high in row["more_than_" + ours]
        ]
        lines.append("| " + " | ".join([name, *cells, *more, f"{row['seconds_a_proposal']:.3f}"]) + " |")
    return "\n".join(lines) + "\n"
