"""What views are handed of an explanation: effects, shares, rules and how well they predict, as plain data.

Accuracies are in [0, 1]. An effect is relative to the mean over networks whose factors are drawn one by one,
each as often as it occurs among the networks that fit.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

VERSION: Final = 1

Value: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of the accuracies' variance that one factor, or a pair beyond its two factors, explains.

    Attributes:
        mean: In [0, 1].
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What one factor does by itself.

    Attributes:
        factor: A parameter of the space, for example ``stage2.mixer``.
        values: Its values, ascending where they are numbers.
        means: Expected accuracy at each value, relative to the mean.
        errors: Standard deviation of each of `means`.
        macs: Typical (geometric mean) MACs of networks with each value.
        trained: Trained networks with each value, or nearer to it than to another one.
        share: Of the variance, first order.
    """

    factor: str
    values: tuple[Value, ...]
    means: tuple[float, ...]
    errors: tuple[float, ...]
    macs: tuple[float, ...]
    trained: tuple[int, ...]
    share: Share

    @property
    def numeric(self) -> bool:
        """Whether its values lie on a scale."""
        return _numeric(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class JointEffect:
    """What two factors do together: both main effects and what the pair adds.

    Attributes:
        factors: Two parameters, or two kinds of choices, for example ``kernel`` and ``dilation``, then set
            in every stage at once, or ``stage`` and a choice, then set in that stage alone.
        values: Of the first, and of the second factor.
        means: Expected accuracy relative to the mean, [first][second].
        errors: Standard deviation of each of `means`.
        macs: Typical (geometric mean) MACs, [first][second].
        share: Of the variance, second order: of what the two main effects leave; None for kinds of choices.
    """

    factors: tuple[str, str]
    values: tuple[tuple[Value, ...], tuple[Value, ...]]
    means: tuple[tuple[float, ...], ...]
    errors: tuple[tuple[float, ...], ...]
    macs: tuple[tuple[float, ...], ...]
    share: Share | None

    @property
    def name(self) -> str:
        """Both factors, as people write them."""
        return " × ".join(self.factors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The best setting of one factor within a budget.

    Attributes:
        budget: As written, several joined by ``and``.
        factor: A parameter of the space.
        value: Of the network that most is expected of; the rules of a budget together are that network.
        spread: Typical distance of the best network's value from it on a scale of numbers; None for a name or
            one of a few numbers.
        probability: That the best network has this value, in [0, 1].
        trained: Trained networks with that value.
        gain: Expected accuracy lost by a typical other value in the best network, in [-1, 1].
        warning: Why the data do not support it, in words; None where they do.
    """

    budget: str
    factor: str
    value: Value
    spread: float | None
    probability: float
    trained: int
    gain: float
    warning: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How well each network is predicted from the others (leave one out), root mean square errors.

    Attributes:
        networks: Left out one by one.
        factors: Error of the model of factors.
        macs: Error of a model that knows MACs alone.
        mean: Error of the mean of the others.
        low: Lower end of the 95 % interval of 1 - `factors` / `macs`: what the factors save.
        high: Upper end.
    """

    networks: int
    factors: float
    macs: float
    mean: float
    low: float
    high: float

    @property
    def saved(self) -> float:
        """The part of the error of MACs alone that the factors save; below 0 they add to it."""
        return 1.0 - self.factors / self.macs if self.macs > 0 else 0.0

    @property
    def verdict(self) -> str:
        """What it means for the reader, in words."""
        if self.factors >= self.mean:
            return "The factors predict no better than the mean of all networks: this explains nothing."
        if self.low > 0:
            return f"The factors predict {self.saved:.0%} better than MACs alone."
        if self.high < 0:
            return "The factors predict worse than MACs alone: read the effect of MACs, and nothing else."
        return "That the factors predict better than MACs alone cannot be told from these networks."


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why the networks of a study are as accurate as they are.

    Attributes:
        study: Its name.
        space: Name of the search space.
        budgets: As written.
        trained: Networks that it rests on.
        accuracy: Expected accuracy over the networks whose factors are drawn one by one, in [0, 1].
        comparison: Whether there is anything to explain beyond MACs.
        effects: The factor that explains most first.
        joint_effects: The pair that adds most first, then kinds of choices.
        rules: By budget; the factor that explains most first.
        rest: Share of the variance that no factor and no listed pair explains, at least 0.
    """

    study: str
    space: str
    budgets: tuple[str, ...]
    trained: int
    accuracy: float
    comparison: Comparison
    effects: tuple[Effect, ...]
    joint_effects: tuple[JointEffect, ...]
    rules: tuple[Rule, ...]
    rest: float

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version, as ``--json`` prints them."""
        told = asdict(self)
        told["comparison"] |= {"saved": self.comparison.saved, "verdict": self.comparison.verdict}
        return {"version": VERSION, **told}


def _numeric(values: tuple[Value, ...]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
