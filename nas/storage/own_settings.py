"""Finds the settings in which the latencies that a study stores were measured."""

import math
from collections.abc import Iterable, Mapping
from typing import Final

from nas.storage.records import InSetting
from search_spaces.budget import measured_name
from trials.latency.latency import FIGURES, Latency

_SAME: Final = 1e-9  # relative: a stored figure is the measured one, written as a decimal number


def own_settings(measured: Iterable[InSetting], stored_ms: Mapping[str, float], target: str) -> set[str]:
    """Return the keys of the settings in which the latencies that a study stores of a network were measured.

    A storage may hold measurements of a network on several machines, or on boards that had the same name one
    after the other. A study counts those of the machine that it measured on.

    Args:
        measured: Measurements of the network on one target.
        stored_ms: Latencies that the study stores of the network, in milliseconds, by `Budget.measured`.
        target: Name of the target.

    Returns:
        None of them where the study stores no latency on the target, or one that was not measured here.
    """
    stored = {figure: stored_ms.get(measured_name(target, figure)) for figure in FIGURES}
    known = {figure: ms for figure, ms in stored.items() if ms is not None}
    return {one.setting for one in measured if _is_one_of(one.latency, known)}


def _is_one_of(latency: Latency, stored_ms: Mapping[str, float]) -> bool:
    """Return whether one of the stored figures is that of a measurement."""
    found = ((latency.figure(figure), ms) for figure, ms in stored_ms.items())
    return any(one is not None and math.isclose(one.median_ms, ms, rel_tol=_SAME) for one, ms in found)
