"""Writes what trainings report into the study: their epochs, early stops and ends.

Where every run of a search is to stop the same trainings early, a training that reaches a rung before those
that were proposed before it goes on meanwhile. What it reports is held back until they have reached the rung
too, and forgotten if it is stopped there; so the study never holds an epoch that another run has not.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nas.ask_tell.failures import FailureCounter
from nas.ask_tell.retries import MOST_DEATHS
from nas.ask_tell.stopping import CutShortError, SearchControl
from nas.ask_tell.trial_reporter import TrialReporter
from nas.ask_tell.trial_source import TrialSource
from nas.files.trial_artifacts import TrialArtifacts
from nas.ray_backend.worker import search_problem
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Training:
    """A training of this driver.

    Attributes:
        number: Number of its trial.
        stopped_early: Whether it was decided to stop it.
        lost: Whether another driver has taken over its trial.
        undecided: Whether it is at a rung and those before it are not.
        held: What it reported since, in order.
        end: What it reported last and whether its process died, if it ended meanwhile.
        recorded: Whether its end is written and counted, so that only what follows is still to be done.
    """

    number: int
    stopped_early: bool = False
    lost: bool = False
    undecided: bool = False
    held: list[dict[str, Any]] = field(default_factory=list)
    end: tuple[dict[str, Any], bool] | None = None
    recorded: bool = False


class TrainingRecorder:
    """Writes the reports of one driver's trainings; a call that failed may be repeated.

    Args:
        opened: The study that everything is written into.
        source: Knows which trials this driver owns.
        reporter: Writes single epochs and outcomes.
        control: Whether the search goes on.
        artifacts: Shows files of trainings in the dashboard; None for none.
        on_refused: Called with the id of a node that refused a training and why.
        after_end: Called after the end of a training was reported to the study.

    Attributes:
        busy_s: Slot-seconds of training and evaluation so far, trainings cut short included.
    """

    def __init__(
        self,
        opened: OpenedStudy,
        source: TrialSource,
        reporter: TrialReporter,
        control: SearchControl,
        *,
        artifacts: TrialArtifacts | None,
        on_refused: Callable[[str, str], None],
        after_end: Callable[[], None],
    ) -> None:
        self._opened, self._source, self._reporter, self._control = opened, source, reporter, control
        self._artifacts, self._on_refused, self._after_end = artifacts, on_refused, after_end
        self._waiting: dict[int, Training] = {}
        self._failures = FailureCounter(control.criteria.failures)
        self.busy_s = 0.0

    @property
    def waits(self) -> bool:
        """Whether a training that has ended waits for those before it."""
        return any(training.end is not None for training in self._waiting.values())

    def epoch(self, training: Training, result: dict[str, Any]) -> bool:
        """Write an epoch, unless it is there or held back, and return whether to stop the training."""
        if not self._source.owns(training.number):
            training.lost = True
            _log.warning("Trial %d was taken over by another driver.", training.number)
            return True
        if training.number in self._waiting:
            training.held.append(dict(result))
        else:
            self._write(training, result)
        self.settle()
        return training.stopped_early

    def end(self, training: Training, result: dict[str, Any], error: bool) -> None:
        """Report the end of a training to the study, unless it was only cut short or has to wait.

        Args:
            training: What has ended.
            result: What it reported last; nothing if it reported nothing.
            error: Whether its process died.
        """
        outcome = "error" in result or bool(result.get("final"))
        if outcome and not error and search_problem(result) is None and training.number in self._waiting:
            training.end = result, error
        else:
            self._waiting.pop(training.number, None)  # it comes back to where it is
            self._record(training, result, error)
        self.settle()

    def settle(self) -> None:
        """Decide on the trainings at a rung for which it is time, and write what they reported since."""
        for training in [self._waiting[number] for number in sorted(self._waiting)]:
            if not self._source.owns(training.number):
                training.lost, training.undecided = True, False
                training.held.clear()
            if training.undecided:
                self._decide(training)
            while training.held and not (training.undecided or training.stopped_early):
                self._write(training, training.held[0])
                del training.held[0]
            if training.undecided:
                continue
            if training.end is not None:
                self._record(training, *training.end)
            del self._waiting[training.number]

    def _write(self, training: Training, result: dict[str, Any]) -> None:
        """Write an epoch, and decide whether it was the last."""
        stored, new = self._reporter.epoch(training.number, result)
        if new:
            self.busy_s += float(result["seconds"]) - float(result.get("waited_seconds", 0.0))
        if not result["final"] and int(result["epoch"]) == stored.last_step:
            self._decide(training)

    def _decide(self, training: Training) -> None:
        decision = self._reporter.stops_early(self._opened.stored_trial(training.number))
        training.undecided, training.stopped_early = decision is None, bool(decision)
        if training.undecided:
            self._waiting[training.number] = training

    def _record(self, training: Training, result: dict[str, Any], error: bool) -> None:
        """Report the end of a training to the study, once, and then that it has ended."""
        if not training.recorded:
            self._write_end(training, result, error)
            training.recorded = True  # a database that goes away from here on has it all
        self._after_end()
        self._source.ended(training.number)

    def _write_end(self, training: Training, result: dict[str, Any], error: bool) -> None:
        """Report the end of a training to the study, as what its last result says it is."""
        control, number = self._control, training.number
        ours = not training.lost and self._source.owns(number)
        if ours and self._artifacts is not None and (result.get("final") or training.stopped_early):
            # before the end is reported: a finished trial is read-only
            self._artifacts.end(self._opened, number)
        if (problem := search_problem(result)) is not None:
            control.stop(CutShortError(problem))
        elif "refused" in result:
            self._on_refused(str(result["node"]), str(result["refused"]))
            control.retries.waiting.add(number)
        elif result.get("superseded"):
            control.retries.waiting.add(number)
        elif ours:
            self._record_own(training, result, error)

    def _record_own(self, training: Training, result: Mapping[str, Any], error: bool) -> None:
        """Report the end of a training whose trial this driver owns."""
        if training.stopped_early:
            self._reporter.stopped(training.number)
        elif "error" in result:
            self._fail(training.number, str(result["error"]))
        elif error and not self._control.cluster_gone:
            self._retry_or_fail(training.number)
        elif result.get("final"):
            self._reporter.completed(training.number)

    def _retry_or_fail(self, number: int) -> None:
        """Retry a training whose process or machine died, unless it makes no progress."""
        if self._control.retries.died(self._opened.stored_trial(number)):
            _log.warning("What trained trial %d died; it goes on from its checkpoint.", number)
        else:
            self._fail(number, f"what trained it died {MOST_DEATHS} times without finishing an epoch")

    def _fail(self, number: int, reason: str) -> None:
        # Read before the failure is shown: a call that fails here is repeated from its start.
        trained = sum(map(trial_attributes.trained, self._opened.study.get_trials(deepcopy=False)))
        self._reporter.failed(number, reason)
        problem = self._failures.failed(reason, trained)
        if problem is not None:
            self._control.drain(problem)
