"""Explains studies in a background thread, so that the dashboard never waits for an explanation."""

import logging
import threading
from dataclasses import dataclass
from typing import Final

import optuna

from dashboards.explanation import Explanation
from dashboards.findings import Baseline
from dashboards.result import SearchResult
from nas.explanation.evidence import LEAST
from nas.explanation.explain_study import explain_study
from nas.reporting.random_baseline import expected_uniform
from nas.study.places import identity_of
from search_spaces.errors import UserError

_log = logging.getLogger(__name__)

_MOST: Final = 500  # trained networks; more take minutes, for which there is `nas explain`
_GROWTH: Final = 1.5  # factor of trained networks after which a study is explained again


@dataclass(frozen=True, slots=True)
class Insight:
    """Explanation and uniform-sampling baseline that a model of a study's networks gives.

    Attributes:
        explanation: Effects of the factors on accuracy; None if there are too few or too many networks.
        uniform: Expected best accuracies of uniform sampling; None likewise.
    """

    explanation: Explanation | None = None
    uniform: Baseline | None = None


def insight(study: optuna.Study, result: SearchResult) -> Insight:
    """Return the insight into a study, empty if it has too few networks or more than `_MOST`.

    Args:
        study: Study that nas search began.
        result: Result of the study.
    """
    if result.trained > _MOST:
        return Insight()
    errors = [n.standard_error for n in result.networks if n.standard_error is not None]
    noise = sum(errors) / max(1, len(errors))
    try:
        return Insight(explain_study(study), expected_uniform(study, trained=result.trained, noise=noise))
    except UserError as error:  # too few networks, or a space that is not available: pages show none
        _log.info("No explanation of %s: %s", study.study_name, error)
        return Insight()


class BackgroundExplainer:
    """Keeps the latest insight into each study, made in a background thread.

    A study is explained again when half as many networks again have been trained, so only a few times in all.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._insights: dict[str, Insight] = {}
        self._explained_at: dict[str, int] = {}

    def latest(self, study: optuna.Study, result: SearchResult) -> Insight:
        """Return the latest insight, and start a new explanation if the study has grown enough.

        Args:
            study: Study that nas search began.
            result: Result of the study.
        """
        trained = result.trained
        key = identity_of(study) or study.study_name  # one of the same name may follow it
        with self._lock:
            if trained >= max(LEAST, _GROWTH * self._explained_at.get(key, 0)):
                self._explained_at[key] = trained
                threading.Thread(
                    target=self._explain, args=(key, study, result), name="explain", daemon=True
                ).start()
            return self._insights.get(key, Insight())

    def _explain(self, key: str, study: optuna.Study, result: SearchResult) -> None:
        found = insight(study, result)
        with self._lock:
            self._insights[key] = found
