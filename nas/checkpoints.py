"""Keeps the weights of the best few networks of a study, and removes those of the others."""

import logging
from pathlib import Path
from typing import Final

import optuna
from optuna.artifacts import get_all_artifact_meta
from optuna.trial import FrozenTrial, TrialState

from nas.attaching import artifact_folder
from nas.study import networks_of
from trials.trainable import CHECKPOINT, WEIGHTS

_log = logging.getLogger(__name__)
_ENDED: Final = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class Checkpoints:
    """The checkpoints and weights of one study.

    What a training that runs needs stays. Of a network that was trained to the end its weights are kept, of
    one that was stopped early its checkpoint, for the best `kept` of them.

    Args:
        study: Whose trials they are.
        folder: Of the study's files.
        kept: How many networks keep theirs.
    """

    def __init__(self, study: optuna.Study, folder: Path, *, kept: int) -> None:
        self._study, self._folder, self._kept = study, folder, kept
        self._seen: set[int] = set()
        self._best: list[FrozenTrial] = []

    def sweep(self, *, all_over: bool = False) -> None:
        """Remove what is not kept; a file that cannot be removed is logged and left.

        Args:
            all_over: Whether every trial is looked at. Else only what has ended since the last sweep, and
                what was kept then: a search of thousands of networks sweeps after each of them.
        """
        if all_over:
            self._seen.clear()
            self._best.clear()
        ended = self._study.get_trials(deepcopy=False, states=_ENDED)
        contenders = [*self._best, *(t for t in ended if t.number not in self._seen)]
        self._seen.update(t.number for t in ended)
        whole = [n.trial for n in networks_of(self._study, contenders) if n.state in {"complete", "pruned"}]
        kept = set(whole[: self._kept])
        self._best = [t for t in contenders if t.number in kept]
        for trial in contenders:
            self._clear(trial, kept=trial.number in kept)

    def _clear(self, trial: FrozenTrial, *, kept: bool) -> None:
        """Remove what a trial does not need any more."""
        if kept and trial.state == TrialState.PRUNED:
            return
        names = {CHECKPOINT} if kept else {CHECKPOINT, WEIGHTS}
        place = self._folder / "trials" / f"{trial.number:05d}"
        paths = [place / name for name in names]
        if any(path.exists() for path in paths):
            self._remove([*paths, *self._shown(trial, names)])

    def _shown(self, trial: FrozenTrial, names: set[str]) -> list[Path]:
        """Return the other names under which the dashboard hands out these files of a trial."""
        metas = get_all_artifact_meta(trial, storage=self._study._storage)  # noqa: SLF001 -- it asks for it
        return [artifact_folder(self._folder) / m.artifact_id for m in metas if m.filename in names]

    def _remove(self, paths: list[Path]) -> None:
        for path in paths:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                _log.warning("Cannot remove %s: %s.", path, error)
