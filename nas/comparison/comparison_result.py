"""Puts together what a comparison has found so far: values of networks, differences, costs and latencies."""

from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial
from safetensors import SafetensorError

from dashboards.comparison import Compared, Comparison, Evaluation
from nas.comparison.comparison_plan import ComparisonPlan
from nas.comparison.entrant import Entrant
from nas.comparison.paired_values import ImageValues, Trainings, evaluated
from nas.files.study_files import StudyFiles
from nas.orchestration.deployed_form import INT8
from nas.study import trial_attributes
from nas.study.compared_training import TrainingKey
from nas.study.naming import trial_folder
from search_spaces.counting import count
from search_spaces.errors import FilesError
from trials.training.file_names import PREDICTIONS, TEST_PREDICTIONS
from trials.training.predictions import Predictions


def comparison_of(
    plan: ComparisonPlan,
    files: StudyFiles,
    done: Mapping[TrainingKey, FrozenTrial],
    reasons: Mapping[str, str],
    latency_ms: Mapping[str, Mapping[str, float]],
    fits: Mapping[str, bool],
    *,
    interrupted: bool,
) -> Comparison:
    """Return what was found: the first network, then the others from best to worst.

    Args:
        plan: What was asked for.
        files: Files of the study, where predictions lie.
        done: Its trainings that have reached their end.
        reasons: Why networks failed, by fingerprint.
        latency_ms: Latencies by fingerprint of the network and target.
        fits: Whether networks meet the budgets, by fingerprint; empty without budgets.
        interrupted: Whether the comparison was ended before all trainings had.

    Raises:
        FilesError: if predictions are missing.
    """
    seen: dict[int, ImageValues] = {}
    validation = [_trainings(entrant, plan, files, done, PREDICTIONS, seen) for entrant in plan.entrants]
    test: list[Trainings] = [{} for _ in plan.entrants]
    if plan.final and not interrupted:
        last: dict[int, ImageValues] = {}
        test = [_trainings(entrant, plan, files, done, TEST_PREDICTIONS, last) for entrant in plan.entrants]
    exact = plan.settings.metric == "accuracy"
    found = [
        _compared(
            entrant,
            plan,
            done,
            reasons,
            latency_ms.get(entrant.architecture.fingerprint, {}),
            fits,
            on_validation,
            on_test,
        )
        for entrant, on_validation, on_test in zip(
            plan.entrants, evaluated(validation, exact=exact), evaluated(test, exact=exact), strict=True
        )
    ]
    others = sorted(
        found[1:], key=lambda network: -(network.evaluation.value if network.evaluation else -1.0)
    )
    return Comparison(
        name=plan.name,
        study=plan.search,
        data=plan.settings.data,
        recipe=plan.recipe.name,
        epochs=plan.recipe.epochs,
        metric=plan.settings.metric,
        seeds=plan.seeds,
        images=len(plan.splits.validation),
        test_images=len(plan.splits.test) if any(test) else None,
        networks=(found[0], *others),
        left_out=dict(plan.left_out),
        interrupted=interrupted,
        form=INT8 if plan.settings.deploy_dtype == INT8 else None,
    )


def _trainings(
    entrant: Entrant,
    plan: ComparisonPlan,
    files: StudyFiles,
    done: Mapping[TrainingKey, FrozenTrial],
    file: str,
    known: dict[int, ImageValues],
) -> Trainings:
    """Return the values of a network's trainings by seed; of two names of one training, the same object.

    Args:
        entrant: The network.
        plan: What was asked for.
        files: Files of the study.
        done: Its trainings that have reached their end.
        file: File of the predictions.
        known: Values by trial, which are added to.
    """
    found: dict[int, ImageValues] = {}
    for seed in range(plan.seeds):
        if (trial := done.get(entrant.training(seed))) is None:
            continue
        if trial.number not in known:
            predicted = _predictions(files, trial.number, file)
            known[trial.number] = ImageValues.of(predicted, plan.settings.metric)
        found[seed] = known[trial.number]
    return found


def _predictions(files: StudyFiles, trial: int, file: str) -> Predictions:
    name = f"{trial_folder(trial)}/{file}"
    found = read_predictions(files, name)
    if found is None:
        raise FilesError(
            f"What network #{trial} said of single images is missing at '{files.place(name)}': expected the "
            f"file that its training wrote. Put it back, or compare in another study with --study NAME."
        )
    return found


def read_predictions(files: StudyFiles, name: str) -> Predictions | None:
    """Return the predictions in a file of the study; None without the file, or where it is damaged."""
    try:
        with files.fetched(name) as path:
            return Predictions.read(path)
    except (FileNotFoundError, SafetensorError, KeyError):
        return None


def _compared(
    entrant: Entrant,
    plan: ComparisonPlan,
    done: Mapping[TrainingKey, FrozenTrial],
    reasons: Mapping[str, str],
    latency_ms: Mapping[str, float],
    fits: Mapping[str, bool],
    validation: Evaluation | None,
    test: Evaluation | None,
) -> Compared:
    architecture = entrant.architecture
    costs = count(architecture, **plan.shape, deploy=True)
    trials = {seed: done[key].number for seed in range(plan.seeds) if (key := entrant.training(seed)) in done}
    return Compared(
        name=entrant.name,
        origin=entrant.origin,
        published=entrant.published,
        trials=trials,
        fingerprint=architecture.fingerprint,
        resolution=architecture.resolution,
        costs={name: int(cost) for name, cost in costs.items()},
        fits=fits.get(architecture.fingerprint),
        latency_ms=dict(latency_ms),
        validation=validation,
        test=test,
        reason=None if trials else reasons.get(architecture.fingerprint),
    )


def failures(trials: Sequence[FrozenTrial]) -> dict[str, str]:
    """Return why trainings failed by the fingerprint of their network, the latest reason of each."""
    return {
        str(trial.user_attrs[trial_attributes.FINGERPRINT]): str(trial.user_attrs[trial_attributes.REASON])
        for trial in trials
        if trial_attributes.FINGERPRINT in trial.user_attrs and trial_attributes.REASON in trial.user_attrs
    }
