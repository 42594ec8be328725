"""Summarises trainings of one network that differ in their randomness alone; chooses or averages them."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import hypot, sqrt
from pathlib import Path

import torch
from safetensors.torch import load_file

from dashboards.result import TrialResult
from nas.bayesopt.shrinkage import expected_shares
from nas.files.study_images import images_for
from nas.orchestration.retraining_runs import RetrainingRuns
from nas.study.retrained import Retrained, values_of
from search_spaces.building import build
from trials.training.checksum import CHECKSUM
from trials.training.file_names import WEIGHTS
from trials.training.model_soup import greedy_soup
from trials.training.out_of_memory import out_of_memory_named
from trials.training.weights_file import write_weights


def mean_of(found: Sequence[Retrained]) -> tuple[float, float]:
    """Return the mean value of trainings on validation images, and its standard error.

    The error holds both: how trainings differ, over the root of their number, and that of the images,
    which are the same for all.
    """
    values, errors = values_of(found)
    between = float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), hypot(between, float(errors.mean()))


def best_of(found: Sequence[Retrained]) -> Retrained:
    """Return the best training by validation images, the first of equal ones, with what is expected of it.

    The best of several is in part the luckiest: what is expected lies nearer to their mean.
    """
    values, errors = values_of(found)
    best = int(values.argmax())
    if len(found) == 1 or not (errors > 0).all():
        return found[best]
    means, deviations = expected_shares(values, errors)
    expected, error = (round(float(figures[best]), 6) for figures in (means, deviations))
    in_int8 = found[best].int8 is not None
    return replace(found[best], expected=expected, expected_error=error, expected_in_int8=in_int8)


def soup_of(
    found: Sequence[Retrained], network: TrialResult, runs: RetrainingRuns, *, metric: str
) -> Retrained | None:
    """Return the mean of several trainings, written among the files of the study; None where it is worse.

    The best by validation images comes first; each other is added unless the mean is worse then.

    Args:
        found: Trainings of the network on the training images.
        network: The network.
        runs: The trainings of its study.
        metric: Metric of the search.
    """
    study = runs.study
    splits = images_for(study, network.architecture.resolution)
    with ExitStack() as stack:
        states = [load_file(stack.enter_context(runs.files.fetched(one.weights))) for one in found]
    module = build(network.architecture, num_classes=len(splits.classes), in_channels=splits.channels)
    with out_of_memory_named():
        soup = greedy_soup(
            module,
            states,
            [one.accuracy or 0.0 for one in found],
            splits,
            runs.recipe,
            resolution=network.architecture.resolution,
            device=torch.device(runs.device),
            metric=metric,
        )
    if soup is None:
        return None
    seeds = [found[member].seed for member in soup.members]
    name = runs.soup_weights(network, seeds)
    with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
        written = Path(scratch) / WEIGHTS
        begun = found[0].start or {}
        write_weights(written, module, splits, network.architecture, donor=begun.get("donor"))
        runs.files.put(f"{name}{CHECKSUM}", Path(f"{written}{CHECKSUM}"))
        runs.files.put(name, written)
    value, error = soup.scores.of(metric)
    seconds = round(sum(one.seconds for one in found), 3)
    return replace(
        best_of(found),
        accuracy=value,
        standard_error=error,
        expected=None,
        expected_error=None,
        expected_in_int8=False,
        weights=name,
        soup=seeds,
        int8=None,
        seconds=seconds,
    )
