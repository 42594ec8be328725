"""Hands a network of a study over, with everything a stranger wants to know of it."""

import re
import shlex
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import optuna
import torch

from dashboards.result import Network, SearchResult
from nas.exporting import export_network
from nas.retrained import Retrained, latest, weights_of
from nas.study import folder_of, images_of, settings_of
from nas.study_images import images_for
from search_spaces.architecture import Architecture
from search_spaces.errors import ExportError
from search_spaces.units import format_count
from trials.final_test import final_scores
from trials.recipe import Recipe

_RIVALS: Final = 5
_TESTED: Final = "nas:test:"  # and the number of the trial: looked at once, then remembered


def deliver(
    study: optuna.Study,
    result: SearchResult,
    network: Network,
    *,
    folder: Path,
    name: str | None,
    deploy: bool,
    into: bool,
    force: bool,
) -> tuple[Path, ...]:
    """Write one network of a study into a folder, and return the files.

    Args:
        study: In which it was found.
        result: The study as views are handed it.
        network: One that was trained to the end.
        folder: Where its files go.
        name: Of the module and the function in it; the folder's if None.
        deploy: Whether the form for inference only is written.
        into: Whether the folder may hold other files, as a repository does.
        force: Whether files of the same names may be replaced.

    Raises:
        ExportError: if the folder, the name or the weights cannot be used.
        DataError: if the images have moved or changed since the search.
    """
    weights = weights_of(study, Path(folder_of(study)), network.trial)
    if not weights.exists():
        raise ExportError(
            f"Network #{network.trial} of '{study.study_name}' has no weights at '{weights}': expected the "
            f"file that its training wrote. Bring the folder back, or train it again: nas retrain "
            f"{shlex.quote(study.study_name)} --trial {network.trial}"
        )
    retrained = latest(study, network.trial)
    images = images_of(study)
    return export_network(
        Architecture.from_json(network.architecture),
        folder=folder,
        name=name or folder.expanduser().resolve().name,
        weights=weights,
        num_classes=len(images["classes"]),
        in_channels=images["channels"],
        classes=images["classes"],
        mean=images["mean"],
        std=images["std"],
        provenance=lambda: _provenance(study, network, _test_accuracy(study, network, weights)),
        rivals=[_rival(other) for other in result.networks if _is_rival(other, network)][:_RIVALS],
        recipe=settings_of(study).recipe if retrained is None else retrained.recipe,
        deploy=deploy,
        into=into,
        force=force,
    )


def _provenance(study: optuna.Study, network: Network, tested: str) -> dict[str, str]:
    """Return where a network comes from, by topic."""
    settings, retrained = settings_of(study), latest(study, network.trial)
    budgets = " ".join(f"--budget {text}" for text in settings.budgets)
    data = re.split(r"[/\\]", settings.data)[-1]
    told = {
        "budget": " and ".join(settings.budgets),
        "accuracy": f"{_accuracy(network)} on validation images, {tested} on test images",
        "data": data,
        "recipe": f"{settings.recipe['name']}, {network.epochs} epochs"
        if retrained is None
        else _retraining(retrained, settings.recipe["name"]),
        "study": f"{study.study_name}#{network.trial}",
        "seed": str(settings.seed),
        "versions": f"nas {version('nas')}, torch {version('torch')}",
        "command": f"nas search {budgets} --data {data} --space {settings.space} --recipe "
        f"{settings.recipe['name']} --sampler {settings.sampler} --seed {settings.seed}",
    }
    if network.latency_ms:
        told["latency"] = ", ".join(f"{ms:.3g} ms on {on}" for on, ms in network.latency_ms.items())
    return told


def _test_accuracy(study: optuna.Study, network: Network, weights: Path) -> str:
    """Return the accuracy on the test images in words; they are looked at once for each network."""
    retrained = latest(study, network.trial)
    key = f"{_TESTED}{network.trial}" + ("" if retrained is None else f":{retrained.weights}")
    known: dict[str, Any] | None = study.user_attrs.get(key)
    if retrained is not None and retrained.test_accuracy is not None:
        known = {
            "accuracy": retrained.test_accuracy,
            "standard_error": retrained.test_standard_error,
        }
    if known is None:
        splits = images_for(study)
        scores = final_scores(
            Architecture.from_json(network.architecture),
            weights,
            splits,
            Recipe.from_json(settings_of(study).recipe if retrained is None else retrained.recipe),
            torch.device("cuda" if torch.cuda.is_available() else "cpu"),
        )
        known = {"accuracy": scores.accuracy, "standard_error": scores.standard_error}
        study.set_user_attr(key, known)
    return f"{known['accuracy']:.2%} ± {100 * known['standard_error']:.2f}"


def _retraining(retrained: Retrained, searched_with: str) -> str:
    """Return in words how a network was trained again."""
    learnt = "the training and validation images" if retrained.joined else "the training images"
    begun = f"from the weights of {searched_with}" if retrained.from_weights else "from scratch"
    return f"{retrained.recipe['name']}, {retrained.recipe['epochs']} epochs {begun} on {learnt}"


def _is_rival(other: Network, network: Network) -> bool:
    return other.state == "complete" and other.fits and other.trial != network.trial


def _rival(network: Network) -> dict[str, str]:
    return {
        "network": f"#{network.trial}",
        "validation accuracy": _accuracy(network),
        "MACs": format_count(network.costs["macs"]),
        "params": format_count(network.costs["params"]),
    }


def _accuracy(network: Network) -> str:
    if network.accuracy is None:
        return "unknown"
    error = f" ± {100 * network.standard_error:.2f}" if network.standard_error is not None else ""
    return f"{network.accuracy:.2%}{error}"
