"""Reads a study into a search result with its networks, best first, and picks the network that is meant."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import optuna
from optuna.trial import FrozenTrial

from dashboards.result import SearchResult, TrialResult, best_first
from nas.storage.optuna_internals import database_url
from nas.storage.secrets import without_password
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.compared_training import named
from nas.study.final_tests import times_tested
from nas.study.heartbeat import search_state
from nas.study.latest_measurements import with_latencies
from nas.study.places import folder_of
from nas.study.posterior import StoredPosterior, posterior_of
from nas.study.retrained import Retrained, dropped, ranked
from nas.study.scores import ScoreReader
from nas.study.settings import Settings
from nas.study.study import Attributed, Outline, images_of, settings_of
from nas.study.supernet_record import supernet_state
from nas.study.verdicts import verdicts_of
from search_spaces.errors import StudyError


def result_of(
    study: optuna.Study,
    store: Store | None = None,
    *,
    overhead: float | None = None,
    interrupted: bool = False,
) -> SearchResult:
    """Return the search so far: what fits by the latest measurements, best first.

    Every command that shows, picks or delivers networks of a study reads them here.

    Args:
        study: A study that nas search began.
        store: Measurements of latency; by default those in the database of the study.
        overhead: Share of the slots' time in which nothing trained; None if no run ended.
        interrupted: Whether its search was ended before it was done.
    """
    settings, outline = settings_of(study), Outline(study.user_attrs)
    trials = [t for t in study.get_trials(deepcopy=False) if trial_attributes.described(t)]
    url = database_url(study)
    result = SearchResult(
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
        networks=networks_of(outline, trials),
        overhead=overhead,
        interrupted=interrupted,
        state=search_state(study),
        test_reads=times_tested(outline.user_attrs),
        supernet=supernet_state(outline.user_attrs),
    )
    with ExitStack() as stack:
        if store is None and url is not None:
            store = stack.enter_context(Store(url))
        return result if store is None else latest_verdicts(outline, result, store)


def latest_verdicts(study: Attributed, result: SearchResult, store: Store) -> SearchResult:
    """Return networks of a study with the latest latencies and verdicts on them."""
    images = images_of(study)
    return with_latencies(
        result,
        store,
        num_classes=len(images["classes"]),
        in_channels=images["channels"],
        verdicts=verdicts_of(study.user_attrs),
    )


def networks_of(study: Attributed, trials: Sequence[FrozenTrial]) -> tuple[TrialResult, ...]:
    """Return networks as they were before anything was measured again, the best first.

    Args:
        study: The study of the trials, or its attributes.
        trials: Some of its trials; those without a network are left out.
    """
    settings = settings_of(study)
    attributes = _StudyAttributes(
        settings,
        posterior_of(study.user_attrs),
        ScoreReader.of(study, settings),
        ranked(study),
        dropped(study),
    )
    return best_first([attributes.network_of(t) for t in trials if trial_attributes.described(t)])


@dataclass(frozen=True, slots=True)
class _StudyAttributes:
    """What the attributes of a study say of its networks."""

    settings: Settings
    posterior: StoredPosterior
    scores: ScoreReader
    retrained: Mapping[int, Retrained]
    dropped: Mapping[int, str]

    def network_of(self, trial: FrozenTrial) -> TrialResult:
        """Return the network of a described trial with all that its study knows of it."""
        network = trial_attributes.network_of(trial, self.settings.budgets)
        mean, deviation = None, None
        if network.state == "complete":
            mean, deviation = self.posterior.of(trial.number, network.accuracy)
        again, dropped_by = self.retrained.get(trial.number), self.dropped.get(trial.number)
        value, error = (None, None) if again is None or again.value is None or dropped_by else again.value
        return replace(
            network,
            posterior_mean=mean,
            posterior_sd=deviation,
            retrained_accuracy=value,
            retrained_error=error,
            retrained_by=dropped_by or (None if again is None else again.settings),
            scores=self.scores.scores(network),
            **named(trial),
        )


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


def misfit(network: TrialResult) -> str | None:
    """Return the budgets that a network exceeds by its latest measurements, in words; None if it fits."""
    if network.fits:
        return None
    over = [f"{budget} by {excess:.1%}" for budget, excess in (network.excess or {}).items() if excess > 0]
    return f"#{network.trial} does not fit: it exceeds {' and '.join(over) or 'a budget'}."


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
