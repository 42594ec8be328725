"""A search on a simulated clock: its proposals, early stops and what it waits for are those of `nas search`.

Trainings take the time of the schedule in `test_reproducible_cost`. Epochs before the last are made up: the
final value, less a gap that closes, and an error of the network that shrinks.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState
from typing_extensions import override

from nas.ask_tell.known_trials import KnownTrials
from nas.ask_tell.successive_halving import RungHalving
from nas.bayesopt.problem import Problem
from nas.samplers import SAMPLERS
from nas.storage.trial_view import TrialView
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from nas.tabular.task import Task
from tests.benchmarks.test_reproducible_cost import (
    BETWEEN_S,
    EPOCHS,
    FIXED_S,
    MEGAMACS,
    PER_MEGAMAC_S,
)

RUNG = 1


@dataclass(frozen=True, slots=True)
class Lagging(KnownTrials):
    """What proposals may rest on with a lag of its own."""

    chosen: int

    @property
    @override
    def lag(self) -> int:
        return self.chosen


@dataclass(frozen=True, slots=True)
class Growing(Lagging):
    """The same, but a trial is known by more of its curve the older it is, not by its first rung alone."""

    @override
    def missing(self, trials: Sequence[FrozenTrial], number: int) -> int | None:
        for age, trial in self._begun(trials, number):
            ended = trial.state.is_finished()
            if (age >= self.lag and not ended) or (age >= self.slots and self._at(trial, age) is None):
                return trial.number
        return None

    @override
    def seen(self, trials: Sequence[FrozenTrial], number: int) -> list[FrozenTrial]:
        known = {
            trial.number: trial_attributes.as_it_was(trial, 0) if age < self.slots else self._at(trial, age)
            for age, trial in self._begun(trials, number)
        }
        return [known.get(trial.number) or trial for trial in trials if trial.number <= number]

    def _at(self, trial: FrozenTrial, age: int) -> FrozenTrial | None:
        """Return a trial as it was after the epoch that one of its age has reached, None before that."""
        grown = RUNG + (age - self.slots) * (EPOCHS - RUNG) // (self.lag - self.slots)
        epoch = min(EPOCHS - 1, grown)
        if age < self.lag and trial_attributes.went_on(trial, RUNG) and epoch in trial.intermediate_values:
            return trial_attributes.as_it_was(trial, epoch)
        return trial if trial.state.is_finished() else None


@dataclass
class Training:
    """A training on the simulated clock.

    Attributes:
        curve: Value after each epoch.
        begun_s: Time at which it began.
        epoch_s: Seconds of one epoch.
        epoch: Epochs done.
        goes_on: Whether the decision at the rung was for it; None before.
    """

    curve: NDArray[np.float64]
    begun_s: float
    epoch_s: float
    epoch: int = 0
    goes_on: bool | None = None


@dataclass
class Search:
    """A search on the simulated clock.

    Attributes:
        task: What is searched.
        seed: Seed of proposals, noise and durations.
        slots: Trainings side by side.
        rule: Lag of a reproducible search, followed by ``+`` if curves grow, or ``None`` for another search.
        spread: Standard deviation of the error of the first epoch, in points.
        networks: Number of networks that are trained.
    """

    task: Task
    seed: int
    slots: int
    rule: str
    spread: float
    networks: int = 30
    running: dict[int, Training] = field(default_factory=dict)
    events: list[tuple[float, int]] = field(default_factory=list)
    truths: dict[int, float] = field(default_factory=dict)
    now_s: float = 0.0

    def __post_init__(self) -> None:
        problem = Problem(
            distributions=self.task.distributions,
            seed=self.seed,
            known_constraints_batch=self.task.known_constraints_batch,
        )
        storage = optuna.storages.InMemoryStorage()
        self.study = optuna.create_study(
            study_name="simulated",
            storage=storage,
            direction="maximize",
            sampler=SAMPLERS["factor_gp"](problem),
            pruner=RungHalving((RUNG, EPOCHS), 2, in_order=self.rule != "None"),
        )
        self.opened = OpenedStudy(self.study, storage)
        self.known: KnownTrials | None = None
        if self.rule != "None":
            kind = Growing if self.rule.endswith("+") else Lagging
            self.known = kind(slots=self.slots, rung=RUNG, chosen=int(self.rule.rstrip("+")))

    def run(self) -> tuple[list[float], float]:
        """Return the regret after each network in the order of proposals, and the time of the search."""
        self._fill()
        while self.events:
            self.now_s, number = heapq.heappop(self.events)
            self._epoch(number)
            self._decide()
            self._fill()
        found = [
            self.truths[t.number] if t.state == TrialState.COMPLETE else -math.inf
            for t in self.study.get_trials(deepcopy=False)
        ]
        best = np.maximum.accumulate(np.maximum(found, min(self.truths.values())))
        return [float(r) for r in self.task.best - best], self.now_s

    def _fill(self) -> None:
        while len(self.running) < self.slots:
            trials = self.study.get_trials(deepcopy=False)
            number = len(trials)
            if number == self.networks or (self.known and self.known.missing(trials, number) is not None):
                return
            self._begin(number)

    def _begin(self, number: int) -> None:
        known, study = self.known, self.study
        if known is not None:
            study = optuna.load_study(
                study_name=study.study_name,
                storage=TrialView(self.opened.storage, lambda now: known.seen(now, number)),
                sampler=study.sampler,
            )
        params = study.ask(dict(self.task.distributions)).params
        self.truths[number] = self.task.truth(params)
        rng = np.random.default_rng(np.random.SeedSequence([self.seed, 2, number]))
        left = 1 - np.arange(1, EPOCHS + 1) / EPOCHS
        error = self.spread * rng.normal() * 1.2  # 5/6 of it after the first epoch
        curve = self.task.observe(params, rng) - 10.0 * left**2 + error * left
        epoch_s = FIXED_S + PER_MEGAMAC_S * float(rng.choice(MEGAMACS)) * float(rng.lognormal(0, 0.1))
        self.running[number] = Training(curve, self.now_s + BETWEEN_S, epoch_s)
        self._next_epoch(number)

    def _next_epoch(self, number: int) -> None:
        training = self.running[number]
        at_s = training.begun_s + (training.epoch + 1) * training.epoch_s
        heapq.heappush(self.events, (at_s, number))

    def _epoch(self, number: int) -> None:
        """End an epoch; what a training does before the decision on it is not told."""
        training = self.running[number]
        training.epoch += 1
        if training.epoch == RUNG:
            self._report(number, RUNG)
        elif training.goes_on:
            self._report(number, training.epoch)
        if training.goes_on is False:
            self._end(number, TrialState.PRUNED)
        elif training.epoch < EPOCHS:
            self._next_epoch(number)
        elif training.goes_on:
            self._end(number, TrialState.COMPLETE)

    def _decide(self) -> None:
        """Decide at the rung on the trainings for which nothing has to be waited for."""
        pruner = self.study.pruner
        assert isinstance(pruner, RungHalving)
        for number, training in sorted(self.running.items()):
            if training.epoch < RUNG or training.goes_on is not None:
                continue
            stored = self.opened.stored_trial(number)
            if pruner.waits(self.study.get_trials(deepcopy=False), stored):
                continue
            training.goes_on = not pruner.prune(self.study, stored)
            if training.goes_on:
                trial_attributes.let_go_on(self.opened, number, RUNG)
                for epoch in range(RUNG + 1, training.epoch + 1):
                    self._report(number, epoch)
            if training.goes_on and training.epoch == EPOCHS:
                self._end(number, TrialState.COMPLETE)
            elif not training.goes_on and self._between_epochs(training):
                self._end(number, TrialState.PRUNED)

    def _between_epochs(self, training: Training) -> bool:
        """Return whether no epoch of a training is under way, which it would be stopped after."""
        ended_s = training.begun_s + training.epoch * training.epoch_s
        return training.epoch == EPOCHS or ended_s == self.now_s

    def _report(self, number: int, epoch: int) -> None:
        value = float(self.running[number].curve[epoch - 1])
        self.opened.storage.set_trial_intermediate_value(self.opened.trial_id(number), epoch, value)

    def _end(self, number: int, state: TrialState) -> None:
        training = self.running.pop(number)
        self.events = [event for event in self.events if event[1] != number]
        heapq.heapify(self.events)
        value = float(training.curve[-1]) if state == TrialState.COMPLETE else None
        self.study.tell(number, value, state=state)
