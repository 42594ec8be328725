"""Renders the trainings that run as a table for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dashboards.fitted_table import Column, FittedTable
from dashboards.result import Epoch, TrialResult
from nas.orchestration.progress_lines import progress_words
from search_spaces.units import format_accuracy, format_count, format_seconds
from trials.training.epoch_progress import EpochProgress

_BAR: Final = 24  # characters of a whole training


@dataclass(slots=True)
class RunningTraining:
    """A training that runs.

    Attributes:
        network: Network that is trained.
        epochs: Epochs so far, those before a crash included.
        began_s: When this attempt began, on the clock of the progress.
        within: How far the current epoch is; None between epochs.
    """

    network: TrialResult
    epochs: tuple[Epoch, ...]
    began_s: float
    within: EpochProgress | None = None

    @property
    def spent_s(self) -> float:
        """Seconds of its epochs so far, those before a crash included."""
        return sum(epoch.seconds for epoch in self.epochs)


def running_table(
    running: Sequence[RunningTraining], *, epochs: int, rungs: Sequence[int], metric: str, now_s: float
) -> FittedTable:
    """Return a row for each training.

    Args:
        running: Trainings that run.
        epochs: Epochs of a whole training.
        rungs: Epochs after which trainings are stopped early.
        metric: Metric of the search in words.
        now_s: Time on the clock of the progress.
    """
    table = FittedTable(
        [
            Column("network", left=True),
            Column("epoch", rank=1),
            Column("rung", rank=6),
            Column(metric),
            Column("MACs", rank=3),
            Column("latency", rank=5),
            Column("time", rank=4),
            Column("progress", rank=7, left=True),
            Column("this epoch", rank=2, left=True, breaks=True),
        ]
    )
    for training in running:
        last = training.epochs[-1] if training.epochs else None
        done = last.epoch if last is not None else 0
        table.add_row(
            f"#{training.network.trial}",
            f"{done}/{epochs}",
            f"{sum(rung <= done for rung in rungs)}/{len(rungs)}",
            reached(last) or "-",
            format_count(training.network.costs["macs"]),
            latencies(training.network) or "-",
            format_seconds(now_s - training.began_s),
            _bar((done + (training.within.share if training.within else 0.0)) / max(epochs, 1)),
            progress_words(training.within) if training.within else "",
        )
    return table


def reached(epoch: Epoch | None) -> str:
    """Return what was reached after an epoch with its error, nothing where there is none."""
    return "" if epoch is None else format_accuracy(epoch.accuracy, epoch.standard_error)


def latencies(network: TrialResult) -> str:
    """Return the latencies of a network, nothing where none was measured."""
    return ", ".join(f"{ms:.3g} ms" for ms in (network.latency_ms or {}).values())


def _bar(share: float) -> str:
    """Return a share in [0, 1] as a bar of characters."""
    filled = round(_BAR * min(max(share, 0.0), 1.0))
    return "━" * filled + "┄" * (_BAR - filled)
