"""Checks that the weights of every network of a Pareto front are there, before any of them is written."""

from collections.abc import Callable, Mapping, Sequence

from nas.study.reproduce_command import retrain_command
from search_spaces.errors import ExportError


def check_front_weights(study: str, weights: Mapping[int, str], exists: Callable[[str], bool]) -> None:
    """Check that no weights are missing.

    Args:
        study: Name of the study.
        weights: Name of the file of weights of each network on the front, by trial.
        exists: Whether a file is among the files of the study.

    Raises:
        ExportError: if some are missing.
    """
    missing = [trial for trial, file in weights.items() if not exists(file)]
    if not missing:
        return
    there = [trial for trial in weights if trial not in missing]
    others = f", or export {_numbers(there)} one by one with --trial" if there else ""
    has = "has" if len(missing) == 1 else "have"
    raise ExportError(
        f"Cannot export the Pareto front of '{study}': {_numbers(missing)} {has} no weights, expected those "
        f"of all {len(weights)} networks on it. Train what is missing again, for example "
        f"{retrain_command(study, missing[0])}{others}."
    )


def _numbers(trials: Sequence[int]) -> str:
    return ", ".join(f"#{trial}" for trial in trials)
