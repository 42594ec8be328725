"""Describes a planned training for its worker, in the same way for searches and comparisons."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from nas.ask_tell.trial_source import Planned
from nas.files.study_files import StudyFiles
from nas.resources import Slots
from nas.study.naming import trial_folder
from nas.study.settings import Settings
from trials.images.splits import Splits
from trials.training.recipe import Recipe
from trials.training.run_trial import TrialConfig


@runtime_checkable
class TrainingPlan(Protocol):
    """What the trainings of a study have in common.

    Attributes:
        settings: What defines the study.
        recipe: Training recipe.
        splits: The images.
        image_cache: Where the decoded images lie.
    """

    @property
    def settings(self) -> Settings:
        """What defines the study."""

    @property
    def recipe(self) -> Recipe:
        """Training recipe."""

    @property
    def splits(self) -> Splits:
        """The images."""

    @property
    def image_cache(self) -> Path:
        """Where the decoded images lie."""


def planned_trial(planned: Planned, plan: TrainingPlan, slots: Slots, files: StudyFiles) -> TrialConfig:
    """Return a training as a new attempt at it, without what only some studies ask of theirs.

    Args:
        planned: The training.
        plan: What it has in common with the others of its study.
        slots: Resources of the trainings that run side by side.
        files: Files of the study.
    """
    number = planned.number
    return TrialConfig(
        architecture=planned.architecture,
        num_classes=len(plan.splits.classes),
        in_channels=plan.splits.channels,
        data=plan.settings.data,
        data_seed=plan.settings.seed,
        recipe=plan.recipe,
        seed=plan.settings.seed,
        trial=number,
        folder=files.place(trial_folder(number)),
        threads=slots.threads,
        device=slots.device,
        cache=str(plan.image_cache),
        fingerprint=plan.splits.fingerprint,
        attempt=files.begin_attempt(number),
        resized_once=plan.settings.resized_once,
        metric=plan.settings.metric,
    )
