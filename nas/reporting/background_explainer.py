"""Explains studies beside whoever looks at them: once in a while, and never while they wait."""

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
from search_spaces.errors import UserError

_log = logging.getLogger(__name__)

_MOST: Final = 500  # trained networks; more take minutes, which `nas explain` is the place for
_GROWTH: Final = 1.5  # more trained networks before a study is explained again


@dataclass(frozen=True, slots=True)
class Insight:
    """What a model makes of the networks of a study.

    Attributes:
        explanation: Why they are as accurate as they are; None where that cannot be told yet.
        uniform: What uniform sampling would have reached; None likewise.
    """

    explanation: Explanation | None = None
    uniform: Baseline | None = None


def insight(study: optuna.Study, result: SearchResult) -> Insight:
    """Return what a model makes of a study, nothing where there are too few networks or far too many.

    Args:
        study: One that nas search began.
        result: The study as views are handed it.
    """
    if result.trained > _MOST:
        return Insight()
    errors = [n.standard_error for n in result.networks if n.standard_error is not None]
    noise = sum(errors) / max(1, len(errors))
    try:
        return Insight(explain_study(study), expected_uniform(study, trained=result.trained, noise=noise))
    except UserError as error:  # too few networks, or a space that is not at hand: pages go without
        _log.info("No explanation of %s: %s", study.study_name, error)
        return Insight()


class BackgroundExplainer:
    """Keeps the latest explanation of each study, made in the background.

    All in all it costs a few explanations a study: the next one is made when half as many networks again have
    been trained.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Insight] = {}
        self._rests_on: dict[str, int] = {}

    def latest(self, study: optuna.Study, result: SearchResult) -> Insight:
        """Return what is known now, and begin to explain the study anew where it has grown.

        Args:
            study: One that nas search began.
            result: The study as views are handed it.
        """
        trained = result.trained
        name = study.study_name
        with self._lock:
            if trained >= max(LEAST, _GROWTH * self._rests_on.get(name, 0)):
                self._rests_on[name] = trained
                threading.Thread(
                    target=self._explain, args=(study, result), name="explain", daemon=True
                ).start()
            return self._known.get(name, Insight())

    def _explain(self, study: optuna.Study, result: SearchResult) -> None:
        found = insight(study, result)
        with self._lock:
            self._known[study.study_name] = found
