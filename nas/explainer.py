"""Explains studies beside whoever looks at them: once in a while, and never while they wait."""

import logging
import threading
from typing import Final

import optuna

from dashboards.explanation import Explanation
from nas.explaining import explain_study
from nas.factors.evidence import LEAST
from search_spaces.errors import UserError

_log = logging.getLogger(__name__)

_GROWTH: Final = 1.5  # more trained networks before a study is explained again


def explained(study: optuna.Study) -> Explanation | None:
    """Return why a study's networks are as accurate as they are, None where that cannot be told yet."""
    try:
        return explain_study(study)
    except UserError as error:  # too few networks, or a space that is not at hand: pages go without
        _log.info("No explanation of %s: %s", study.study_name, error)
        return None


class Explainer:
    """Keeps the latest explanation of each study, made in the background.

    All in all it costs a few explanations a study: the next one is made when half as many networks again have
    been trained.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Explanation | None] = {}
        self._rests_on: dict[str, int] = {}

    def latest(self, study: optuna.Study, trained: int) -> Explanation | None:
        """Return what is known now, and begin to explain the study anew where it has grown.

        Args:
            study: One that nas search began.
            trained: Networks trained so far.
        """
        name = study.study_name
        with self._lock:
            if trained >= max(LEAST, _GROWTH * self._rests_on.get(name, 0)):
                self._rests_on[name] = trained
                threading.Thread(target=self._explain, args=(study,), name="explain", daemon=True).start()
            return self._known.get(name)

    def _explain(self, study: optuna.Study) -> None:
        found = explained(study)
        with self._lock:
            self._known[study.study_name] = found
