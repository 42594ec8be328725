"""Retrains networks of one study by one recipe: in a race, by several seeds, or one on all its images."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import PurePosixPath
from typing import TypeVar

from dashboards.result import TrialResult
from nas.orchestration.deployed_form import INT8
from nas.orchestration.initial_weights import SEARCH
from nas.orchestration.retrained_evaluation import RetrainedEvaluation
from nas.orchestration.retrained_expectation import with_expected
from nas.orchestration.retraining_runs import RetrainingRuns, Trained
from nas.orchestration.retraining_seeds import best_of, soup_of
from nas.study.results import result_of
from nas.study.retrained import (
    Retrained,
    final,
    ranked,
    seed_of,
    store,
    store_delivered,
    store_dropped,
    store_seed,
)
from nas.study.retraining_race import (
    Figure,
    rests_on,
    rungs_of,
    stopped_line,
    store_figure,
    stored_figure,
    survivors,
)
from nas.study.study import settings_of
from search_spaces.units import format_accuracy
from trials.training.epoch_result import error_key
from trials.training.errors import TrainingError
from trials.training.evaluation import METRICS, Scores

Found = TypeVar("Found")


class Retrainer:
    """Retrains networks of one study by one recipe, and stores what came of it.

    Args:
        runs: The trainings.
        recipe_file: Name or absolute path of the recipe as it was asked for.
        recipe_reason: Why this recipe, in sentences; empty if it was asked for as it is.
        teacher: Network to learn from as it was asked for besides the recipe; None for none.
        form_asked: Numbers in which networks are deployed, as asked for; None for those of the search.
    """

    def __init__(
        self,
        runs: RetrainingRuns,
        *,
        recipe_file: str | None,
        recipe_reason: str,
        teacher: str | None,
        form_asked: str | None = None,
    ) -> None:
        self._runs, self._study, self._recipe = runs, runs.study, runs.recipe
        self._report_line, self._teacher = runs.report_line, teacher
        self._recipe_file, self._recipe_reason = recipe_file, recipe_reason or None
        self._form_asked = form_asked
        self._metric, self._top = settings_of(self._study).metric, 1
        self._evaluation = RetrainedEvaluation(runs, form_asked)

    def compared(self, networks: Sequence[TrialResult]) -> tuple[Retrained, ...]:
        """Return the networks that a race leaves, trained on the training images to the end, best first.

        Raises:
            TrainingError: if none of the trainings reaches its end.
        """
        self._top = len(networks)
        standing = self._raced(networks)
        found = self._each(standing, self._ranked)
        settings = next(iter(found.values())).settings
        in_int8 = self._runs.deploy_dtype == INT8
        alike = {one.trial: one for one in with_expected(self._study, settings, in_int8=in_int8)}
        shown = [network.trial for network in result_of(self._study).networks]
        ordered = tuple(alike[trial] for trial in shown if trial in found)  # as every command orders them
        merits = [(one.trial, one.merit or (0.0, None)) for one in ordered]
        self._report_line(rests_on([(trial, (value, error or 0.0)) for trial, (value, error) in merits]))
        return ordered

    def _raced(self, networks: Sequence[TrialResult]) -> list[TrialResult]:
        """Return the networks that are left after the rungs of a race, in the order that was given."""
        standing = list(networks)
        for rung in rungs_of(self._recipe.epochs):
            if len(standing) == 1:
                break
            ended = {network.trial for network in standing if self._ended_before(network, rung)}
            racing = [network for network in standing if network.trial not in ended]
            figures = self._each(racing, partial(self._at, epoch=rung), others=bool(ended))
            kept = {*survivors(figures), *ended}
            for network in racing:
                if network.trial in figures and network.trial not in kept:
                    self._report_line(stopped_line(network.trial, rung, figures))
                    self._drop(network)
                    self._runs.forget(network, joined=False)
            standing = [network for network in standing if network.trial in kept]
        return standing

    def _each(
        self, networks: Sequence[TrialResult], train: Callable[[TrialResult], Found], *, others: bool = False
    ) -> dict[int, Found]:
        """Return what trainings gave, by trial, without those that failed.

        Args:
            networks: The networks.
            train: Trains one.
            others: Whether there are networks that need no training.

        Raises:
            TrainingError: if all failed, and there are no others.
        """
        found: dict[int, Found] = {}
        failed = None
        for network in networks:
            try:
                found[network.trial] = train(network)
            except TrainingError as error:
                self._report_line(f"#{network.trial} failed: {error}")
                self._drop(network)
                failed = error
        if failed is not None and not found and not others:
            raise failed
        return found

    def _drop(self, network: TrialResult) -> None:
        """Store that a network is not trained to the end: it comes after those of the race that are."""
        store_dropped(self._study, network.trial, PurePosixPath(self._runs.place(network, joined=False)).name)

    def _ended_before(self, network: TrialResult, epoch: int) -> bool:
        """Return whether a network was trained to the end without a race that looked at an epoch."""
        known, weights = ranked(self._study).get(network.trial), self._runs.weights(network, joined=False)
        place = self._runs.place(network, joined=False)
        ended = known is not None and known.weights == weights and self._runs.files.exists(weights)
        return ended and stored_figure(self._study, place, epoch) is None

    def _at(self, network: TrialResult, epoch: int) -> Figure:
        """Return the value of a network after an epoch on the training images, trained only once."""
        place = self._runs.place(network, joined=False)
        known = stored_figure(self._study, place, epoch)
        if known is not None:
            return known
        trained = self._runs.train(network, joined=False, until=epoch)
        value, error = trained.results[epoch - 1].of(self._metric)
        figure = (value or 0.0, error or 0.0)
        store_figure(self._study, place, epoch, figure)
        return figure

    def seeded(self, network: TrialResult, seeds: int) -> tuple[Retrained, ...]:
        """Return trainings of a network on the training images, one by each seed, in their order.

        Raises:
            TrainingError: if one of them does not reach its end.
        """
        found = [self._ranked(network)]
        for seed in range(1, seeds):
            name = self._runs.weights(network, joined=False, seed=seed)
            known = seed_of(self._study, network.trial, seed)
            if known is None or known.weights != name or not self._runs.files.exists(name):
                trained = self._runs.train(network, joined=False, seed=seed)
                known = replace(self._retrained(name, network, trained, joined=False), seed=seed)
                store_seed(self._study, known)  # before the files go with which a killed one goes on
                self._runs.forget(network, joined=False, seed=seed)
            elif (formed := self._evaluation.in_deployed_form(network, known)) != known:
                store_seed(self._study, known := formed)
            found.append(known)
        return tuple(found)

    def best(self, network: TrialResult, seeded: Sequence[Retrained], *, soup: bool = False) -> Retrained:
        """Return the best of a network's trainings by validation images, tested and stored as delivered.

        Args:
            network: The network.
            seeded: Its trainings.
            soup: Whether the mean of several takes their place where it is no worse.
        """
        several = len(seeded) if len(seeded) > 1 else None
        known = final(self._study, network.trial)
        lacks = known is None or (self._runs.deploy_dtype == INT8 and known.int8_test is None)
        if known is not None and not lacks and (known.seeds, known.souped) == (several, soup):
            mine = self._runs.soup_weights(network, known.soup) if known.soup else best_of(seeded).weights
            if known.weights == mine and self._runs.files.exists(mine):
                return known
        mean = self._soup(network, seeded) if soup and several else None
        chosen = replace(mean or best_of(seeded), seeds=several, top=None, souped=soup)
        if mean is None and several:
            self._report_line(
                f"#{network.trial} seed {chosen.seed} is the best of {several} by validation images"
            )
        test = self._evaluation.tested(network, chosen.weights)
        tested = replace(
            chosen,
            test_accuracy=test.accuracy,
            test_standard_error=test.standard_error,
            test_values={name: list(test.of(name)) for name in METRICS},
            int8_test=self._evaluation.tested_int8(network, chosen.weights),
        )
        store_delivered(self._study, tested)
        return tested

    def _soup(self, network: TrialResult, seeded: Sequence[Retrained]) -> Retrained | None:
        """Return the mean of several trainings unless validation images show it to be worse, and say it."""
        found, best = soup_of(seeded, network, self._runs, metric=self._metric), best_of(seeded)
        (alone_value, alone_error), value, error = best.value or (0.0, None), 0.0, None
        alone = f"{format_accuracy(alone_value, alone_error)} of seed {best.seed} alone"
        if found is not None:
            found = self._evaluation.in_deployed_form(network, found)
            value, error = found.value or (0.0, None)
        if found is None or value < alone_value:
            self._report_line(f"#{network.trial} no mean of weights is as good as the {alone}")
            return None
        seeds = ", ".join(map(str, found.soup or ()))
        self._report_line(
            f"#{network.trial} the mean of the weights of seeds {seeds} is taken: "
            f"{format_accuracy(value, error)} on validation images, not below the {alone}"
        )
        return found

    def delivered(self, network: TrialResult) -> Retrained:
        """Return a network after training on all but the test images, on which it is then tested."""
        known, name = final(self._study, network.trial), self._runs.weights(network, joined=True)
        if known is not None and known.weights == name and self._runs.files.exists(name):
            if self._evaluation.lacks_int8(known):
                tested = self._evaluation.tested_int8(network, name)
                known = replace(self._evaluation.with_int8(network, known), int8_test=tested)
                store(self._study, known)
            return known
        trained = self._runs.train(network, joined=True)
        found = self._retrained(
            name, network, trained, joined=True, test=self._evaluation.tested(network, name)
        )
        found = replace(found, int8_test=self._evaluation.tested_int8(network, name))
        store(self._study, found)
        self._runs.forget(network, joined=True)
        return found

    def _ranked(self, network: TrialResult) -> Retrained:
        known, weights = ranked(self._study).get(network.trial), self._runs.weights(network, joined=False)
        if known is not None and known.weights == weights and self._runs.files.exists(weights):
            if (formed := self._evaluation.in_deployed_form(network, known)) != known:
                store(self._study, formed)
            return formed
        found = self._retrained(weights, network, self._runs.train(network, joined=False), joined=False)
        store(self._study, found)
        self._runs.forget(network, joined=False)
        return found

    def _say_soup(self, network: TrialResult, trained: Trained) -> None:
        """Say whether the last epochs of a training were averaged, where its recipe asks for that."""
        souped, count = trained.results[-1].soup, self._recipe.soup_epochs
        if souped is not None:
            said = "is taken: it is not worse" if souped else "is not taken: it is worse than the last alone"
            self._report_line(
                f"#{network.trial} the mean of the last {count} epochs {said} on validation images"
            )

    def _retrained(
        self,
        weights: str,
        network: TrialResult,
        trained: Trained,
        *,
        joined: bool,
        test: Scores | None = None,
    ) -> Retrained:
        last = trained.results[-1]
        value, error = last.of(self._metric)
        self._say_soup(network, trained)
        return Retrained(
            trial=network.trial,
            recipe=self._recipe.to_json(),
            joined=joined,
            from_weights=self._runs.begins_with == SEARCH,
            accuracy=None if joined else value,
            standard_error=None if joined else error,
            test_accuracy=None if test is None else test.accuracy,
            test_standard_error=None if test is None else test.standard_error,
            seconds=round(sum(result.seconds for result in trained.results), 3),
            weights=weights,
            recipe_file=self._recipe_file,
            seen_accuracy=value if joined else None,
            test_values=None if test is None else {name: list(test.of(name)) for name in METRICS},
            top=None if joined else self._top,
            start=None if trained.start is None else trained.start.to_json(),
            teacher=self._teacher,
            recipe_reason=self._recipe_reason,
            deploy_dtype=self._form_asked,
            int8=None if last.int8 is None else [last.int8[self._metric], last.int8[error_key(self._metric)]],
        )
