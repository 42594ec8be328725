"""Retrains networks of a search to convergence: compares the few best, then trains and tests the winner."""

import logging
from collections.abc import Sequence

import optuna

from dashboards.result import SearchResult, TrialResult
from nas.coordination.driver_session import without_drivers
from nas.files.locating import files_of
from nas.files.ownership import claimed
from nas.files.study_images import images_for
from nas.orchestration.deployed_form import FP32
from nas.orchestration.progress_lines import ReportLine
from nas.orchestration.retrain_result import RetrainResult, other_weights
from nas.orchestration.retrainer import Retrainer
from nas.orchestration.retraining_runs import RetrainingRuns
from nas.orchestration.retraining_seeds import mean_of
from nas.orchestration.study_log import study_log
from nas.orchestration.teacher_choice import teacher_lines
from nas.study.delivered_weights import weights_of
from nas.study.results import chosen_network, misfit
from nas.study.study import Outline, settings_of
from search_spaces.errors import InvalidValueError, StudyError
from trials.training.recipe import Recipe

_log = logging.getLogger(__name__)


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
    recipe_reason: str = "",
    seeds: int = 1,
    soup: bool = False,
    deploy_dtype: str = FP32,
    form_asked: str | None = None,
) -> RetrainResult:
    """Retrain networks of a study and store the results; goes on after a kill where it was.

    Several networks are compared by their validation accuracy after training on the training images. The
    winner, or the only one, is then trained on the validation images too, and tested once. With several
    seeds it is trained on the training images alone, once by each: validation images choose which of these
    weights are delivered, and tested; likewise where weights are averaged.

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
        recipe_reason: Why this recipe, in sentences; empty if it was asked for as it is.
        seeds: Number of trainings of the winner that differ in their randomness, at least 1.
        soup: Whether weights are averaged where validation images do not show that to be worse: of several
            seeds, or of the last epochs of one training.
        deploy_dtype: Numbers in which the networks are deployed; in ``int8`` that form is evaluated too.
        form_asked: These numbers as they were asked for; None for those of the search.

    Raises:
        InvalidValueError: if `seeds` is below 1.
        StudyError: if the study is being searched, or weights to begin with are missing.
        DataError: if its images have changed.
        TrainingError: if no training reaches its end.
    """
    if seeds < 1:
        raise InvalidValueError(f"Cannot train with {seeds} seeds: expected --seeds of at least 1.")
    if soup and seeds == 1 and recipe.epochs < 2:
        raise InvalidValueError(
            f"Cannot average the weights of the last epochs by recipe '{recipe.name}', which has "
            f"{recipe.epochs}: expected at least 2. Leave --soup out, or add --seeds."
        )
    if soup and seeds == 1 and not recipe.soup_epochs:
        recipe = recipe.model_copy(update={"soup_epochs": min(recipe.epochs, max(2, recipe.epochs // 10))})
    about_teacher = teacher_lines(recipe, images_for(study))  # before anything is written: is all there?
    local_folder = claimed(study, report_line).local_folder
    local_folder.mkdir(parents=True, exist_ok=True)  # the lock lies there

    def say(line: str) -> None:
        _log.info("%s", line)
        report_line(line)

    with without_drivers(study), study_log(local_folder):
        for line in (*filter(None, map(misfit, networks)), *about_teacher):
            say(line)
        runs = RetrainingRuns(
            study,
            recipe,
            weights=weights,
            device=device,
            threads=threads,
            report_line=say,
            deploy_dtype=deploy_dtype,
        )
        retrainer = Retrainer(
            runs,
            recipe_file=recipe_file,
            recipe_reason=recipe_reason,
            teacher=teacher,
            form_asked=form_asked,
        )
        compared = retrainer.compared(networks) if len(networks) > 1 else ()
        first = compared[0].trial if compared else networks[0].trial
        network = next(n for n in networks if n.trial == first)
        on_validation = seeds > 1 or recipe.soup_epochs > 0  # which decides, and is not learnt from
        seeded = retrainer.seeded(network, seeds) if on_validation else ()
        winner = retrainer.best(network, seeded, soup=soup) if seeded else retrainer.delivered(network)
    chosen_weights = weights_of(Outline(study.user_attrs), network, exists=files_of(study).exists)
    return RetrainResult(
        study=study.study_name,
        winner=winner,
        compared=compared,
        seeds=seeded if seeds > 1 else (),
        seeds_mean=mean_of(seeded) if seeds > 1 else None,
        metric=settings_of(study).metric,
        delivered="search" if chosen_weights.retrained is None else "retrain",
        reason=chosen_weights.reason or "",
        advice=other_weights(chosen_weights),
    )
