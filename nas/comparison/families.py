"""Finds the published networks to compare with: a member of each family, scaled into budgets."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nas.comparison.entrant import Entrant
from nas.scaling.family import Scaled, base_of, member_within
from nas.scaling.rules import RuleError
from nas.study.network_lookup import FoundNetwork
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.counting import count
from search_spaces.errors import NothingFitsError
from search_spaces.published import reference, references

_ATTEMPTS: Final = 6  # networks of a family that are measured until one meets a latency
_CLOSE: Final = 0.9  # share of a latency budget that is enough
_MARGIN: Final = 0.97  # of the MACs that would just meet a latency if it grew with them

TimedExcess = Callable[[Architecture], float]
"""Measures by what share a network exceeds the budgets on latency; 0 or less fits."""


def families() -> dict[str, list[str]]:
    """Return the names of published networks by family: ``family_variant_resolution`` without the rest."""
    found: dict[str, list[str]] = {}
    for name in references():
        found.setdefault(name.rsplit("_", 2)[0], []).append(name)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """Scales networks into the budgets of a search.

    Attributes:
        budgets: The budgets; those on latency are measured.
        num_classes: Class scores of the networks.
        in_channels: Channels of the images.
        macs: MACs from which networks are scaled to a latency where no other budget says how large they are.
        rule: Scaling rule; None for the best one.
        excess: Measures latencies.
    """

    budgets: tuple[Budget, ...]
    num_classes: int
    in_channels: int
    macs: int
    rule: str | None
    excess: TimedExcess

    def family(self, family: str) -> Entrant:
        """Return the member of a published family that is nearest to the budgets, scaled into them.

        Raises:
            NothingFitsError: if no member fits, however it is scaled.
        """
        error: NothingFitsError | None = None
        for name in sorted(families()[family], key=self._distance):
            try:
                return self.scaled(name, reference(name), published=name, called=family)
            except NothingFitsError as misfit:
                error = error or misfit
        assert error is not None
        raise error

    def fits(self, network: Architecture) -> bool:
        """Return whether a network meets every budget."""
        if self._counted and max(self._shares(network, self._counted)) > 1:
            return False
        return len(self._counted) == len(self.budgets) or self.excess(network) <= 0

    def scaled(self, name: str, network: Architecture, *, published: str | None, called: str) -> Entrant:
        """Return a network scaled into the budgets.

        Args:
            name: Its name.
            network: Its architecture.
            published: Name of the published network that it is; None for another one.
            called: What the scaled network is called.

        Raises:
            NothingFitsError: if none that a rule makes of it fits.
        """
        found = FoundNetwork(
            name=name, architecture=network, num_classes=self.num_classes, in_channels=self.in_channels
        )
        made = self._within(found)
        to = " and ".join(map(str, self.budgets))
        return Entrant(
            name=called,
            origin=f"{name} scaled to {to} by {made.rule}",
            architecture=made.architecture,
            published=published,
            weights=published,
        )

    @property
    def _counted(self) -> list[Budget]:
        return [budget for budget in self.budgets if budget.counted]

    def _shares(self, network: Architecture, budgets: Sequence[Budget]) -> list[float]:
        costs = count(network, num_classes=self.num_classes, in_channels=self.in_channels, deploy=True)
        return [1.0 + b.excess(costs[b.resource]) for b in budgets] or [costs.macs / self.macs]

    def _distance(self, name: str) -> tuple[float, str]:
        """Return how far a published network is from the budgets, as a logarithm; the nearest is scaled."""
        return abs(math.log(max(self._shares(reference(name), self._counted)))), name

    def _within(self, found: FoundNetwork) -> Scaled:
        """Return the largest network found that meets the budgets, those on latency too."""
        if len(self._counted) == len(self.budgets):
            return self._counted_within(found, self._counted)
        free = not self._counted  # only latencies say how large it may be
        cap = [_macs(self.macs)] if free else []
        best: Scaled | None = None
        over = math.inf
        for _ in range(_ATTEMPTS):
            try:
                made = self._counted_within(found, [*self._counted, *cap])
            except NothingFitsError:
                if math.isinf(over):  # what can be counted does not fit already
                    raise
                break
            over = self.excess(made.architecture)
            if over <= 0 and (best is None or made.costs.macs > best.costs.macs):
                best = made
            if over <= 0 and (not free or over >= _CLOSE - 1):
                break
            cap = [_macs(made.costs.macs / (1 + over) * _MARGIN)]
        if best is None:
            raise NothingFitsError(
                f"No network scaled from {found.name} meets its latency: the last tried is over "
                f"it by {over:.1%}. Raise the budget."
            )
        return best

    def _counted_within(self, found: FoundNetwork, budgets: Sequence[Budget]) -> Scaled:
        """Return a network scaled by the rule that was asked for, or the best for it.

        To shrink, that is TinyNet's, which its authors found better than compound scaling for networks below
        EfficientNet-B0 (Han et al., 2020, https://arxiv.org/abs/2010.14819); to grow, compound scaling.

        Raises:
            NothingFitsError: if no network of these rules fits.
        """
        base, error = base_of(found, None), None
        for rule in ("tinynet", "compound") if self.rule is None else (self.rule,):
            try:
                return member_within(found, base, budgets, rule)
            except RuleError:
                if self.rule is not None:
                    raise
            except NothingFitsError as misfit:
                error = error or misfit
        assert error is not None
        raise error


def _macs(limit: float) -> Budget:
    return Budget.parse(f"{limit / 1e6:.6f}M-MACs")
