"""Data classes of results: `SearchResult`, its networks as `TrialResult`, and their epochs."""

import json
from dataclasses import asdict, dataclass, fields
from math import hypot
from typing import Any, Final

from search_spaces.architecture import Architecture
from search_spaces.budget import Budget

VERSION: Final = 2
"""Format of `SearchResult.to_json`; in format 1 an architecture was JSON in a text."""

_Z: Final = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """Result of one epoch of a training.

    Attributes:
        epoch: Number of epochs done, from 1.
        accuracy: Validation accuracy, in [0, 1].
        standard_error: Standard error of the accuracy, in [0, 0.5]; None if unknown.
        seconds: Time of training and evaluation in seconds.
        ended_s: End of the epoch in seconds since 1970; None if unknown.
        device_use: GPU utilisation during the epoch, in [0, 1]; None without a GPU.
    """

    epoch: int
    accuracy: float
    standard_error: float | None = None
    seconds: float = 0.0
    ended_s: float | None = None
    device_use: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """Network that a search tried, with its accuracy, costs and learning curve.

    Attributes:
        trial: Number of the trial in the study, from 0.
        state: `complete`, `pruned` (stopped early), `running`, `fail` or `waiting`.
        accuracy: Validation accuracy after `epochs`, in [0, 1]; None before the first epoch.
        standard_error: Standard error of the accuracy, in [0, 0.5].
        epochs: Number of epochs trained.
        costs: Exact costs of the deployed form by name, memory in bytes.
        fits: Whether it meets every budget.
        seconds: Training and evaluation time in seconds.
        latency_ms: Measured latency in milliseconds by target; None if nothing was measured.
        reason: Why training ended early or never began, in words; None otherwise.
        architecture: Architecture of the network.
        curve: Epochs so far.
        excess: Share by which each budget, as written, is exceeded; 0 or less fits. For a latency, the latest
            measurement counts.
        latency_bound_ms: Upper bound of the latest stable measurement by target, which is compared with
            budgets, see `trials.latency.latency.Latency.bound_ms`; None if there is none.
        predicted_ms: Mean and standard deviation of the predicted latency by target, before measuring.
        device: Device of the training, for example a GPU's name.
        retrained_accuracy: Validation accuracy after the longer training of the best networks, in [0, 1].
        retrained_error: Standard error of the retrained accuracy.
    """

    trial: int
    state: str
    accuracy: float | None
    standard_error: float | None
    epochs: int
    costs: dict[str, int]
    fits: bool
    seconds: float
    latency_ms: dict[str, float] | None
    reason: str | None
    architecture: Architecture
    curve: tuple[Epoch, ...] = ()
    excess: dict[str, float] | None = None
    latency_bound_ms: dict[str, float] | None = None
    predicted_ms: dict[str, tuple[float, float]] | None = None
    device: str | None = None
    retrained_accuracy: float | None = None
    retrained_error: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, the architecture as the object that `Architecture.from_json` takes."""
        architecture = json.loads(self.architecture.to_json())
        curve = tuple(asdict(epoch) for epoch in self.curve)
        return {**_by_name(self), "architecture": architecture, "curve": curve}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """Search with its networks so far.

    Attributes:
        study: Name of the study.
        storage: Database URL without its password.
        folder: Folder or URL of checkpoints, weights and the log.
        budgets: Budgets that its networks have to meet.
        space: Name of the search space.
        data: Name or path of the images.
        sampler: Name of the sampler.
        seed: Seed of every generator, at least 0.
        trained: Number of networks trained to the end or stopped early.
        networks: Networks that were trained to the end and fit, best first, then all others.
        overhead: Share of the slots' time in which nothing trained, in the last run; None if none ran.
        interrupted: Whether the last run was asked to stop before it was done.
        metric: Validation metric that the search maximises and that `accuracy` holds.
        fits: Budgets that all `networks` meet because others were left out; empty for no such filter.
        pareto: Whether `networks` holds the Pareto front alone.
    """

    study: str
    storage: str
    folder: str
    budgets: tuple[Budget, ...]
    space: str
    data: str
    sampler: str
    seed: int
    trained: int
    networks: tuple[TrialResult, ...]
    overhead: float | None = None
    interrupted: bool = False
    metric: str = "accuracy"
    fits: tuple[Budget, ...] = ()
    pareto: bool = False

    @property
    def best(self) -> TrialResult | None:
        """The most accurate network that was trained to the end and fits; None if there is none."""
        first = self.networks[0] if self.networks else None
        return first if first is not None and first.state == "complete" and first.fits else None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version, as ``--json`` prints them."""
        texts = {name: tuple(b.text for b in getattr(self, name)) for name in ("budgets", "fits")}
        networks = tuple(network.to_json() for network in self.networks)
        return {"version": VERSION, **_by_name(self), **texts, "networks": networks}


def _by_name(record: TrialResult | SearchResult) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def best_first(networks: list[TrialResult]) -> tuple[TrialResult, ...]:
    """Return networks sorted best first.

    Networks that were trained to the end and fit come before all others; of these, networks with a longer
    training come first; then the more accurate ones; then those with fewer MACs.
    """

    def rank(network: TrialResult) -> tuple[bool, bool, float, int, int]:
        usable, longer = network.state == "complete" and network.fits, network.retrained_accuracy
        accuracy = (network.accuracy or 0.0) if longer is None else longer
        return (not usable, longer is None, -accuracy, network.costs["macs"], network.trial)

    return tuple(sorted(networks, key=rank))


def alike(one: TrialResult, other: TrialResult) -> bool:
    """Return whether two accuracies do not differ significantly, at the 95 % level."""
    error = hypot(one.standard_error or 0.0, other.standard_error or 0.0)
    return abs((one.accuracy or 0.0) - (other.accuracy or 0.0)) <= _Z * error
