"""Reads a study into a search result with its networks, best first, and picks the network that is meant."""

from collections.abc import Sequence
from dataclasses import replace

import optuna
from optuna.trial import FrozenTrial

from dashboards.result import SearchResult, TrialResult, best_first
from nas.storage.database import without_password
from nas.storage.optuna_internals import database_url
from nas.study import trial_attributes
from nas.study.retrained import Retrained, ranked
from nas.study.study import folder_of, settings_of
from search_spaces.errors import StudyError


def result_of(
    study: optuna.Study, *, overhead: float | None = None, interrupted: bool = False
) -> SearchResult:
    """Return the search so far, as views show it."""
    settings = settings_of(study)
    trials = [t for t in study.get_trials(deepcopy=False) if trial_attributes.described(t)]
    url = database_url(study)
    return SearchResult(
        study=study.study_name,
        storage="in memory" if url is None else without_password(url),
        folder=folder_of(study),
        budgets=settings.budgets,
        space=settings.space,
        data=settings.data,
        sampler=settings.sampler,
        seed=settings.seed,
        metric=settings.metric,
        trained=sum(map(trial_attributes.trained, trials)),
        networks=networks_of(study, trials),
        overhead=overhead,
        interrupted=interrupted,
    )


def networks_of(study: optuna.Study, trials: Sequence[FrozenTrial]) -> tuple[TrialResult, ...]:
    """Return the networks of some trials of a study, the best first; trials without one are left out."""
    budgets, again = settings_of(study).budgets, ranked(study)
    described = [t for t in trials if trial_attributes.described(t)]
    return best_first(
        [_with_retraining(trial_attributes.network_of(t, budgets), again.get(t.number)) for t in described]
    )


def _with_retraining(network: TrialResult, again: Retrained | None) -> TrialResult:
    """Return a network with the accuracy of a longer training, if it had one."""
    if again is None:
        return network
    return replace(network, retrained_accuracy=again.accuracy, retrained_error=again.standard_error)


def split_network(text: str | None) -> tuple[str | None, int | None]:
    """Return the study and the trial of ``STUDY#12``, either of which may be left out.

    Raises:
        StudyError: if what follows the ``#`` is no number.
    """
    if text is None or "#" not in text:
        return text, None
    name, _, number = text.rpartition("#")
    if not number.isdecimal():
        raise StudyError(f"Cannot read the network '{text}': expected STUDY#NUMBER, for example {name}#12.")
    return name or None, int(number)


def chosen_network(result: SearchResult, trial: int | None) -> TrialResult:
    """Return the network with a number, or the best one.

    Raises:
        StudyError: if there is none, or it was not trained to the end.
    """
    if trial is None:
        if result.best is None:
            raise StudyError(
                f"No network of '{result.study}' has been trained to the end and fits: expected one. "
                f"Let the search go on by the command that began it."
            )
        return result.best
    finished = {n.trial: n for n in result.networks if n.state == "complete"}
    if trial not in finished:
        known = ", ".join(f"#{number}" for number in sorted(finished)) or "none"
        raise StudyError(
            f"Network #{trial} of '{result.study}' was not trained to the end: expected one of {known}."
        )
    return finished[trial]
