"""What views are handed: a search and its networks, finished or not, in plain frozen data."""

from dataclasses import asdict, dataclass, fields
from math import hypot
from typing import Any, Final

from search_spaces.architecture import Architecture
from search_spaces.budget import Budget

VERSION: Final = 1

_SURE: Final = 1.96  # standard errors of a 95 % interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What one epoch of a training found and when.

    Attributes:
        epoch: How many epochs were done, from 1.
        accuracy: Validation accuracy, in [0, 1].
        standard_error: Of the accuracy, in [0, 0.5]; None where it is not known.
        seconds: What it took, training and evaluation.
        ended_s: When it ended, seconds since 1970; None where it is not known.
        device_use: Share of the epoch in which its GPU computed, in [0, 1]; None without one.
    """

    epoch: int
    accuracy: float
    standard_error: float | None = None
    seconds: float = 0.0
    ended_s: float | None = None
    device_use: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """One network that a search tried.

    Attributes:
        trial: Its number in the study, from 0.
        state: `complete`, `pruned` (stopped early), `running`, `fail` or `waiting`.
        accuracy: Validation accuracy after `epochs`, in [0, 1]; None before the first epoch.
        standard_error: Of the accuracy, in [0, 0.5].
        epochs: How many epochs it was trained.
        costs: Exact costs by name, memory in bytes, of the form that is deployed.
        fits: Whether it meets every budget.
        seconds: Training and evaluation time in seconds.
        latency_ms: Target to measured milliseconds, None where nothing was measured.
        reason: Why it ended early, in words.
        architecture: What was trained.
        curve: Its epochs so far.
        excess: For each budget as written, by what share it is exceeded; 0 or less fits. Of a latency the
            latest measurement counts, made before the training or later.
        latency_bound_ms: Target to the upper bound of the latest stable measurement, which is what budgets
            are compared with; see `trials.latency.latency.Latency.bound_ms`. None where there is none.
        predicted_ms: Target to the mean and standard deviation that were predicted before measuring.
        device: Where it trains or trained, for example a GPU's name.
        retrained_accuracy: Validation accuracy after a longer training of the few best, in [0, 1].
        retrained_error: Its standard error.
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
        """Return the fields by name, the architecture as `Architecture.to_json` writes it."""
        curve = [asdict(epoch) for epoch in self.curve]
        return {**_by_name(self), "architecture": self.architecture.to_json(), "curve": curve}


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """A search so far.

    Attributes:
        study: Its name.
        storage: Database URL without its password.
        folder: Where checkpoints, weights and the log lie.
        budgets: The most that its networks may take.
        space: Name of the search space.
        data: The images.
        sampler: Who proposes.
        seed: Of every generator.
        trained: Networks trained to the end or stopped early.
        networks: Networks that were trained to the end and fit, best first, then all others.
        overhead: Share of the slots' time in which nothing trained, in the last run; None if none ran.
        interrupted: Whether the last run was told to end before it was done.
        metric: What the search raises and what `accuracy` of its networks is.
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

    @property
    def best(self) -> TrialResult | None:
        """The most accurate network that was trained to the end and fits; None if there is none."""
        first = self.networks[0] if self.networks else None
        return first if first is not None and first.state == "complete" and first.fits else None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version, as ``--json`` prints them."""
        texts = [budget.text for budget in self.budgets]
        networks = [network.to_json() for network in self.networks]
        return {"version": VERSION, **_by_name(self), "budgets": texts, "networks": networks}


def _by_name(record: TrialResult | SearchResult) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def best_first(networks: list[TrialResult]) -> tuple[TrialResult, ...]:
    """Return networks in the order in which people want them.

    Trained to the end and fitting first; of these, those that a longer training compared before the others;
    then the more accurate first; equal ones with fewer MACs first.
    """

    def rank(network: TrialResult) -> tuple[bool, bool, float, int, int]:
        delivered, longer = network.state == "complete" and network.fits, network.retrained_accuracy
        accuracy = (network.accuracy or 0.0) if longer is None else longer
        return (not delivered, longer is None, -accuracy, network.costs["macs"], network.trial)

    return tuple(sorted(networks, key=rank))


def alike(one: TrialResult, other: TrialResult) -> bool:
    """Return whether two accuracies differ by no more than chance explains, 95 %."""
    spread = hypot(one.standard_error or 0.0, other.standard_error or 0.0)
    return abs((one.accuracy or 0.0) - (other.accuracy or 0.0)) <= _SURE * spread
