"""Retrains networks of a search to convergence: compares the few best, then trains and tests the winner."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import optuna
import torch

from dashboards.result import SearchResult, TrialResult, metric_name
from nas.coordination.driver_session import without_drivers
from nas.files.locating import files_of
from nas.files.ownership import claimed
from nas.files.remote_training import run_with_uploads
from nas.files.study_images import image_cache_of, images_for
from nas.orchestration.initial_weights import SEARCH, START, InitialWeights, Start, initial_weights
from nas.orchestration.progress_lines import ProgressLines, epoch_line
from nas.orchestration.retrain_result import RetrainResult, other_weights
from nas.orchestration.retrained_expectation import with_expected
from nas.orchestration.study_log import study_log
from nas.orchestration.teacher_choice import teacher_lines
from nas.study.donor import normalisation_of
from nas.study.final_tests import note_read
from nas.study.naming import retraining_folder
from nas.study.places import given_identity
from nas.study.results import chosen_network, misfit
from nas.study.retrained import Retrained, final, ranked, store, weights_of
from nas.study.study import Outline, images_of, settings_of
from search_spaces.errors import InvalidValueError, StudyError
from search_spaces.units import format_accuracy
from trials.training.epoch_progress import EpochProgress
from trials.training.epoch_result import EpochResult
from trials.training.errors import TrainingError
from trials.training.evaluation import METRICS, Scores
from trials.training.file_names import CHECKPOINT, WEIGHTS
from trials.training.final_test import final_scores
from trials.training.recipe import Recipe
from trials.training.run_trial import TrialConfig

_log = logging.getLogger(__name__)
ReportLine = Callable[[str], None]


def chosen(result: SearchResult, *, trial: int | None, top: int) -> tuple[TrialResult, ...]:
    """Return the networks that are to be retrained, best first.

    Raises:
        InvalidValueError: if `top` is below 1, or given beside `trial`.
        StudyError: if there are none, or too few.
    """
    if top < 1 or (trial is not None and top > 1):
        raise InvalidValueError(
            f"Cannot retrain the top {top}{' and one trial' if trial is not None else ''}: expected --top of "
            f"at least 1, or --trial alone."
        )
    if trial is not None or top == 1:
        return (chosen_network(result, trial),)
    found = tuple(n for n in result.networks if n.state == "complete" and n.fits)[:top]
    if len(found) < top:
        raise StudyError(
            f"'{result.study}' has {len(found)} networks that fit and were trained to the end: expected "
            f"{top} for --top {top}. Let the search go on, or ask for fewer."
        )
    return found


def retrain(
    study: optuna.Study,
    networks: Sequence[TrialResult],
    recipe: Recipe,
    *,
    weights: str | None,
    device: str,
    threads: int | None,
    report_line: ReportLine,
    recipe_file: str | None = None,
    teacher: str | None = None,
) -> RetrainResult:
    """Retrain networks of a study and store the results; goes on after a kill where it was.

    Several networks are compared by their validation accuracy after training on the training images. The
    winner, or the only one, is then trained on the validation images too, and tested once.

    Args:
        study: The study that found them.
        networks: Networks that were trained to the end.
        recipe: Training recipe.
        weights: What they begin with, see `nas.orchestration.initial_weights`; None for random weights.
        device: Device as torch calls it.
        threads: CPU threads, or None for torch's own choice.
        report_line: Shows a line to the user.
        recipe_file: Name or absolute path of the recipe as it was asked for.
        teacher: Network to learn from as it was asked for besides the recipe; None for none.

    Raises:
        StudyError: if the study is being searched, or weights to begin with are missing.
        DataError: if its images have changed.
        TrainingError: if no training reaches its end.
    """
    about_teacher = teacher_lines(recipe, images_for(study))  # before anything is written: is all there?
    local_folder = claimed(study, report_line).local_folder
    local_folder.mkdir(parents=True, exist_ok=True)  # the lock lies there

    def say(line: str) -> None:
        _log.info("%s", line)
        report_line(line)

    with without_drivers(study), study_log(local_folder):
        for line in (*filter(None, map(misfit, networks)), *about_teacher):
            say(line)
        retrainer = _Retrainer(
            study,
            recipe,
            weights=weights,
            device=device,
            threads=threads,
            report_line=say,
            recipe_file=recipe_file,
            teacher=teacher,
        )
        compared = retrainer.compared(networks) if len(networks) > 1 else ()
        first = compared[0].trial if compared else networks[0].trial
        network = next(n for n in networks if n.trial == first)
        winner = retrainer.delivered(network)
    chosen_weights = weights_of(Outline(study.user_attrs), network, exists=files_of(study).exists)
    return RetrainResult(
        study=study.study_name,
        winner=winner,
        compared=compared,
        metric=settings_of(study).metric,
        delivered="search" if chosen_weights.retrained is None else "retrain",
        reason=chosen_weights.reason or "",
        advice=other_weights(chosen_weights),
    )


class _Retrainer:
    """Retrains networks of one study by one recipe."""

    def __init__(
        self,
        study: optuna.Study,
        recipe: Recipe,
        *,
        weights: str | None,
        device: str,
        threads: int | None,
        report_line: ReportLine,
        recipe_file: str | None,
        teacher: str | None,
    ) -> None:
        self._study, self._recipe, self._weights = study, recipe, weights
        self._device, self._threads, self._report_line = device, threads, report_line
        self._recipe_file, self._metric, self._top = recipe_file, settings_of(study).metric, 1
        self._files, self._teacher = files_of(study), teacher

    def compared(self, networks: Sequence[TrialResult]) -> tuple[Retrained, ...]:
        """Return the networks after training on the training images, best first.

        Raises:
            TrainingError: if none of the trainings reaches its end.
        """
        found, failed = [], None
        self._top = len(networks)
        for network in networks:
            try:
                found.append(self._ranked(network))
            except TrainingError as error:
                self._report_line(f"#{network.trial} failed: {error}")
                failed = error
        if failed is not None and not found:
            raise failed
        trials = {one.trial for one in found}
        expected = [one for one in with_expected(self._study, found[0].settings) if one.trial in trials]
        return tuple(sorted(expected, key=lambda one: (-(one.accuracy or 0.0), one.trial)))

    def delivered(self, network: TrialResult) -> Retrained:
        """Return a network after training on all but the test images, on which it is then tested."""
        known, name = final(self._study, network.trial), f"{self._place(network, joined=True)}/{WEIGHTS}"
        if known is not None and known.weights == name and self._files.exists(name):
            return known
        trained = self._train(network, joined=True)
        note_read(self._study, name)
        with self._files.fetched(name) as weights:
            scores = final_scores(
                network.architecture,
                weights,
                images_for(self._study, network.architecture.resolution),
                self._recipe,
                torch.device(self._device),
            )
        retrained = self._record(network, joined=True, trained=trained, test=scores)
        value, error = scores.of(self._metric)
        self._report_line(
            f"#{network.trial} test {metric_name(self._metric)} {format_accuracy(value, error)}"
        )
        return retrained

    def _ranked(self, network: TrialResult) -> Retrained:
        known = ranked(self._study).get(network.trial)
        weights = f"{self._place(network, joined=False)}/{WEIGHTS}"
        if known is not None and known.weights == weights and self._files.exists(weights):
            return known
        return self._record(network, joined=False, trained=self._train(network, joined=False))

    def _train(self, network: TrialResult, *, joined: bool) -> "_Trained":
        """Return what came of a training."""
        results: list[EpochResult] = []

        def report(result: EpochResult) -> None:
            results.append(result)
            side, metric = network.architecture.resolution, None if joined else self._metric
            self._report_line(f"#{network.trial} {epoch_line(results, self._recipe, side, metric)}")

        def say_progress(progress: EpochProgress) -> None:
            if (line := lines.line(network.trial, progress)) is not None:
                self._report_line(line)

        lines, place = ProgressLines(), self._place(network, joined=joined)
        begun = initial_weights(
            self._study, network, self._weights, place, device=self._device, report_line=self._report_line
        )
        with begun as initial:
            images = "training and validation" if joined else "training"
            self._report_line(
                f"#{network.trial} trains on the {images} images by recipe {self._recipe.name}, "
                f"{self._recipe.epochs} epochs"
            )
            run_with_uploads(self._config(network, initial, joined=joined), report, say_progress)
        seconds = sum(result.seconds for result in results)
        return _Trained(last=results[-1], seconds=seconds, start=None if initial is None else initial.start)

    def _config(self, network: TrialResult, initial: InitialWeights | None, *, joined: bool) -> TrialConfig:
        settings, images = settings_of(self._study), images_of(self._study)
        return TrialConfig(
            architecture=network.architecture,
            num_classes=len(images["classes"]),
            in_channels=images["channels"],
            data=settings.data,
            data_seed=settings.seed,
            recipe=self._recipe,
            seed=settings.seed,
            trial=network.trial,
            folder=self._files.place(self._place(network, joined=joined)),
            threads=self._threads,
            device=self._device,
            cache=str(image_cache_of(self._study)),
            fingerprint=settings.data_fingerprint,
            start=None if initial is None else str(initial.file),
            with_validation=joined,
            resized_once=settings.resized_once,
            study=given_identity(self._study),
            normalise=normalisation_of(self._study),
        )

    def _place(self, network: TrialResult, *, joined: bool) -> str:
        """Return the folder of a retraining among the files of the study."""
        settings: list[object] = [self._recipe.identity(), joined, self._weights == SEARCH]
        settings += [] if self._weights in {None, SEARCH} else [self._weights]
        return retraining_folder(network.trial, self._recipe.name, settings)

    def _record(
        self,
        network: TrialResult,
        *,
        joined: bool,
        trained: "_Trained",
        test: Scores | None = None,
    ) -> Retrained:
        value, error = trained.last.of(self._metric)
        place = self._place(network, joined=joined)
        retrained = Retrained(
            trial=network.trial,
            recipe=self._recipe.to_json(),
            joined=joined,
            from_weights=self._weights == SEARCH,
            accuracy=None if joined else value,
            standard_error=None if joined else error,
            test_accuracy=None if test is None else test.accuracy,
            test_standard_error=None if test is None else test.standard_error,
            seconds=round(trained.seconds, 3),
            weights=f"{place}/{WEIGHTS}",
            recipe_file=self._recipe_file,
            seen_accuracy=value if joined else None,
            test_values=None if test is None else {name: list(test.of(name)) for name in METRICS},
            top=None if joined else self._top,
            start=None if trained.start is None else trained.start.to_json(),
            teacher=self._teacher,
        )
        store(self._study, retrained)  # before the files go without which a killed one begins again
        self._files.remove([f"{place}/{CHECKPOINT}", f"{place}/{START}"])
        return retrained


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trained:
    """The last epoch of a training, its seconds, and what it started from; None for random weights."""

    last: EpochResult
    seconds: float
    start: Start | None
