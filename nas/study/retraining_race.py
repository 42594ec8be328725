"""Decides which networks of a race are trained on, and stores what it rests on.

Successive halving (Jamieson and Talwalkar, 2016, https://arxiv.org/abs/1502.07943) that stops no network
whose validation images leave it a chance: at each rung a network stops if it is in the worse half, and if the
interval of its difference to the best excludes 0, at 95 % for all networks together (Bonferroni).
"""

from collections.abc import Mapping, Sequence
from math import hypot
from statistics import NormalDist
from typing import Final

import optuna

from nas.study.study import Attributed
from search_spaces.units import format_accuracy

_SHARES: Final = (0.25, 0.5)  # of the epochs, after which networks are stopped
_LEAST: Final = 4  # epochs before which values say little about the end
_RACED: Final = "nas:raced:"  # and the folder of a training: value and standard error by epoch
_Z: Final = 1.96  # standard errors of a 95 % interval

Figure = tuple[float, float]
"""Value on validation images and its standard error."""


def rungs_of(epochs: int) -> tuple[int, ...]:
    """Return the epochs after which a race stops networks, ascending; none if a training is too short."""
    rungs = sorted({round(share * epochs) for share in _SHARES})
    return tuple(rung for rung in rungs if _LEAST <= rung < epochs)


def survivors(figures: Mapping[int, Figure]) -> tuple[int, ...]:
    """Return the networks that are trained on after a rung, best first; equal ones by their number.

    Args:
        figures: Value and standard error at the rung, by trial; none where all need no more training.
    """
    if not figures:
        return ()
    ordered = sorted(figures, key=lambda trial: (-figures[trial][0], trial))
    best, best_error = figures[ordered[0]]
    half = (len(ordered) + 1) // 2
    z = NormalDist().inv_cdf(1 - 0.025 / max(1, len(ordered) - 1))  # standard errors of each interval
    return tuple(
        trial
        for place, trial in enumerate(ordered)
        if place < half or best - figures[trial][0] <= z * hypot(best_error, figures[trial][1])
    )


def stored_figure(study: Attributed, place: str, epoch: int) -> Figure | None:
    """Return the value of a training at an epoch and its standard error, if a race has stored it."""
    found = study.user_attrs.get(f"{_RACED}{place}", {}).get(str(epoch))
    return None if found is None else (found[0], found[1])


def store_figure(study: optuna.Study, place: str, epoch: int, figure: Figure) -> None:
    """Store the value of a training at an epoch; `place` is its folder."""
    known = study.user_attrs.get(f"{_RACED}{place}", {})
    study.set_user_attr(f"{_RACED}{place}", {**known, str(epoch): list(figure)})


def stopped_line(trial: int, epoch: int, figures: Mapping[int, Figure]) -> str:
    """Return why a network was stopped at an epoch, in one line."""
    best = max(figures, key=lambda one: (figures[one][0], -one))
    mine, theirs = (format_accuracy(*figures[one]) for one in (trial, best))
    return f"#{trial} is not trained on after epoch {epoch}: {mine}, #{best} {theirs} on validation images"


def rests_on(figures: Sequence[tuple[int, Figure]]) -> str:
    """Return what the choice of the first of several networks rests on, in one sentence.

    Args:
        figures: Trial, expected value and its standard deviation, best first, at least one.
    """
    first, (value, error) = figures[0]
    near = [
        f"#{trial}" for trial, (other, spread) in figures[1:] if value - other <= _Z * hypot(error, spread)
    ]
    if len(figures) == 1:
        return f"#{first} was the only one that was trained to the end."
    if near:
        return f"#{first} is delivered, but by validation images {', '.join(near)} may be as good."
    return f"#{first} is delivered: better than the others by validation images, beyond their chance."
