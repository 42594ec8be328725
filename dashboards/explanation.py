"""Data classes of an explanation: factor effects, variance shares, rules, and how well they predict.

Accuracies are in [0, 1]. An effect is relative to the mean over networks whose factors are drawn
independently, each value as often as it occurs among the networks that fit.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final, TypeAlias

from dashboards.expectation import Expectations
from search_spaces.budget import unconsidered

VERSION: Final = 1
NOT_SHOWN: Final = (
    "Effects and best settings are not shown, because they would be noise. Train more networks or for longer."
)

_CAUTION: Final = 1.5  # factor from which wider errors are worth a sentence

Value: TypeAlias = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Share of the accuracies' variance that a factor explains, or a pair beyond its two main effects.

    Attributes:
        mean: Expected share, in [0, 1].
        low: Lower end of the 95 % interval, in [0, 1].
        high: Upper end of the 95 % interval, in [0, 1].
        identified: Whether the trained networks tell it at all: the interval is not wider than half.
    """

    mean: float
    low: float
    high: float
    identified: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """Main effect of one factor.

    Attributes:
        factor: A parameter of the space, for example ``stage2.mixer``.
        values: Its values, ascending where they are numbers.
        means: Expected accuracy at each value, relative to the mean.
        errors: Standard deviation of each of `means`.
        macs: Geometric mean of the MACs of networks with each value.
        trained: Number of trained networks with each value, or nearer to it than to another one; those in
            which the factor has no effect are left out.
        share: First-order share of the variance.
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
        """Whether all values are numbers."""
        return _numeric(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class JointEffect:
    """Joint effect of two factors: both main effects and their interaction.

    Attributes:
        factors: Two parameters, or two kinds of choices, for example ``kernel`` and ``dilation``, then set
            in every stage at once, or ``stage`` and a choice, then set in that stage alone.
        values: Values of the first and of the second factor.
        means: Expected accuracy relative to the mean, [first][second].
        errors: Standard deviation of each of `means`.
        macs: Geometric mean of MACs, [first][second].
        share: Second-order share of the variance, what the main effects leave; None for kinds of choices.
    """

    factors: tuple[str, str]
    values: tuple[tuple[Value, ...], tuple[Value, ...]]
    means: tuple[tuple[float, ...], ...]
    errors: tuple[tuple[float, ...], ...]
    macs: tuple[tuple[float, ...], ...]
    share: Share | None

    @property
    def name(self) -> str:
        """Both factors, joined by a multiplication sign."""
        return " × ".join(self.factors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How far the trained networks bear out a source of evidence: what was expected of them before.

    Attributes:
        source: Name of the source, for example ``blocks`` or ``study earlier``.
        of_value: Whether it claims to expect the value itself; of a count, trained networks tell the sign.
        slope: Accuracy by which networks differ for one standard deviation of what it expects, all other
            sources and factors equal.
        error: Standard deviation of `slope`; 0 of a source that is left out.
        share: Share of the variance that it explains by itself; shares of sources that agree overlap.
    """

    source: str
    of_value: bool
    slope: float
    error: float
    share: Share

    @property
    def left_out(self) -> bool:
        """Whether the search leaves the source out, because trained networks do not bear it out."""
        return self.error == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The best setting of one factor within a budget; a factor without effect in the best network has none.

    Attributes:
        budget: As written, several joined by ``and``; of counted costs alone.
        factor: A parameter of the space.
        value: Value in the network with the highest expected accuracy; a budget's rules together describe it.
        spread: Typical distance of the best network's value from `value`; None for names and for factors with
            few numbers.
        probability: Probability that the best network has this value, in [0, 1].
        trained: Number of trained networks with this value, in which it has an effect.
        gain: Expected accuracy that a typical other value would cost the best network, in [-1, 1]; None if no
            other one fits.
        warning: Why the data do not support the rule, in words; None if they do.
    """

    budget: str
    factor: str
    value: Value
    spread: float | None
    probability: float
    trained: int
    gain: float | None
    warning: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Root mean square errors when each network is predicted from the others (leave-one-out).

    Attributes:
        networks: Number of networks, each left out once.
        factors: Error of the model of factors.
        macs: Error of a model of MACs alone.
        mean: Error of predicting the mean of the others.
        low: Lower end of the 95 % interval of 1 - `factors` / `macs`, the error reduction.
        high: Upper end of the 95 % interval.
    """

    networks: int
    factors: float
    macs: float
    mean: float
    low: float
    high: float

    @property
    def saved(self) -> float:
        """Error reduction of the factors against MACs alone, as a share; negative if they predict worse."""
        return 1.0 - self.factors / self.macs if self.macs > 0 else 0.0

    @property
    def explains(self) -> bool:
        """Whether the factors predict better than the mean of the other networks."""
        return self.factors < self.mean

    @property
    def verdict(self) -> str:
        """What the errors mean, in a sentence with the difference and its interval."""
        if not self.explains:
            return (
                f"The factors predict no better than the mean of all networks (error "
                f"{100 * self.factors:.2f} points against {100 * self.mean:.2f}), so this explains nothing."
            )
        interval = f"95 % interval {self.low:+.0%} to {self.high:+.0%}"
        if self.low > 0:
            return f"The factors predict {self.saved:.0%} better than MACs alone ({interval})."
        if self.high < 0:
            return (
                f"The factors predict {-self.saved:.0%} worse than MACs alone (better by: {interval}): trust "
                "the effect of MACs only."
            )
        return (
            "These networks do not show whether the factors predict better than MACs alone: better by "
            f"{self.saved:+.0%}, {interval}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why the networks of a study are as accurate as they are.

    Attributes:
        study: Name of the study.
        space: Name of the search space.
        budgets: Budgets of the search, as written.
        trained: Number of trained networks that the explanation is based on.
        accuracy: Expected accuracy over networks whose factors are drawn independently, in [0, 1].
        comparison: How well factors predict, compared with MACs alone.
        effects: Main effects, the largest share first.
        joint_effects: Effects of pairs, the largest share first, then kinds of choices.
        rules: Best settings by budget, the factor with the largest share first.
        rest: Share of the variance that no factor and no listed pair explains, at least 0.
        familiar: Share of the networks that fit which resemble a trained one, in [0, 1]; low after a search
            that looked at a part of the space only.
        widened: Factor by which that made the errors of effects wider, at least 1.
        metric: Metric of the search, which `accuracy` and all effects are of.
        sources: Sources of evidence, the most trusted first.
        expected: Networks expected best within each budget that was asked for; None if none was.
        drops: Main effects on what quantisation to int8 takes off, in [0, 1], the largest share first; none
            where fewer than 10 networks were valued in int8.
        unconsidered: Budgets that have to be measured, as written: rules and expected networks may exceed
            them.
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
    familiar: float = 1.0
    widened: float = 1.0
    metric: str = "accuracy"
    sources: tuple[Trust, ...] = ()
    expected: Expectations | None = None
    drops: tuple[Effect, ...] = ()
    unconsidered: tuple[str, ...] = ()

    @property
    def gap(self) -> str | None:
        """Which budgets the best settings do not consider, in a sentence; None if they consider all."""
        return unconsidered(self.unconsidered) if self.unconsidered else None

    @property
    def caution(self) -> str | None:
        """What to know about where the search looked, in a sentence; None if it looked everywhere."""
        if self.widened < _CAUTION:
            return None
        return (
            f"The search looked where good networks are: only {self.familiar:.0%} of those that fit resemble "
            f"a trained one, so errors of effects are {self.widened:.1f} times wider."
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name with a format version, as ``--json`` prints them."""
        record = asdict(self)
        if not self.drops:  # absent where nothing is deployed in int8, as in earlier versions
            del record["drops"]
        record["comparison"] |= {"saved": self.comparison.saved, "verdict": self.comparison.verdict}
        record["expected"] = None if self.expected is None else self.expected.to_json()
        return {"version": VERSION, **record}


def _numeric(values: tuple[Value, ...]) -> bool:
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
