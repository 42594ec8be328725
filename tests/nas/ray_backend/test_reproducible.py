"""In whatever order trainings end, a reproducible search proposes, stops and delivers the same."""

import concurrent.futures
import time
from typing import Any

import numpy as np
import optuna
import pytest

from dashboards.result import Epoch, TrialResult
from nas.ask_tell.candidates import CandidateSource
from nas.ask_tell.known_trials import KnownTrials
from nas.ask_tell.stopping import SearchControl, StoppingCriteria
from nas.ask_tell.successive_halving import RungHalving
from nas.bayesopt.space_problem import problem_of
from nas.ray_backend.searcher import StudySearcher
from nas.resources import Capacity
from nas.samplers import SAMPLERS
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from search_spaces.budget import Budget
from trials.training.epoch_progress import EpochProgress

BUDGETS = (Budget.parse("500k-MACs"),)
EPOCHS, RUNGS, WANTED = 4, (1, 2), 8


class Silent:
    """Watches a search and says nothing."""

    def started(self, network: TrialResult, *, resumed: bool) -> None: ...

    def epoch(self, trial: int, epoch: Epoch) -> None: ...

    def progress(self, trial: int, progress: EpochProgress) -> None: ...

    def ended(self, trial: int, state: str, reason: str | None, value: float | None = None) -> None: ...

    def say(self, line: str) -> None: ...


class Machine:
    """Trains networks of a study whose values are known, in an order that a seed draws, and may be killed."""

    def __init__(self, prices, seed: int, *, sampler: str, slots: int, reproducible: bool = True) -> None:
        self.storage, self.prices = optuna.storages.InMemoryStorage(), prices
        self.rng = np.random.default_rng(seed)
        self.sampler, self.slots, self.reproducible = sampler, slots, reproducible
        self.checkpoints: dict[int, int] = {}  # epochs of each trial that survive a kill
        self.wanted = WANTED

    def searcher(self) -> StudySearcher:
        study = optuna.create_study(
            storage=self.storage,
            study_name="s",
            direction="maximize",
            sampler=SAMPLERS[self.sampler](problem_of(self.prices, BUDGETS, seed=0)),
            pruner=RungHalving(RUNGS, 2, in_order=self.reproducible),
            load_if_exists=True,
        )
        opened = OpenedStudy(study, self.storage)
        control = SearchControl(StoppingCriteria(trials=self.wanted, failures=9), Capacity(self.slots))
        known = KnownTrials(slots=self.slots, rung=RUNGS[0]) if self.reproducible else None
        source = CandidateSource(opened, self.prices, BUDGETS, stopped=control.is_ending, known=known)
        self.study, self.control = study, control
        return StudySearcher(opened, source, lambda c: {"number": c.number}, control, Silent())

    def run(self, kills: int = 0) -> list[tuple[Any, ...]]:
        """Train to the end, killed a few times on the way, and return what the study holds."""
        for _ in range(kills):
            self._until(self.searcher(), steps=int(self.rng.integers(1, 25)))
            if self.rng.random() < 0.5 and not any(self._undescribed()):
                self.storage.create_new_trial(0)  # the process died when it had begun to propose
        self._until(self.searcher(), steps=None)
        return [
            (t.number, t.params, t.state.name, t.intermediate_values, t.value)
            for t in self.study.get_trials(deepcopy=False)
            if t not in self._undescribed()
        ]

    def _undescribed(self) -> list[optuna.trial.FrozenTrial]:
        """Return what was about to be proposed; left if there were enough networks without it."""
        return [t for t in self.study.get_trials(deepcopy=False) if not trial_attributes.described(t)]

    def _until(self, searcher: StudySearcher, steps: int | None) -> None:
        live: dict[str, tuple[int, int]] = {}  # Tune's name to trial and epochs that were reported
        begun = 0
        while steps is None or steps > 0:
            steps = None if steps is None else steps - 1
            if len(live) < self.slots and self.rng.random() < 0.9:
                config = self._suggested(searcher, f"t{begun}")
                if config == StudySearcher.FINISHED:
                    return
                if isinstance(config, dict):
                    live[f"t{begun}"] = (config["number"], 0)
                    begun += 1
                elif not live:
                    time.sleep(0.01)
            if live and self.rng.random() < 0.7:
                names, weights = sorted(live), self.rng.random(len(live)) ** 4
                self._advance(searcher, live, str(self.rng.choice(names, p=weights / weights.sum())))
        searcher._control.closing = True  # what is under way writes no more, as after a kill
        if searcher._pending is not None:
            concurrent.futures.wait([searcher._pending], timeout=30)

    def _suggested(self, searcher: StudySearcher, name: str) -> Any:
        """Return what a searcher suggests once the proposal under way has come."""
        config = searcher.suggest(name)
        if config is None and searcher._pending is not None:
            concurrent.futures.wait([searcher._pending], timeout=30)
            config = searcher.suggest(name)
        return config

    def _advance(self, searcher: StudySearcher, live: dict[str, tuple[int, int]], name: str) -> None:
        number, reached = live[name]
        reached += 1
        live[name] = (number, reached)
        self.checkpoints[number] = max(self.checkpoints.get(number, 0), reached)
        result = self.epoch(number, reached)
        stop = searcher(name, result)
        if stop or result["final"]:
            del live[name]
            searcher.on_trial_complete(name, result)

    def epoch(self, number: int, reached: int) -> dict[str, Any]:
        codes = self.prices.codes.of([self.study.get_trials(deepcopy=False)[number].params])[0]
        draws = np.random.default_rng([*codes.tolist(), reached])
        accuracy = 0.5 + 0.1 * reached + 0.1 * float(draws.standard_normal())
        return {
            "epoch": reached,
            "accuracy": accuracy,
            "standard_error": 0.01,
            "seconds": 1.0,
            "final": reached == EPOCHS,
        }


def trained(found: list[tuple[Any, ...]]) -> int:
    return sum(bool(curve) for *_, curve, _ in found)


@pytest.mark.parametrize(("sampler", "slots"), [("random", 2), ("tpe", 4), ("factor_gp", 3)])
def test_the_order_in_which_trainings_end_changes_nothing(tiny_prices, sampler, slots):
    """Without the mark the same simulation gives other networks, see the next test."""
    first, *others = (
        Machine(tiny_prices, seed, sampler=sampler, slots=slots).run(kills=seed) for seed in range(3)
    )
    assert trained(first) == WANTED
    assert {state for _, _, state, _, _ in first} == {"COMPLETE", "PRUNED"}
    for other in others:
        assert other == first


def test_without_it_the_order_does_change_what_is_found(tiny_prices):
    runs = [
        Machine(tiny_prices, seed, sampler="factor_gp", slots=3, reproducible=False).run()
        for seed in range(4)
    ]
    assert any(run != runs[0] for run in runs)


def test_one_training_at_a_time_rests_on_all_there_is(tiny_prices):
    known, free = (
        Machine(tiny_prices, 0, sampler="factor_gp", slots=1, reproducible=mark).run()
        for mark in (True, False)
    )
    assert known == free
