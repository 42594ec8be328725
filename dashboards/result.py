"""Data classes of results: `SearchResult`, its networks as `TrialResult`, their epochs and scores."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final

from dashboards.comparison import Comparison
from dashboards.metric_names import metric_name
from dashboards.search_state import SearchState
from dashboards.supernet_state import SupernetState
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget

VERSION: Final = 2
"""Format of `SearchResult.to_json`; in format 1 an architecture was JSON in a text."""

BY_POSTERIOR: Final = "expected value after the search"
"""What a network's place rests on where the study stores expected values, see `TrialResult.ranked_by`."""

SEEN: Final = "validation, seen"
"""Split of a figure on validation images that the weights learnt from."""

_NOT_STORED_BEFORE: Final = frozenset(
    {
        *("posterior_mean", "posterior_sd", "ranked_by", "retrained_by", "name", "training_seed"),
        *("fp32_accuracy", "int8_drop"),
    }
)


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
class Score:
    """One figure of a network: which weights reached it, on which images, in which metric.

    Attributes:
        weights: ``search`` for the weights of its trial, ``retrained`` for those of a longer training.
        recipe: Name of the recipe that trained these weights.
        epochs: Epochs of that training.
        learnt_from: ``training`` or ``training and validation``: the images that the weights learnt from.
        split: Images of the figure: ``validation``, ``test``, or ``validation, seen`` where the weights
            learnt from them, so that the figure says nothing of other images.
        metric: ``accuracy``, ``balanced_accuracy`` or ``macro_f1``.
        value: The figure, in [0, 1].
        standard_error: Its standard error; None if unknown.
        started_from: What these weights were before that training, in words; None for random ones.
        form: ``int8`` for a figure of quantised weights; None for weights as trained.
    """

    weights: str
    recipe: str
    epochs: int
    learnt_from: str
    split: str
    metric: str
    value: float
    standard_error: float | None
    started_from: str | None = None
    form: str | None = None

    @property
    def weights_name(self) -> str:
        """The weights in words, different for different weights of a network."""
        form = "" if self.form is None else f" in {self.form}"
        if self.weights == "search":
            return f"weights of the search{form}"
        start = "" if self.started_from is None else f" from {self.started_from}"
        return f"weights retrained by {self.recipe}{start} on {self.learnt_from} images{form}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """Network that a search tried, with its accuracy, costs and learning curve.

    Attributes:
        trial: Number of the trial in the study, from 0.
        state: `complete`, `pruned` (stopped early), `running`, `fail` or `waiting`.
        accuracy: Metric of the search on validation images after `epochs`, in [0, 1]; None before the first
            epoch.
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
        retrained_accuracy: Metric of the search on validation images after a longer training, in [0, 1], of
            the int8 form where that was evaluated; None if that training did not reach its end.
        retrained_error: Standard error of the retrained accuracy.
        retrained_by: Name of the recipe of that training and a digest of its settings; only networks of the
            same are compared by it.
        posterior_mean: Expected value of the metric with unlimited images like the validation images, given
            all networks of the search; None if it is not stored.
        posterior_sd: Its standard deviation.
        ranked_by: What its place among the networks rests on, in words; None for the value itself.
        scores: Figures of all its weights.
        name: What a comparison calls it; None for a network of a search.
        training_seed: Which of the seeds of a comparison trained it; None for a network of a search.
        fp32_accuracy: Metric of the search before quantisation, where `accuracy` is that of the int8 form.
        int8_drop: By how much `accuracy` is below it; None where the int8 form was not evaluated.
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
    retrained_by: str | None = None
    posterior_mean: float | None = None
    posterior_sd: float | None = None
    ranked_by: str | None = None
    scores: tuple[Score, ...] = ()
    name: str | None = None
    training_seed: int | None = None
    fp32_accuracy: float | None = None
    int8_drop: float | None = None

    @property
    def merit(self) -> float:
        """Value by which networks of one search are compared: the expected one, or else the value itself."""
        return (self.accuracy or 0.0) if self.posterior_mean is None else self.posterior_mean

    @property
    def merit_error(self) -> float | None:
        """Standard deviation or standard error of `merit`; None if unknown."""
        return self.standard_error if self.posterior_mean is None else self.posterior_sd

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, the architecture as the object that `Architecture.from_json` takes.

        Posterior and `ranked_by` are absent where the study does not store them.
        """
        fields = {k: v for k, v in _by_name(self).items() if v is not None or k not in _NOT_STORED_BEFORE}
        architecture, curve = json.loads(self.architecture.to_json()), tuple(map(asdict, self.curve))
        scores = tuple({k: v for k, v in asdict(s).items() if (k, v) != ("form", None)} for s in self.scores)
        return {**fields, "architecture": architecture, "curve": curve, "scores": scores}


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
        test_reads: How many weights were evaluated on the test images of this study.
        state: Whether the search runs; None if nothing tells.
        supernet: How far its supernet is and what it is worth; None without one.
        comparisons: What its networks were compared with by nas compare, where that was read too.
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
    test_reads: int = 0
    state: SearchState | None = None
    supernet: SupernetState | None = None
    comparisons: tuple[Comparison, ...] = ()

    @property
    def metric_name(self) -> str:
        """The metric in words, for headings and axes."""
        return metric_name(self.metric)

    @property
    def quantised(self) -> bool:
        """Whether networks were valued in their int8 form."""
        return any(one.int8_drop is not None for one in self.networks)

    @property
    def value_name(self) -> str:
        """The metric in words, with the form of the networks that it is of where that is not fp32."""
        return f"{self.metric_name} in int8" if self.quantised else self.metric_name

    @property
    def best(self) -> TrialResult | None:
        """The best network that was trained to the end and fits, see `best_first`; None if there is none."""
        first = self.networks[0] if self.networks else None
        return first if first is not None and first.state == "complete" and first.fits else None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version, as ``--json`` prints them."""
        texts = {name: tuple(b.text for b in getattr(self, name)) for name in ("budgets", "fits")}
        networks = tuple(network.to_json() for network in self.networks)
        state = None if self.state is None else self.state.to_json()
        shown = {**_by_name(self), **texts, "networks": networks, "state": state}
        shown = {name: value for name, value in shown.items() if name not in {"supernet", "comparisons"}}
        if self.supernet is not None:  # absent where there is none, as in earlier versions
            shown["supernet"] = self.supernet.to_json()
        if self.comparisons:
            shown["comparisons"] = [one.to_json() for one in self.comparisons]
        return {"version": VERSION, **shown}


def _by_name(record: TrialResult | SearchResult) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(record)}


def capitalised(text: str) -> str:
    """Return a text that begins with a capital letter, its other letters unchanged."""
    return text[:1].upper() + text[1:]


def retrained_scores(network: TrialResult) -> list[Score]:
    """Return the figures of retrained weights on validation images, from which they did not learn."""
    return [s for s in network.scores if (s.weights, s.split) == ("retrained", "validation")]


def best_first(networks: Sequence[TrialResult]) -> tuple[TrialResult, ...]:
    """Return networks sorted best first.

    Networks that were trained to the end and fit come before all others. They are compared by their expected
    values after the search (`TrialResult.merit`), equal ones by their MACs. Networks that were retrained by
    the same recipe then share out the places that they hold among themselves, by their values after
    retraining, those that did not reach its end last: so values of different weights are never compared, and
    a network found later can come first.
    """
    ordered = sorted(
        (replace(n, ranked_by=None if n.posterior_mean is None else BY_POSTERIOR) for n in networks),
        key=lambda n: (not _usable(n), -n.merit, n.costs["macs"], n.trial),
    )
    for recipe in dict.fromkeys(n.retrained_by for n in ordered if _usable(n) and n.retrained_by):
        places = [i for i, n in enumerate(ordered) if _usable(n) and n.retrained_by == recipe]
        if len(places) > 1:
            compared = sorted((ordered[i] for i in places), key=lambda n: -(n.retrained_accuracy or 0.0))
            for place, network in zip(places, compared, strict=True):
                ordered[place] = replace(network, ranked_by=f"retrained by {recipe.rpartition('-')[0]}")
    return tuple(ordered)


def _usable(network: TrialResult) -> bool:
    return network.state == "complete" and network.fits
