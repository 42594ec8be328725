"""Takes the training-free scores and exact counts of networks, and says how scores and counts agree."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from nas.profiling.rank_correlation import kendall_tau
from nas.surrogates.torch_threads import torch_threads
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.catalog_fit import check_fits
from search_spaces.counting import count
from search_spaces.errors import InvalidValueError, ScoreError
from search_spaces.graph_counts import architecture_counts
from search_spaces.pricing import Prices
from search_spaces.sampling import fitting_codes
from search_spaces.units import format_count
from trials.scores import SCORES
from trials.scoring import ScoringImages, score_architecture

VERSION: Final = 1
NEAR: Final = 0.8
"""Least share of a budget that networks near it take."""
MOST_MACS: Final = 600_000_000
"""MACs up to which scores that look at images are taken unasked: about twelve seconds on one core."""
_DRAWN: Final = 50  # networks drawn for each that is scored
_LEAST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkScores:
    """Scores and counts of one network.

    Attributes:
        counts: Exact counts by name, see `search_spaces.graph_counts`.
        scores: Training-free scores by name, and what is reported beside them; NaN where one is not defined.
        undefined: Why a score is not defined, by name.
    """

    counts: dict[str, int | float]
    scores: dict[str, float]
    undefined: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return counts and scores by name, None for a score that is not defined."""
        return {
            "counts": self.counts,
            "scores": {name: None if math.isnan(value) else value for name, value in self.scores.items()},
            "undefined": self.undefined,
        }


def scores_of(
    architecture: Architecture, images: ScoringImages, *, seed: int = 0, on_images: bool | None = True
) -> NetworkScores:
    """Return the scores and counts of a network, the same whatever number of threads torch has here.

    Args:
        architecture: The network.
        images: Where images come from.
        seed: Seed of the weights, at least 0.
        on_images: Whether scores that look at images are taken, which takes seconds; None for up to
            `MOST_MACS`.
    """
    classes, channels = images.classes, images.channels
    scores: dict[str, float] = {}
    undefined: dict[str, str] = {}
    if on_images is None:
        on_images = count(architecture, num_classes=classes, in_channels=channels).macs <= MOST_MACS
    for name, score in SCORES.items():
        if not on_images and score.needs != "layers":
            scores[name] = math.nan
            undefined[name] = f"left out; --scores takes it, above {format_count(MOST_MACS)} MACs too"
            continue
        try:
            with torch_threads(1):  # zico divides by tiny differences, which the number of threads changes
                scores |= score_architecture(architecture, images, names=[name], seed=seed)
        except ScoreError as error:
            scores[name] = math.nan
            undefined[name] = str(error)
    counts = architecture_counts(architecture, num_classes=classes, in_channels=channels)
    return NetworkScores(counts=counts, scores=scores, undefined=undefined)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreProfile:
    """Scores and counts of a sample of networks near a budget.

    Attributes:
        space: Name of the space.
        budgets: Texts of the budgets.
        data: Name of the images.
        networks: The networks.
        found: Their scores and counts.
    """

    space: str
    budgets: tuple[str, ...]
    data: str
    networks: tuple[Architecture, ...]
    found: tuple[NetworkScores, ...]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """The values of each score and count, [networks]."""
        rows = [{**one.scores, **one.counts} for one in self.found]
        return {name: np.array([row[name] for row in rows], np.float64) for name in rows[0]}

    @property
    def agreement(self) -> dict[str, dict[str, float]]:
        """Kendall's tau of each score and count with each score, MACs, activations and the number of blocks.

        NaN where one of them is the same for all networks.
        """
        columns = self.columns
        against = ("log_macs", "log_activations", "blocks", *SCORES)
        return {
            name: {other: kendall_tau(column, columns[other]) for other in against}
            for name, column in columns.items()
        }

    def to_json(self) -> dict[str, Any]:
        """Return the networks with their scores and counts, and how these agree, with a format version."""
        agreement = {
            name: {other: None if math.isnan(tau) else tau for other, tau in taus.items()}
            for name, taus in self.agreement.items()
        }
        return {
            "version": VERSION,
            "space": self.space,
            "budgets": self.budgets,
            "data": self.data,
            "networks": [
                {"fingerprint": network.fingerprint, **one.to_json()}
                for network, one in zip(self.networks, self.found, strict=True)
            ],
            "kendall": agreement,
        }


def profile_scores(
    prices: Prices,
    budgets: Sequence[Budget],
    images: ScoringImages,
    *,
    data: str,
    networks: int,
    seed: int,
    report_line: Callable[[str], None],
) -> ScoreProfile:
    """Return the scores of networks drawn uniformly from those near the budgets.

    Near is from 80 % of a budget on: what scores are worth shows among networks of equal cost.

    Args:
        prices: Space with the costs of its networks.
        budgets: Budgets of the networks; without any that is counted, networks of the whole space are drawn.
        images: Where images come from.
        data: Name of the images.
        networks: Number of networks, at least 3.
        seed: Seed of the draws and weights.
        report_line: Callback with a line of text after each network.

    Raises:
        NothingFitsError: if nothing fits.
    """
    check_fits(prices, budgets)
    drawn = _near(prices, budgets, networks, seed)
    found = []
    for number, architecture in enumerate(drawn, start=1):
        found.append(scores_of(architecture, images, seed=seed))
        report_line(f"{number}/{len(drawn)}  {architecture.fingerprint}")
    return ScoreProfile(
        space=prices.codes.name,
        budgets=tuple(map(str, budgets)),
        data=data,
        networks=drawn,
        found=tuple(found),
    )


def check_scored(networks: int) -> None:
    """Check that scores of a number of networks can be compared.

    Raises:
        InvalidValueError: if there are too few.
    """
    if networks < _LEAST:
        raise InvalidValueError(
            f"Cannot compare the scores of {networks} networks: expected --networks of at least {_LEAST}."
        )


def _near(prices: Prices, budgets: Sequence[Budget], networks: int, seed: int) -> tuple[Architecture, ...]:
    """Return different networks, those near a budget first."""
    rng = np.random.default_rng(seed)
    codes = fitting_codes(prices, rng, _DRAWN * networks, budgets, distinct=True)
    excess = prices.excess(codes, budgets)  # [n, counted budgets]
    if excess.shape[1]:
        far = np.maximum((NEAR - 1) - excess.max(axis=1), 0)
        codes = codes[np.argsort(far, kind="stable")]
    return tuple(prices.codes.at(row) for row in codes[:networks])
