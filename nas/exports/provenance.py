"""Provenance of an exported network: budget, accuracy, data, recipe, latency and commands, for its card."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import optuna
import torch

from dashboards.metric_names import metric_name
from dashboards.network_filters import unbeaten
from dashboards.result import SEEN, SearchResult, TrialResult
from nas.study.delivered_weights import DeliveredWeights
from nas.study.donor import RANDOM, donor_of_network, has_donors
from nas.study.final_tests import TestScores, key_of, note_read, times_tested
from nas.study.reproduce_command import retrain_command, search_command
from nas.study.retrained import Retrained
from nas.study.scores import ScoreReader
from nas.study.study import Outline, settings_of
from search_spaces.budget import Budget
from search_spaces.own_version import own_version
from search_spaces.units import counted, format_accuracy, format_count
from trials.images.splits import Splits
from trials.latency.latency import Latency
from trials.training.evaluation import METRICS
from trials.training.final_test import final_scores
from trials.training.recipe import Recipe

_CONDITIONS: Final = ("device", "runtime", "version", "threads", "dtype", "batch")


def provenance(
    study: optuna.Study,
    result: SearchResult,
    network: TrialResult,
    *,
    weights: DeliveredWeights,
    latencies: Mapping[str, Latency],
) -> dict[str, str]:
    """Return the provenance of a network by topic.

    Args:
        study: Study of the network, whose test scores are stored.
        result: Result of the study.
        network: Network of the study that was trained to the end.
        weights: Its weights that are delivered.
        latencies: Latest latency measurement by target.
    """
    outline = Outline(study.user_attrs)
    settings, retrained = settings_of(outline), weights.retrained
    recipe = f"{settings.recipe['name']}, {counted(network.epochs, 'epoch')} on the training images"
    topics = {
        "budget": " and ".join(_budget(budget, network) for budget in settings.budgets),
        "weights": f"of the search: {recipe}"
        if retrained is None
        else f"retrained: {_retraining(retrained)}",
    }
    topics |= _begun_with(study, network.trial, retrained)
    if weights.reason is not None:
        topics["chosen"] = f"these weights, {weights.reason}"
    topics |= _figures(replace(network, scores=ScoreReader.of(outline, settings).scores(network)))
    reads = times_tested(outline.user_attrs)
    topics |= {
        "test images": f"read {reads} {'time' if reads == 1 else 'times'} in this study, once for each "
        "weights; nothing is chosen by them",
        "data": settings.data,
        "recipe": recipe if retrained is None else _retraining(retrained),
        "study": f"{study.study_name}#{network.trial}",
        "seed": str(settings.seed),
        "versions": f"nas {own_version()}, torch {version('torch')}",
        "command": _commands(study, result, retrained),
    }
    if latencies:
        topics["latency"] = "; ".join(_latency(target, latency) for target, latency in latencies.items())
    return topics


def _begun_with(study: optuna.Study, trial: int, retrained: Retrained | None) -> dict[str, str]:
    """Return the trained weights that a training began with, and their licence, where it began with any."""
    donor = donor_of_network(study, trial)
    if donor is not None and (retrained is None or retrained.from_weights):
        return {
            "began with": donor.line,
            "licence": donor.licence or "not stated by the source of the weights",
        }
    start = {} if retrained is None else retrained.start or {}
    if not start.get("remark"):
        return {}
    line = f"{start['words'].removeprefix('the weights of ')} ({start['remark']})"
    return {"began with": line, "licence": start["licence"] or "not stated by the source of the weights"}


def _budget(budget: Budget, network: TrialResult) -> str:
    """Return a budget, and by how much a network exceeds it by its latest measurement if it does."""
    excess = (network.excess or {}).get(budget.text, 0.0)
    return f"{budget}, which it exceeds by {excess:.1%}" if excess > 0 else str(budget)


def _figures(network: TrialResult) -> dict[str, str]:
    """Return the figures of a network: a topic for each weights and metric, with the split of each figure."""
    rows: dict[str, list[str]] = defaultdict(list)
    for score in network.scores:
        if score.split == SEEN:
            continue
        expected = ""
        if network.posterior_mean is not None and score is network.scores[0]:
            value = format_accuracy(network.posterior_mean, network.posterior_sd)
            expected = f" ({value} expected given all networks of the search)"
        figure = f"{format_accuracy(score.value, score.standard_error)} on {score.split} images{expected}"
        rows[f"{metric_name(score.metric)} of the {score.weights_name}"].append(figure)
    return {topic: ", ".join(figures) for topic, figures in rows.items()}


def _commands(study: optuna.Study, result: SearchResult, retrained: Retrained | None) -> str:
    """Return the commands that give the same network again."""
    search = search_command(study, trained=result.trained)
    return search if retrained is None else f"{search}, then {retraining_command(study, retrained)}"


def retraining_command(study: optuna.Study, retrained: Retrained) -> str:
    """Return the command that trains a network again as it was."""
    random = has_donors(study) and retrained.start is None and not retrained.from_weights
    return retrain_command(
        study.study_name,
        retrained.trial,
        retrained.recipe_file or (None if retrained.recipe_reason else str(retrained.recipe["name"])),
        from_weights=retrained.from_weights,
        weights=RANDOM if random else retrained.source,
        top=retrained.top,
        teacher=retrained.teacher,
        seeds=retrained.seeds,
        soup=retrained.souped,
        deploy_dtype=retrained.deploy_dtype,
    )


def test_scores(
    study: optuna.Study, network: TrialResult, weights: DeliveredWeights, file: Path, splits: Splits | None
) -> TestScores | None:
    """Return the scores of weights on the test images, measured once and stored.

    Args:
        study: Study of the network.
        network: Network of the study that was trained to the end.
        weights: The weights.
        file: Their safetensors file on this machine.
        splits: Images of the study; None returns only what is already stored.
    """
    retrained = weights.retrained
    if retrained is not None and retrained.test_scores is not None:
        return retrained.test_scores
    key = key_of(network.trial, weights.file)
    known: dict[str, Any] | None = study.user_attrs.get(key)
    if known is None and splits is not None:
        note_read(study, weights.file)
        scores = final_scores(
            network.architecture,
            file,
            splits,
            Recipe.from_json(settings_of(study).recipe if retrained is None else retrained.recipe),
            torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        )
        known = TestScores(values={name: scores.of(name) for name in METRICS}).to_json()
        study.set_user_attr(key, known)
    return None if known is None else TestScores.from_json(known)


def front_networks(result: SearchResult, network: TrialResult) -> list[dict[str, str]]:
    """Return the other networks of the search's Pareto front, one by topic each, for the card."""
    others = [other for other in unbeaten(result.networks) if other.trial != network.trial]
    return [_front_row(other, result.metric_name) for other in others]


def _front_row(network: TrialResult, metric: str) -> dict[str, str]:
    row = {
        "network": f"#{network.trial}",
        f"validation {metric} after the search": _accuracy(network),
        "MACs": format_count(network.costs["macs"]),
        "params": format_count(network.costs["params"]),
    }
    for target, ms in (network.latency_ms or {}).items():
        row[f"ms on {target}"] = f"{ms:.3g}"
    return row


def _retraining(retrained: Retrained) -> str:
    """Return the retraining of a network in words."""
    start = "from scratch" if retrained.started_from is None else f"from {retrained.started_from}"
    epochs = f"{retrained.recipe['name']}, {retrained.recipe['epochs']} epochs"
    return f"{epochs} {start} on the {retrained.learnt_from} images"


def _accuracy(network: TrialResult) -> str:
    if network.accuracy is None:
        return "unknown"
    return format_accuracy(network.accuracy, network.standard_error)


def _latency(target: str, latency: Latency) -> str:
    """Return a latency with its interval and measurement conditions, as text."""
    given = {name: latency.conditions[name] for name in _CONDITIONS if latency.conditions.get(name)}
    conditions = ", ".join(f"{name} {value}" for name, value in given.items())
    unstable = "" if latency.stable else "; unstable, the machine was busy"
    figures = [f"{latency.median_ms:.3g} ms on {target} ({latency.meaning}; {_interval(latency)}{unstable})"]
    figures += [f"{name} {wall.median_ms:.3g} ms ({_interval(wall)})" for name, wall in latency.wall.items()]
    wall_clock = (
        ", on the wall clock ".join([figures[0], ", ".join(figures[1:])]) if figures[1:] else figures[0]
    )
    return f"{wall_clock}; {conditions}"


def _interval(latency: Latency) -> str:
    return f"95 % interval {latency.low_ms:.3g} to {latency.high_ms:.3g} ms"
