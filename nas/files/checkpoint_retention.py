"""Keeps the weights of the best networks of a study and of its Pareto front, and deletes the others."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from optuna.artifacts import get_all_artifact_meta
from optuna.trial import FrozenTrial, TrialState

from dashboards.network_filters import unbeaten
from dashboards.result import TrialResult, best_first
from nas.files.study_files import StudyFiles
from nas.study.naming import trial_folder
from nas.study.opened_study import OpenedStudy
from nas.study.results import networks_of
from nas.study.study import Outline
from search_spaces.errors import FilesError
from trials.training.file_names import CHECKPOINT, WEIGHTS

_log = logging.getLogger(__name__)
_ENDED: Final = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
_WITH_FILES: Final = frozenset({"complete", "pruned"})
_RESERVE: Final = 10  # networks that may still become the delivered one


class CheckpointRetention:
    """Deletes the checkpoints and weights of one study that are no longer needed.

    Files of running trials stay. For the best `kept` networks, a fully trained one keeps its weights and one
    that was stopped early keeps its checkpoint; those on the Pareto front keep their weights, too. Until a
    search is over, at least `_RESERVE` networks do, the best by expected value and the best by their own, and
    the fronts by either: what is expected of a network changes with each other one, and the first may miss
    its latency when it is measured again.

    Args:
        opened: Study whose trials are cleaned up.
        files: Files of the study.
        kept: Number of best networks whose files are kept.
    """

    def __init__(self, opened: OpenedStudy, files: StudyFiles, *, kept: int) -> None:
        self._opened, self._files, self._kept = opened, files, kept
        self._artifacts = files.artifacts()
        self._seen: set[int] = set()
        self._best: list[FrozenTrial] = []

    def sweep(self) -> None:
        """Delete files that are not kept while the search goes on.

        A file that cannot be deleted is logged and left. Only trials that ended since the last sweep and
        those kept then are looked at, because a search of thousands of networks sweeps after each of them.
        """
        ended = self._ended()
        contenders = [*self._best, *(t for t in ended if t.number not in self._seen)]
        self._seen.update(t.number for t in ended)
        ranked = networks_of(Outline(self._opened.study.user_attrs), contenders)
        most, before = max(self._kept, _RESERVE), {t.number for t in self._best}
        by_own = _by_own_value(ranked)
        kept = _first(most, ranked) | _first(most, by_own) | _front(ranked) | _front(by_own)
        self._best = [t for t in contenders if t.number in kept]
        self._clear([t for t in contenders if t.number not in kept & before], kept)  # the rest was swept

    def sweep_all(self, ranked: Sequence[TrialResult]) -> None:
        """Delete files that are not kept once the search is over; one that cannot be deleted is left.

        Args:
            ranked: Networks of the study, the delivered one first. Besides the first `kept`, the best by its
                own value and the Pareto front, which is exported as a whole, keep their files.
        """
        kept = _first(self._kept, ranked) | _first(1, _by_own_value(ranked)) | _front(ranked)
        self._clear(self._ended(), kept, one_listing=True)

    def _ended(self) -> list[FrozenTrial]:
        return self._opened.study.get_trials(deepcopy=False, states=_ENDED)

    def _clear(self, trials: Sequence[FrozenTrial], kept: set[int], *, one_listing: bool = False) -> None:
        try:
            there = self._files.sizes("trials") if one_listing else None  # instead of thousands
            for trial in trials:
                self._try_to_clear(trial, kept=trial.number in kept, there=there)
        except FilesError as error:
            _log.warning("Checkpoints that are not needed may be left: %s", error)

    def _try_to_clear(self, trial: FrozenTrial, *, kept: bool, there: dict[str, int] | None) -> None:
        try:
            self._clear_one(trial, kept=kept, there=there)
        except OSError as error:
            _log.warning("Cannot remove the files of trial %d: %s.", trial.number, error)

    def _clear_one(self, trial: FrozenTrial, *, kept: bool, there: dict[str, int] | None) -> None:
        """Delete the files of a trial that are no longer needed."""
        if kept and trial.state == TrialState.PRUNED:
            return
        unneeded = {CHECKPOINT} if kept else {CHECKPOINT, WEIGHTS}
        names = [f"{trial_folder(trial.number)}/{name}" for name in unneeded]
        if any(self._files.exists(name) if there is None else name in there for name in names):
            self._files.remove(names)
            metas = get_all_artifact_meta(trial, storage=self._opened.storage)
            for meta in metas:
                if meta.filename in unneeded:  # a hard link to the same file
                    self._artifacts.remove(meta.artifact_id)


def _first(most: int, ranked: Sequence[TrialResult]) -> set[int]:
    """Return the trials of the first networks that have files to keep."""
    return {n.trial for n in [n for n in ranked if n.state in _WITH_FILES][:most]}


def _front(networks: Sequence[TrialResult]) -> set[int]:
    """Return the trials of the networks on the Pareto front."""
    return {network.trial for network in unbeaten(networks)}


def _by_own_value(networks: Sequence[TrialResult]) -> tuple[TrialResult, ...]:
    """Return networks by their own values after the search, best first."""
    return best_first([replace(n, posterior_mean=None, retrained_by=None) for n in networks])
