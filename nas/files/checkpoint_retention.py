"""Keeps the weights of the best networks of a study and deletes those of the others."""

import logging
from dataclasses import replace
from typing import Final

from optuna.artifacts import get_all_artifact_meta
from optuna.trial import FrozenTrial, TrialState

from dashboards.result import best_first
from nas.files.study_files import StudyFiles
from nas.study.naming import trial_folder
from nas.study.opened_study import OpenedStudy
from nas.study.results import networks_of
from nas.study.study import Outline
from search_spaces.errors import FilesError
from trials.training.file_names import CHECKPOINT, WEIGHTS

_log = logging.getLogger(__name__)
_ENDED: Final = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class CheckpointRetention:
    """Deletes the checkpoints and weights of one study that are no longer needed.

    Files of running trials stay. For the best `kept` networks, a fully trained one keeps its weights and one
    that was stopped early keeps its checkpoint. Until a search is over, these are the best by expected value
    and the best by their own.

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

    def sweep(self, *, all_over: bool = False) -> None:
        """Delete files that are not kept; a file that cannot be deleted is logged and left.

        Args:
            all_over: Whether all trials are checked. Otherwise only those that ended since the last sweep and
                those kept then, because a search of thousands of networks sweeps after each of them.
        """
        if all_over:
            self._seen.clear()
            self._best.clear()
        ended = self._opened.study.get_trials(deepcopy=False, states=_ENDED)
        contenders = [*self._best, *(t for t in ended if t.number not in self._seen)]
        self._seen.update(t.number for t in ended)
        outline = Outline(self._opened.study.user_attrs)
        ranked = [n for n in networks_of(outline, contenders) if n.state in {"complete", "pruned"}]
        kept, before = {n.trial for n in ranked[: self._kept]}, {t.number for t in self._best}
        if not all_over:  # what is expected of a network still changes: its own value may prove right
            lucky = best_first([replace(n, posterior_mean=None) for n in ranked])
            kept |= {n.trial for n in lucky[: self._kept]}
        self._best = [t for t in contenders if t.number in kept]
        try:
            there = self._files.sizes("trials") if all_over else None  # one listing instead of thousands
            for trial in (t for t in contenders if t.number not in kept & before):  # the rest was swept
                self._try_to_clear(trial, kept=trial.number in kept, there=there)
        except FilesError as error:
            _log.warning("Checkpoints that are not needed may be left: %s", error)

    def _try_to_clear(self, trial: FrozenTrial, *, kept: bool, there: dict[str, int] | None) -> None:
        try:
            self._clear(trial, kept=kept, there=there)
        except OSError as error:
            _log.warning("Cannot remove the files of trial %d: %s.", trial.number, error)

    def _clear(self, trial: FrozenTrial, *, kept: bool, there: dict[str, int] | None) -> None:
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
