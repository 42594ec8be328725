"""Data classes of a comparison: networks trained alike, with how far the first is ahead of the others."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from dashboards.metric_names import metric_name
from dashboards.point_difference import Difference

VERSION: Final = 1
"""Format of `Comparison.to_json`."""

BETTER: Final = "better"
WORSE: Final = "worse"
AS_GOOD: Final = "as good"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What a network is worth on the images of one split.

    Attributes:
        value: Metric of the comparison, mean over seeds, in [0, 1].
        standard_error: Its standard error, from images and, where several seeds tell it, from seeds.
        values: Metric by seed.
        difference: Value of the first network less this one, with an interval that holds together with those
            of all other networks with 95 %; None for the first.
        alone: The same with an interval of 95 % for this difference alone.
        seeds: Number of seeds that the difference is from, or of the first network.
        verdict: Whether the first network is `BETTER`, `WORSE` or `AS_GOOD`, by the interval of `difference`.
    """

    value: float
    standard_error: float
    values: Mapping[int, float]
    difference: Difference | None
    alone: Difference | None
    seeds: int
    verdict: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Evaluation":
        """Return what `to_json` wrote."""
        values = {int(seed): value for seed, value in record["values"].items()}
        pairs = {k: None if record[k] is None else Difference(**record[k]) for k in ("difference", "alone")}
        return cls(**{**record, **pairs, "values": values})


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One network of a comparison.

    Attributes:
        name: What it is called.
        origin: Where it comes from, in words.
        published: Name of the published network that it is or was scaled from; None for others.
        trials: Numbers of its trainings in the study of the comparison, by seed.
        fingerprint: Fingerprint of its architecture.
        resolution: Side of its images in pixels.
        costs: Exact costs of the deployed form by name.
        fits: Whether it meets the budgets of the search as far as they can be counted or were measured; None
            without budgets.
        latency_ms: Measured latency in milliseconds by target.
        validation: What it is worth on validation images; None before its first training ended.
        test: The same on test images; None where they were not used.
        reason: Why it has not been trained, in words; None if it has.
    """

    name: str
    origin: str
    published: str | None
    trials: Mapping[int, int]
    fingerprint: str
    resolution: int
    costs: Mapping[str, int]
    fits: bool | None
    latency_ms: Mapping[str, float]
    validation: Evaluation | None
    test: Evaluation | None = None
    reason: str | None = None

    @property
    def evaluation(self) -> Evaluation | None:
        """What it is worth: on test images where these were used, else on validation images."""
        return self.test or self.validation

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Compared":
        """Return what `to_json` wrote."""
        kept = {
            k: None if record[k] is None else Evaluation.from_json(record[k]) for k in ("validation", "test")
        }
        trials = {int(seed): number for seed, number in record["trials"].items()}
        return cls(**{**record, **kept, "trials": trials})


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Networks trained by one recipe from the same seeds, evaluated on the same images.

    Attributes:
        name: Name of the study that holds their trainings.
        study: Name of the search whose network is the first; None without one.
        data: Name or path of the images.
        recipe: Name of the recipe.
        epochs: Its epochs.
        metric: Metric of all values.
        seeds: Number of seeds that were asked for.
        images: Number of validation images.
        test_images: Number of test images; None where they were not used.
        networks: The network that the others are compared with, then these, best first.
        left_out: Why published networks are missing, by name of the family.
        interrupted: Whether it was ended before all trainings had.
        form: ``int8`` where networks are valued in that form; None for fp32.
    """

    name: str
    study: str | None
    data: str
    recipe: str
    epochs: int
    metric: str
    seeds: int
    images: int
    test_images: int | None
    networks: tuple[Compared, ...]
    left_out: Mapping[str, str]
    interrupted: bool = False
    form: str | None = None

    @property
    def first(self) -> Compared:
        """The network that the others are compared with."""
        return self.networks[0]

    @property
    def others(self) -> tuple[Compared, ...]:
        """The other networks."""
        return self.networks[1:]

    @property
    def metric_name(self) -> str:
        """The metric in words."""
        return metric_name(self.metric)

    @property
    def split(self) -> str:
        """The split of `Compared.evaluation`: test, where all trained networks were tested."""
        return "validation" if self.test_images is None else "test"

    @property
    def of_weights(self) -> bool:
        """Whether the intervals hold for these weights alone, as no network has been trained twice."""
        kept = [network.evaluation for network in self.networks]
        return all(one is None or len(one.values) < 2 for one in kept)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version, as ``--json`` prints them."""
        return {"version": VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Comparison":
        """Return what `to_json` wrote."""
        plain = {name: value for name, value in record.items() if name != "version"}
        return cls(**{**plain, "networks": tuple(map(Compared.from_json, record["networks"]))})
