"""Prints an explanation as terminal tables or as JSON."""

import json
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console

from dashboards.expectation_tables import expectations_table, grounds
from dashboards.explanation import NOT_SHOWN, Comparison, Effect, Explanation, JointEffect, Rule, Share, Value
from dashboards.fitted_table import Column, FittedTable
from dashboards.metric_names import metric_name
from dashboards.tables import terminal
from search_spaces.units import counted

_EFFECTS = 12
_PAIRS = 6
_SOURCES = 8


def print_explanation(explanation: Explanation, *, as_json: bool, console: Console | None = None) -> None:
    """Print an explanation: how well it predicts, effects of factors and pairs, and rules.

    Args:
        explanation: Explanation of a study.
        as_json: Whether JSON, which holds everything, is printed instead of tables.
        console: Output console; by default standard output.
    """
    console = console or terminal()
    if as_json:
        console.print(json.dumps(explanation.to_json(), indent=2), markup=False, soft_wrap=True)
        return
    compared = explanation.comparison
    console.print(
        f"{explanation.study}: {explanation.trained} trained networks of {explanation.space}",
        style="bold",
        markup=False,
        soft_wrap=True,
    )
    console.print(f"{compared.verdict} {_errors(compared)}\n", markup=False, soft_wrap=True)
    if not compared.explains:
        console.print(NOT_SHOWN, markup=False, soft_wrap=True)
        return
    if explanation.caution is not None:
        console.print(f"{explanation.caution}\n", markup=False, soft_wrap=True)
    metric = metric_name(explanation.metric)
    console.print(_effects_table(explanation.effects, f"effect on {metric}"), soft_wrap=True)
    if explanation.drops:
        console.print(_effects_table(explanation.drops, "effect on what int8 costs"), soft_wrap=True)
    if explanation.joint_effects:
        console.print(_pairs_table(explanation), soft_wrap=True)
    console.print(f"Share of the variance left to all other combinations: {explanation.rest:.0%}\n")
    if explanation.sources:
        console.print(_sources_table(explanation), soft_wrap=True)
    if explanation.gap is not None:
        console.print(explanation.gap, markup=False, soft_wrap=True)
    for budget, rules in groupby(explanation.rules, key=lambda rule: rule.budget):
        listed = list(rules)
        heading = f"Within {budget}, the best network probably has"
        console.print(heading, style="bold", markup=False, soft_wrap=True)
        console.print(
            _rules_table([rule for rule in listed if rule.warning is None], warned=False), soft_wrap=True
        )
        doubted = [rule for rule in listed if rule.warning is not None]
        if doubted:
            console.print("Not supported by the data:")
            console.print(_rules_table(doubted, warned=True), soft_wrap=True)
    if explanation.expected is not None:
        console.print(grounds(explanation.expected), markup=False, soft_wrap=True)
        console.print(expectations_table(explanation.expected), soft_wrap=True)


def rule_text(rule: Rule) -> str:
    """Return a rule in short, for example ``resolution 200 ± 12``."""
    if rule.spread is None:
        return f"{rule.factor} {rule.value} ({rule.probability:.0%})"
    return f"{rule.factor} {written(rule.value)} ± {written(rule.spread)}"


def written(value: Value) -> str:
    """Return a value as text, fractions with three significant digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _errors(compared: Comparison) -> str:
    return (
        f"Predicting each of {counted(compared.networks, 'network')} from the others, the error is "
        f"{100 * compared.factors:.2f} points with factors, {100 * compared.macs:.2f} with MACs, "
        f"{100 * compared.mean:.2f} with the mean."
    )


def _effects_table(found: Sequence[Effect], of: str) -> FittedTable:
    effects = Column(f"{of}, points ± error (networks trained)", left=True)
    table = FittedTable([Column("factor", left=True), Column("share of variance", left=True), effects])
    for effect in found[:_EFFECTS]:
        table.add_row(effect.factor, _share(effect.share), _steps(effect))
    return table


def _sources_table(explanation: Explanation) -> FittedTable:
    points = f"{metric_name(explanation.metric)}, points ± error for one standard deviation"
    headings = ("known beforehand", "share of variance", points)
    table = FittedTable([Column(heading, left=True) for heading in headings])
    for trust in explanation.sources[:_SOURCES]:
        if trust.left_out:
            table.add_row(trust.source, "-", "left out: the trained networks do not bear it out")
        else:
            slope = f"{100 * trust.slope:+.2f} ± {100 * trust.error:.2f}"
            table.add_row(trust.source, _share(trust.share), slope)
    return table


def _steps(effect: Effect) -> list[str]:
    parts = [
        f"{written(value)}: {100 * mean:+.2f} ± {100 * error:.2f} ({trained})"
        for value, mean, error, trained in zip(
            effect.values, effect.means, effect.errors, effect.trained, strict=True
        )
    ]
    if len(parts) > 5:
        parts = [parts[0], "...", parts[len(parts) // 2], "...", parts[-1]]
    return [*(f"{part}," for part in parts[:-1]), *parts[-1:]]


def _pairs_table(explanation: Explanation) -> FittedTable:
    headings = ("pair", "adds to variance", "best together")
    table = FittedTable([Column(heading, left=True) for heading in headings])
    for pair in [p for p in explanation.joint_effects if p.share is not None][:_PAIRS]:
        table.add_row(pair.name, _share(pair.share), _best(pair))
    return table


def _best(pair: JointEffect) -> str:
    mean, i, j = max((m, i, j) for i, line in enumerate(pair.means) for j, m in enumerate(line))
    first, second = pair.values
    return f"{written(first[i])}, {written(second[j])}: {100 * mean:+.2f} ± {100 * pair.errors[i][j]:.2f}"


def _share(share: Share | None) -> str:
    if share is None:
        return ""
    interval = f"[{share.low:.1%}, {share.high:.1%}]"
    return f"{share.mean:.1%} {interval}" if share.identified else f"not identified {interval}"


def _rules_table(rules: list[Rule], *, warned: bool) -> FittedTable:
    columns = [Column("setting", left=True), Column("gain, points"), Column("trained", rank=1)]
    if warned:
        columns.append(Column("why not", left=True, breaks=True))
    table = FittedTable(columns)
    for rule in rules:
        gain = "-" if rule.gain is None else f"{100 * rule.gain:+.2f}"
        row = [rule_text(rule), gain, str(rule.trained)]
        table.add_row(*row, *([rule.warning or ""] if warned else []))
    if not rules:
        table.add_row("none supported by the data", "", "")
    return table
