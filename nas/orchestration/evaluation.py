"""Lets an evaluator do its work on a worker, and stores what it expects of networks with the study."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import optuna

from nas.ask_tell.stopping import SearchControl
from nas.coordination.trial_ownership import EVALUATION, NoTurnError, TrialOwnership
from nas.evaluators import Work
from nas.files.study_files import StudyFiles
from nas.orchestration.progress_lines import ProgressLines
from nas.ray_backend.ray_cluster import Cluster
from nas.ray_backend.worker_task import run_on_worker
from nas.resources import Slots
from nas.study.expected_values import SUPERNET_FOLDER, ExpectedValues, expected_values, store_expected
from nas.study.settings import Settings
from nas.study.supernet_record import so_far, store_so_far
from trials.training.attempt_fence import begin_attempt
from trials.training.epoch_progress import EpochProgress

_KEPT: Final = ("forecast", "epochs_done", "images", "read")  # of what is reported, for views
_STORE_EVERY_S: Final = 10.0
_POLL_S: Final = 5.0


def evaluated(
    study: optuna.Study,
    work: Work | None,
    settings: Settings,
    files: StudyFiles,
    slots: Slots,
    ownership: TrialOwnership,
    control: SearchControl,
    say: Callable[[str], None],
    *,
    cluster: Cluster | None,
) -> ExpectedValues | None:
    """Return what is expected of networks, after the work of the evaluator where that is missing.

    Returns None if the search is to end before, or there is no such work. Of several drivers one works, and
    the others wait for it.

    Args:
        study: Study of the search.
        work: What is done; None for nothing.
        settings: What defines the search.
        files: Files of the study.
        slots: Resources of a training.
        ownership: Which driver does what.
        control: Whether the search goes on.
        say: Shows a line.
        cluster: Cluster that works; None for this machine.

    Raises:
        UserError: if the work cannot be done.
    """
    while True:
        known = expected_values(study.user_attrs)
        if known is not None or work is None:
            return known
        try:
            with ownership.turn(control.is_ending) as others:
                mine = EVALUATION not in others
                if mine:
                    ownership.take(EVALUATION)
        except NoTurnError:
            return None
        if mine:
            break
        if control.is_ending():
            return None
        time.sleep(_POLL_S)
    try:
        return _worked(study, work, settings, files, slots, control, say, cluster)
    finally:
        ownership.drop(EVALUATION)


def _worked(
    study: optuna.Study,
    work: Work,
    settings: Settings,
    files: StudyFiles,
    slots: Slots,
    control: SearchControl,
    say: Callable[[str], None],
    cluster: Cluster | None,
) -> ExpectedValues | None:
    known = expected_values(study.user_attrs)  # another driver may have finished it meanwhile
    if known is not None:
        return known
    folder = Path(files.place(SUPERNET_FOLDER))
    folder.mkdir(parents=True, exist_ok=True)
    for line in work.lines:
        say(line)
    about, lines = _SoFar(study, work.about), ProgressLines()

    def config() -> dict[str, Any]:
        return {**work.config, "folder": str(folder), "attempt": begin_attempt(folder)}

    def report(news: Mapping[str, Any]) -> None:
        if "line" in news:
            say(str(news["line"]))
        if "progress" in news:
            line = lines.line(EVALUATION, EpochProgress.from_json(news["progress"]))
            if line is not None:
                say(line.replace(f"#{EVALUATION}", settings.evaluator.capitalize()))
        about.update({name: news[name] for name in _KEPT if name in news})

    started_s = time.monotonic()
    found = run_on_worker(work.run, config, slots, control, report, cluster=cluster)
    if found is None:
        return None
    expected = ExpectedValues(
        source=settings.evaluator if settings.supernet is None else f"supernet of {settings.supernet}",
        codes=found["codes"],
        values=found["values"],
        budgets=tuple(budget.text for budget in settings.budgets if budget.counted),
        about={**about.known, **found.get("about", {}), "seconds": round(time.monotonic() - started_s, 1)},
    )
    store_expected(study, expected)
    say(f"{settings.evaluator.capitalize()} {len(expected.values)} networks read: evidence to the sampler")
    return expected


class _SoFar:
    """What is known of the work, which views read while it goes on.

    Args:
        study: Study that keeps it.
        about: What is known before.
    """

    def __init__(self, study: optuna.Study, about: Mapping[str, Any]) -> None:
        self._study, self.known = study, {**so_far(study.user_attrs), **about}  # an earlier attempt's
        self._store()

    def update(self, news: Mapping[str, Any]) -> None:
        """Add what is known now, and store it every few seconds."""
        self.known |= news
        if news and time.monotonic() - self._stored_s >= _STORE_EVERY_S:
            self._store()

    def _store(self) -> None:
        store_so_far(self._study, self.known)
        self._stored_s = time.monotonic()
