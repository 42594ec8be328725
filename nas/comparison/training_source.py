"""Hands out the trainings of a comparison: every network from the first seed, then all from the next."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from optuna.trial import FrozenTrial, TrialState

from nas.ask_tell.candidates import EnoughError
from nas.comparison.entrant import Entrant
from nas.coordination.trial_ownership import NoTurnError, TrialOwnership
from nas.latency.constraint import StoppedError
from nas.study import trial_attributes
from nas.study.compared_training import TrainingKey, name_training, training_of
from nas.study.opened_study import OpenedStudy
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.counting import count


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training of a comparison.

    Attributes:
        entrant: The network.
        seed: Which of the seeds, from 0.
    """

    entrant: Entrant
    seed: int

    @property
    def key(self) -> TrainingKey:
        """What tells it from other trainings."""
        return self.entrant.training(self.seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTraining:
    """A job whose trial is running.

    Attributes:
        number: Number of its trial.
        architecture: What is trained.
        seed: Which of the seeds, from 0.
        weights: Digest of the trained weights that it begins with; None for random ones.
    """

    number: int
    architecture: Architecture
    seed: int
    weights: str | None = None


class TrainingSource:
    """Hands out the trainings of a comparison that its study lacks, those of dead drivers first.

    Args:
        opened: The study, which may hold trainings of earlier comparisons.
        jobs: What is to be trained, in order.
        budgets: Of the search, in the order of the constraints.
        num_classes: Class scores of the networks.
        in_channels: Channels of the images.
        ownership: Which trials belong to other drivers.
        stopped: Whether nothing more is wanted.
    """

    def __init__(
        self,
        opened: OpenedStudy,
        jobs: Sequence[Job],
        budgets: Sequence[Budget],
        *,
        num_classes: int,
        in_channels: int,
        ownership: TrialOwnership,
        stopped: Callable[[], bool],
    ) -> None:
        self._opened, self._budgets = opened, tuple(budgets)
        self._jobs: Final = {job.key: job for job in reversed(jobs)}  # of two alike, the first
        self._order: Final = list(dict.fromkeys(job.key for job in jobs))
        self._first = {key[:2]: key for key in reversed(self._order)}  # of one network and seed
        self._classes, self._channels = num_classes, in_channels
        self._ownership, self._stopped = ownership, stopped
        self._handed_out: set[int] = set()
        self._failed_before = {t.number for t in self._trials() if t.state == TrialState.FAIL}

    @property
    def wanted(self) -> int:
        """Number of different trainings."""
        return len(self._order)

    @property
    def done(self) -> dict[TrainingKey, FrozenTrial]:
        """The trainings of the comparison that have reached their end."""
        found = {self._key(t): t for t in self._trials() if t.state == TrialState.COMPLETE}
        return {key: trial for key, trial in found.items() if key is not None and key in self._jobs}

    def owns(self, number: int) -> bool:
        """Return whether a trial that was handed out may still be written into."""
        return self._ownership.holds(number)

    def ended(self, number: int) -> None:
        """Note that a trial which was handed out is not trained here any more."""
        self._handed_out.discard(number)
        self._ownership.drop(number)

    def next(self, wanted: float) -> PlannedTraining:
        """Return the next training; its trial is running.

        Args:
            wanted: 0 where nothing but trainings that were begun is to go on.

        Raises:
            EnoughError: if all are trained or being trained, or have failed.
            StoppedError: if the comparison ends before.
        """
        with self._turn() as left:
            if left:
                return self._taken(left[0])
            held = self._held()
            missing = [key for key in self._order if key not in held]
            running = sum(
                t.state == TrialState.RUNNING and self._key(t) in self._jobs for t in self._trials()
            )
            if not missing or not wanted:
                raise EnoughError(running)
            return self._begun(self._jobs[missing[0]])

    def _trials(self) -> list[FrozenTrial]:
        return self._opened.study.get_trials(deepcopy=False)

    def _key(self, trial: FrozenTrial) -> TrainingKey | None:
        """Return which training a trial is; without stored weights, as of earlier versions, the first."""
        key = training_of(trial)
        if key is None or key in self._jobs or key.weights is not None:
            return key
        return self._first.get(key[:2], key)

    def _held(self) -> set[TrainingKey | None]:
        """Return the trainings that are not to begin: begun, done, or failed since this start."""
        return {self._key(t) for t in self._trials() if t.number not in self._failed_before}

    @contextmanager
    def _turn(self) -> Iterator[list[FrozenTrial]]:
        """Be the only driver that hands out trainings; yield those that dead drivers left."""
        if self._stopped():
            raise StoppedError
        try:
            with self._ownership.turn(self._stopped) as others:
                running = [t for t in self._trials() if t.state == TrialState.RUNNING]
                unowned = [t for t in running if t.number not in self._handed_out and t.number not in others]
                yield [trial for trial in unowned if self._goes_on(trial)]
        except NoTurnError as error:
            raise StoppedError from error

    def _goes_on(self, left: FrozenTrial) -> bool:
        """Return whether a trial that was left running is to go on now; end it in the study if it cannot."""
        state = trial_attributes.ending(left)
        if state is None and not trial_attributes.described(left):
            state = TrialState.FAIL
            trial_attributes.decide(self._opened, left.number, state, "interrupted before its training began")
        if state is None:
            return self._key(left) in self._jobs  # of an earlier comparison: it waits for that
        self._opened.study.tell(left.number, state=state, skip_if_finished=True)
        if state == TrialState.FAIL:
            self._failed_before.add(left.number)  # its driver died, so that it is tried again
        self._ownership.drop(left.number)
        return False

    def _taken(self, left: FrozenTrial) -> PlannedTraining:
        key = self._key(left)
        assert key is not None
        return self._handed(left.number, self._jobs[key])

    def _begun(self, job: Job) -> PlannedTraining:
        """Begin a trial for a job, with all that is known of its network."""
        number, network = self._opened.study.ask().number, job.entrant.architecture
        costs = count(network, num_classes=self._classes, in_channels=self._channels, deploy=True)
        excess = [b.excess(costs[b.resource]) if b.counted else 0.0 for b in self._budgets]
        name_training(self._opened, number, job.entrant.name, job.key)
        trial_attributes.describe(self._opened, number, network, costs, excess)
        return self._handed(number, job)

    def _handed(self, number: int, job: Job) -> PlannedTraining:
        self._ownership.take(number)
        self._handed_out.add(number)
        network, weights = job.entrant.architecture, job.entrant.digest
        return PlannedTraining(number=number, architecture=network, seed=job.seed, weights=weights)
