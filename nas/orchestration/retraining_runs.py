"""Runs the trainings of a retraining, from a seed's first epoch to a given one, and names their folders."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import optuna

from dashboards.result import TrialResult
from nas.files.locating import files_of
from nas.files.remote_training import run_with_uploads
from nas.files.study_images import image_cache_of
from nas.orchestration.deployed_form import FP32
from nas.orchestration.initial_weights import SEARCH, START, InitialWeights, initial_weights
from nas.orchestration.progress_lines import ProgressLines, ReportLine, epoch_line
from nas.orchestration.retraining_place import contents_of, retraining_place
from nas.orchestration.start import Start
from nas.study.donor import donor_of_network, normalisation_of
from nas.study.naming import retraining_folder
from nas.study.places import given_identity
from nas.study.source_contents import note_content
from nas.study.study import images_of, settings_of
from trials.training.epoch_progress import EpochProgress
from trials.training.epoch_result import EpochResult
from trials.training.file_names import CHECKPOINT, WEIGHTS
from trials.training.recipe import Recipe
from trials.training.run_trial import TrialConfig


class _PausedError(Exception):
    """A training has reached the epoch that it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """The epochs of a training, and what it started from; None for random weights and those of the search."""

    results: list[EpochResult]
    start: Start | None


class RetrainingRuns:
    """Trainings of networks of one study by one recipe.

    Args:
        study: The study.
        recipe: Training recipe.
        weights: What networks begin with, see `nas.orchestration.initial_weights`; None for random weights.
        device: Device as torch calls it.
        threads: CPU threads, or None for torch's own choice.
        report_line: Shows a line to the user.
        deploy_dtype: Numbers in which networks are deployed; in ``int8`` that form is evaluated at the end.
    """

    def __init__(
        self,
        study: optuna.Study,
        recipe: Recipe,
        *,
        weights: str | None,
        device: str,
        threads: int | None,
        report_line: ReportLine,
        deploy_dtype: str = FP32,
    ) -> None:
        self.study, self.recipe, self.begins_with = study, recipe, weights
        self.device, self._threads, self.report_line = device, threads, report_line
        self.deploy_dtype = deploy_dtype
        self._metric, self.files = settings_of(study).metric, files_of(study)
        note_content(study, weights)
        note_content(study, recipe.teacher)
        self._contents = contents_of(study, recipe, weights)

    def place(self, network: TrialResult, *, joined: bool, seed: int = 0) -> str:
        """Return the folder of a training among the files of the study.

        Args:
            network: The network.
            joined: Whether it trains on the validation images too.
            seed: Number of the training among those that differ in their randomness, from 0.
        """
        return retraining_place(
            self.recipe,
            network.trial,
            begins_with=self.begins_with,
            contents=self._contents,
            joined=joined,
            seed=seed,
        )

    def weights(self, network: TrialResult, *, joined: bool, seed: int = 0) -> str:
        """Return the weights of a training among the files of the study; arguments as for `place`."""
        return f"{self.place(network, joined=joined, seed=seed)}/{WEIGHTS}"

    def soup_weights(self, network: TrialResult, seeds: Sequence[int]) -> str:
        """Return the file, among those of the study, of the mean weights of trainings by several seeds."""
        settings = [self.place(network, joined=False), *seeds]
        return f"{retraining_folder(network.trial, f'{self.recipe.name}-soup', settings)}/{WEIGHTS}"

    def train(
        self, network: TrialResult, *, joined: bool, seed: int = 0, until: int | None = None
    ) -> Trained:
        """Return a training after it reached its end or an epoch; one that was stopped goes on.

        Args:
            network: The network.
            joined: Whether it trains on the validation images too.
            seed: Number of the training among those that differ in their randomness, from 0.
            until: Epoch after which it pauses, with its checkpoint kept; None for the end.

        Raises:
            StudyError: if weights to begin with are missing.
            TrainingError: if it does not reach its end.
        """
        last = self.recipe.epochs if until is None else until
        results: list[EpochResult] = []

        def report(result: EpochResult) -> None:
            results.append(result)
            side, metric = network.architecture.resolution, None if joined else self._metric
            self.report_line(f"#{network.trial} {epoch_line(results, self.recipe, side, metric)}")
            if result.epoch == last and not result.final:
                raise _PausedError

        def say_progress(progress: EpochProgress) -> None:
            if (line := lines.line(network.trial, progress)) is not None:
                self.report_line(line)

        lines, place = ProgressLines(), self.place(network, joined=joined, seed=seed)
        begun = initial_weights(
            self.study, network, self.begins_with, place, device=self.device, report_line=self.report_line
        )
        with begun as initial, suppress(_PausedError):
            self._announce(network, last, joined=joined, seed=seed)
            config = self._config(network, initial, joined=joined, seed=seed)
            run_with_uploads(config, report, say_progress)
        return Trained(results=results, start=None if initial is None else initial.start)

    def forget(self, network: TrialResult, *, joined: bool, seed: int = 0) -> None:
        """Remove what a training needs to go on, once its end is stored; arguments as for `place`."""
        place = self.place(network, joined=joined, seed=seed)
        self.files.remove([f"{place}/{CHECKPOINT}", f"{place}/{START}"])

    def begun_with(self, network: TrialResult, start: Start | None) -> dict[str, Any] | None:
        """Return what is to be known of the donor that a training goes back to; None for none."""
        if start is not None:
            return start.donor
        donor = donor_of_network(self.study, network.trial) if self.begins_with == SEARCH else None
        return None if donor is None else asdict(donor)

    def _announce(self, network: TrialResult, last: int, *, joined: bool, seed: int) -> None:
        images = "training and validation" if joined else "training"
        numbered = f", seed {seed}" if seed else ""
        epochs = self.recipe.epochs
        count = f"{epochs} epochs" if last == epochs else f"up to epoch {last} of {epochs}"
        self.report_line(
            f"#{network.trial} trains on the {images} images by recipe {self.recipe.name}{numbered}, {count}"
        )

    def _config(
        self, network: TrialResult, initial: InitialWeights | None, *, joined: bool, seed: int
    ) -> TrialConfig:
        settings, images = settings_of(self.study), images_of(self.study)
        return TrialConfig(
            architecture=network.architecture,
            num_classes=len(images["classes"]),
            in_channels=images["channels"],
            data=settings.data,
            data_seed=settings.seed,
            recipe=self.recipe,
            seed=settings.seed + seed,
            trial=network.trial,
            folder=self.files.place(self.place(network, joined=joined, seed=seed)),
            threads=self._threads,
            device=self.device,
            cache=str(image_cache_of(self.study)),
            fingerprint=settings.data_fingerprint,
            start=None if initial is None else str(initial.file),
            begun_with=self.begun_with(network, None if initial is None else initial.start),
            with_validation=joined,
            resized_once=settings.resized_once,
            study=given_identity(self.study),
            normalise=normalisation_of(self.study),
            deploy_dtype=self.deploy_dtype,
            metric=self._metric,
        )
