"""Provenance of an exported network: budget, accuracy, data, recipe, latency and commands, for its card."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import optuna
import torch

from dashboards.network_filters import unbeaten
from dashboards.result import SearchResult, TrialResult
from nas.study.reproduce_command import retrain_command, search_command
from nas.study.retrained import Retrained, latest
from nas.study.study import settings_of
from search_spaces.units import format_accuracy, format_count
from trials.images.splits import Splits
from trials.latency.latency import Latency
from trials.training.final_test import final_scores
from trials.training.recipe import Recipe

_TESTED: Final = "nas:test:"  # and the number of the trial: measured once, then stored
_CONDITIONS: Final = ("device", "runtime", "version", "threads", "dtype", "batch")


def provenance(
    study: optuna.Study,
    result: SearchResult,
    network: TrialResult,
    *,
    tested: Mapping[str, Any],
    latencies: Mapping[str, Latency],
) -> dict[str, str]:
    """Return the provenance of a network by topic.

    Args:
        study: Study of the network.
        result: Result of the study.
        network: Network of the study that was trained to the end.
        tested: ``accuracy`` on the test images and its ``standard_error``.
        latencies: Latest latency measurement by target.
    """
    settings, retrained = settings_of(study), latest(study, network.trial)
    on_test = format_accuracy(tested["accuracy"], tested["standard_error"])
    topics = {
        "budget": " and ".join(map(str, settings.budgets)),
        "accuracy": f"{_accuracy(network)} on validation images, {on_test} on test images",
        "data": settings.data,
        "recipe": f"{settings.recipe['name']}, {network.epochs} epochs"
        if retrained is None
        else _retraining(retrained, settings.recipe["name"]),
        "study": f"{study.study_name}#{network.trial}",
        "seed": str(settings.seed),
        "versions": f"nas {version('nas')}, torch {version('torch')}",
        "command": _commands(study, result, retrained),
    }
    if latencies:
        topics["latency"] = "; ".join(_latency(target, latency) for target, latency in latencies.items())
    return topics


def _commands(study: optuna.Study, result: SearchResult, retrained: Retrained | None) -> str:
    """Return the commands that give the same network again."""
    search = search_command(study, trained=result.trained)
    if retrained is None:
        return search
    recipe = str(retrained.recipe["name"])
    again = retrain_command(study.study_name, retrained.trial, recipe, from_weights=retrained.from_weights)
    return f"{search}, then {again}"


def test_accuracy(
    study: optuna.Study, network: TrialResult, weights: Path, splits: Splits | None
) -> dict[str, Any] | None:
    """Return the accuracy on the test images and its standard error, measured once per network and stored.

    Args:
        study: Study of the network.
        network: Network of the study that was trained to the end.
        weights: Safetensors file of the network.
        splits: Images of the study; None returns only what is already stored.
    """
    retrained = latest(study, network.trial)
    if retrained is not None and retrained.test_accuracy is not None:
        return {"accuracy": retrained.test_accuracy, "standard_error": retrained.test_standard_error}
    key = f"{_TESTED}{network.trial}" + ("" if retrained is None else f":{retrained.weights}")
    known: dict[str, Any] | None = study.user_attrs.get(key)
    if known is None and splits is not None:
        scores = final_scores(
            network.architecture,
            weights,
            splits,
            Recipe.from_json(settings_of(study).recipe if retrained is None else retrained.recipe),
            torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        )
        known = {"accuracy": scores.accuracy, "standard_error": scores.standard_error}
        study.set_user_attr(key, known)
    return known


def front_networks(result: SearchResult, network: TrialResult) -> list[dict[str, str]]:
    """Return the other networks of the search's Pareto front, one by topic each, for the card."""
    return [_front_row(other) for other in unbeaten(result.networks) if other.trial != network.trial]


def _front_row(network: TrialResult) -> dict[str, str]:
    row = {
        "network": f"#{network.trial}",
        "validation accuracy": _accuracy(network),
        "MACs": format_count(network.costs["macs"]),
        "params": format_count(network.costs["params"]),
    }
    for target, ms in (network.latency_ms or {}).items():
        row[f"ms on {target}"] = f"{ms:.3g}"
    return row


def _retraining(retrained: Retrained, searched_with: str) -> str:
    """Return the retraining of a network in words."""
    images = "the training and validation images" if retrained.joined else "the training images"
    start = f"from the weights of {searched_with}" if retrained.from_weights else "from scratch"
    return f"{retrained.recipe['name']}, {retrained.recipe['epochs']} epochs {start} on {images}"


def _accuracy(network: TrialResult) -> str:
    if network.accuracy is None:
        return "unknown"
    return format_accuracy(network.accuracy, network.standard_error)


def _latency(target: str, latency: Latency) -> str:
    """Return a latency with its interval and measurement conditions, as text."""
    given = {name: latency.conditions[name] for name in _CONDITIONS if latency.conditions.get(name)}
    conditions = ", ".join(f"{name} {value}" for name, value in given.items())
    interval = f"95 % interval {latency.low_ms:.3g} to {latency.high_ms:.3g} ms"
    return f"{latency.median_ms:.3g} ms on {target} ({interval}; {conditions})"
