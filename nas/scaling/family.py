"""Scales a network by a rule to a family of networks, one for each budget, as wide as the budget allows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
from numpy.typing import NDArray

from dashboards.markdown_notes import format_amount
from nas.bayesopt.scoring import inputs
from nas.explanation.evidence import Evidence, of_study
from nas.scaling.front_trend import front_of
from nas.scaling.rules import RULES, Base, Evaluator, Rule
from nas.scaling.scaled_architecture import ScalingFactors, fit_to_budget, scaled_to_build
from nas.storage.optuna_storage import existing_storage
from nas.study import trial_attributes
from nas.study.network_lookup import FoundNetwork, find_network, is_network
from nas.study.results import result_of, split_network
from nas.study.study import find
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.costs import Costs
from search_spaces.counting import count
from search_spaces.errors import ArchitectureError, BudgetError, NothingFitsError

VERSION: Final = 1

_FURTHER: Final = 20  # maximum number of halvings of the target MACs if the narrowest network does not fit


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """One network of a family.

    Attributes:
        budget: That it fits, as written.
        rule: Name of the scaling rule.
        share: Share of the budget that it uses, in (0, 1].
        factors: Factors relative to the base network; the width is the solved one, before single stages
            were widened.
        costs: Exact costs of the deployed form.
        architecture: Architecture of the network.
    """

    budget: str
    rule: str
    share: float
    factors: ScalingFactors
    costs: Costs
    architecture: Architecture

    def to_json(self) -> dict[str, Any]:
        """Return plain values with a format version."""
        names = ("width", "conv_depth", "attention_depth", "expansion")
        factors = {name: getattr(self.factors, name) for name in names}
        return {
            "version": VERSION,
            "budget": self.budget,
            "rule": self.rule,
            "share": self.share,
            "resolution": self.architecture.resolution,
            **factors,
            "costs": dict(self.costs),
            "architecture": json.loads(self.architecture.to_json()),
        }


def family(found: FoundNetwork, base: Base, budgets: Sequence[Budget], rule: str) -> list[Scaled]:
    """Return a network for each budget.

    Args:
        found: Base network with its classes and channels.
        base: Base network as rules take it.
        budgets: Budgets, each for one network.
        rule: Name of the scaling rule.

    Raises:
        BudgetError: if there is no budget, or one on latency, which cannot be counted.
        NothingFitsError: if not even the narrowest network of the rule fits.
        RuleError: if the rule is not defined for the network.
    """
    check_budgets(budgets)
    return [member_within(found, base, [budget], rule) for budget in budgets]


def check_budgets(budgets: Sequence[Budget]) -> None:
    """Raise unless networks can be scaled to each budget.

    Raises:
        BudgetError: if there is no budget, or one on latency, which cannot be counted.
    """
    if not budgets:
        raise BudgetError("No budget was given: expected at least one, for example --budget 100M-MACs.")
    for budget in budgets:
        if not budget.counted:
            raise BudgetError(
                f"Cannot scale to {budget}: expected a budget that can be counted, for example 100M-MACs. "
                f"Scale to several, and measure them with nas measure."
            )


def find_with_study(text: str, url: str) -> tuple[FoundNetwork, optuna.Study | None]:
    """Return the network that `text` names, and its study if it comes from one.

    Raises:
        UserError: if there is no such network.
    """
    found = find_network(text, url)
    if is_network(text):
        return found, None
    return found, find(existing_storage(url), split_network(found.name)[0])


def base_of(
    found: FoundNetwork,
    study: optuna.Study | None,
    evaluator: Evaluator | None = None,
) -> Base:
    """Return the base of a family, with the Pareto front and surrogate of its study.

    Args:
        found: Base network.
        study: Study of the network; None without one.
        evaluator: Evaluator of scaling factors instead of the study's surrogate; None for the surrogate.
    """
    macs = _costs(found, found.architecture).macs
    base = Base(name=found.name, architecture=found.architecture, macs=float(macs), evaluator=evaluator)
    if study is None:
        return base
    evidence = of_study(study)
    networks = _networks(study, evidence)
    return replace(
        base,
        front=front_of(evidence, networks, found.architecture, _fits(study, evidence)),
        evaluator=evaluator or _surrogate(evidence, found, networks),
    )


def write(members: Sequence[Scaled], folder: Path) -> list[Path]:
    """Write each network as architecture JSON, which every command takes as a NETWORK, and return the files.

    Args:
        members: The networks.
        folder: An existing folder.
    """
    files = [folder / f"{member.rule}-{member.budget.replace('/', '-')}.json" for member in members]
    for member, file in zip(members, files, strict=True):
        file.write_text(member.architecture.to_json() + "\n", encoding="utf-8")
    return files


def member_within(found: FoundNetwork, base: Base, budgets: Sequence[Budget], name: str) -> Scaled:
    """Return the widest network of a family that fits all of some budgets.

    Args:
        found: Base network with its classes and channels.
        base: Base network as rules take it.
        budgets: Counted budgets, at least one.
        name: Name of the scaling rule.

    Raises:
        NothingFitsError: if not even the narrowest network of the rule fits.
        RuleError: if the rule is not defined for the network.
    """
    rule: Rule = RULES[name]

    def shares(network: Architecture) -> list[float]:
        costs = _costs(found, network)
        return [1.0 + budget.excess(costs[budget.resource]) for budget in budgets]

    def share(network: Architecture) -> float:
        return max(shares(network))

    ratio, halvings = 1.0 / share(found.architecture), 0
    while True:
        factors = rule(base, ratio)
        made = fit_to_budget(base.architecture, factors, share)
        if made is not None or halvings == _FURTHER:
            break
        ratio /= 2  # even the narrowest is too large: aim at fewer MACs by the same rule
        halvings += 1
    if made is None:
        least = scaled_to_build(base.architecture, replace(factors, width=1e-3))
        over = shares(least)
        budget = budgets[over.index(max(over))]
        needs = _costs(found, least)[budget.resource] * (budget.bytes_per_element / 4)
        raise NothingFitsError(
            f"No network that the rule {name} makes of {base.name} fits {budget}: the narrowest needs "
            f"{format_amount(budget, needs)} {budget.resource}. Raise the budget "
            f"or begin with a smaller network."
        )
    network, taken, width = made
    return Scaled(
        budget=" and ".join(budget.text for budget in budgets),
        rule=name,
        share=taken,
        factors=replace(factors, width=width),
        costs=_costs(found, network),
        architecture=network,
    )


def _costs(found: FoundNetwork, network: Architecture) -> Costs:
    return count(network, num_classes=found.num_classes, in_channels=found.in_channels, deploy=True)


def _networks(study: optuna.Study, evidence: Evidence) -> list[Architecture]:
    """Return the architectures of the evidence's networks, in the order of its `last`."""
    trials = study.get_trials(deepcopy=False)
    architectures = {
        t.number: t.user_attrs[trial_attributes.ARCHITECTURE] for t in trials if trial_attributes.described(t)
    }
    return [Architecture.from_json(architectures[int(n)]) for n in evidence.trials[evidence.last]]


def _fits(study: optuna.Study, evidence: Evidence) -> NDArray[np.bool_]:
    """Return whether each network of the evidence's `last` fits by its latest measurement."""
    fitting = {n.trial for n in result_of(study).networks if n.fits}
    return np.array([int(n) in fitting for n in evidence.trials[evidence.last]])


def _surrogate(evidence: Evidence, found: FoundNetwork, networks: Sequence[Architecture]) -> Evaluator:
    """Return the evaluator that predicts the most similar network of the space by the surrogate."""
    posterior = evidence.fitted()
    grid = evidence.region.grid
    rows = evidence.rows[evidence.last]
    equal = [network == found.architecture for network in networks]
    if not any(equal):
        raise ArchitectureError(
            f"The study '{evidence.study}' did not train {found.name}: expected one of its networks."
        )
    here = grid.decode(rows[[equal.index(True)]])[0]

    def evaluate(candidates: Sequence[ScalingFactors]) -> list[float]:
        points = [_nearest(evidence, here, factors) for factors in candidates]
        wanted = evidence.canonical(grid.encode(points))
        return [float(mean) for mean in posterior.predict(inputs(evidence.region, wanted))[0]]

    return evaluate


def _nearest(evidence: Evidence, here: dict[str, Any], factors: ScalingFactors) -> dict[str, Any]:
    """Return the point of the space nearest to `here` times the scaling factors."""
    point = dict(here)
    for column in evidence.region.grid.columns:
        axis = column.name.rpartition(".")[2]
        factor = getattr(factors, axis, None) if axis in ScalingFactors.__slots__ else None
        if factor is None or not column.ordered or not column.levels:
            continue
        values = column.values(np.arange(column.levels, dtype=np.float64))
        wanted = np.log(float(here[column.name]) * factor)
        point[column.name] = min(values, key=lambda v: abs(np.log(float(v)) - wanted))
    return point
