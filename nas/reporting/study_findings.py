"""Collects what pages show of a study: result, published networks, baselines, explanation, commands."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Final

import optuna
from optuna.storages import BaseStorage

from dashboards.artifacts import ArtifactPlace
from dashboards.figures.convergence import best_so_far
from dashboards.findings import Baseline, Findings, Reference
from dashboards.result import SearchResult, TrialResult
from nas.files.locating import artifacts_at
from nas.reporting.background_explainer import Insight
from nas.reporting.latency_findings import network_latencies
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.compared_training import comparisons_with
from nas.study.places import folder_in, former_folders
from nas.study.reproduce_command import export_command, search_command
from nas.study.results import networks_of, result_of
from nas.study.settings import Settings
from nas.study.study import Outline, images_of, is_ours, settings_of
from search_spaces.counting import count
from search_spaces.own_version import own_version
from search_spaces.published import reference, references
from search_spaces.published_results import published_result

_NEAR: Final = 3.0  # factor of MACs within which published networks are shown
_MOST_REFERENCES: Final = 12
_SHOWN_VERSIONS: Final = ("torch", "optuna", "ray")


class FindingsCollector:
    """Collects the findings of the studies in one storage.

    Args:
        storage: Storage of the studies.
        store: Store of latencies and exports in the same database.
        explain: Function from a study and its result to the insight into it; by default none.
    """

    def __init__(
        self,
        storage: BaseStorage,
        store: Store,
        explain: Callable[[optuna.Study, SearchResult], Insight] = lambda *_: Insight(),
    ) -> None:
        self._storage = storage
        self._store = store
        self._explain = explain
        self._places: dict[str, ArtifactPlace] = {}

    def by_id(self, study_id: int) -> Findings | None:
        """Return the findings of a study, None if another program made it or it was deleted."""
        try:
            name = self._storage.get_study_name_from_id(study_id)
        except KeyError:
            return None
        study = optuna.load_study(study_name=name, storage=self._storage)
        return self.of(study) if is_ours(study.user_attrs) else None

    def network(self, study_id: int, number: int) -> TrialResult | None:
        """Return a network of a study as it is now, None if the trial has no network yet."""
        trials = self._storage.get_all_trials(study_id, deepcopy=False)
        if number >= len(trials) or not trial_attributes.described(trials[number]):
            return None
        attrs = self._storage.get_study_user_attrs(study_id)
        if not is_ours(attrs):
            return trial_attributes.network_of(trials[number])
        return networks_of(Outline(attrs), [trials[number]])[0]

    def of(self, study: optuna.Study) -> Findings:
        """Return the findings of a study."""
        images, settings = images_of(study), settings_of(study)
        classes, channels = len(images["classes"]), int(images["channels"])
        result = result_of(study, self._store)
        insight = self._explain(study, result)
        comparisons = tuple(comparisons_with(study))
        compared = {network.published for one in comparisons for network in one.networks}
        measured = tuple(self._random_searches(study, settings))
        expected = (insight.uniform,) if insight.uniform is not None and settings.sampler != "random" else ()
        return Findings(
            result=result,
            num_classes=classes,
            in_channels=channels,
            recipe=settings.recipe,
            commands=(search_command(study, trained=result.trained), export_command(study.study_name)),
            versions={"nas": own_version(), **{name: version(name) for name in _SHOWN_VERSIONS}},
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            references=tuple(one for one in _near(result, classes, channels) if one.name not in compared),
            baselines=measured or expected,
            explanation=insight.explanation,
            latencies=network_latencies(result, self._store, num_classes=classes, in_channels=channels),
            comparisons=comparisons,
        )

    def places(self) -> list[ArtifactPlace]:
        """Return the artifact stores of all studies."""
        attributes = [s.user_attrs for s in self._storage.get_all_studies() if is_ours(s.user_attrs)]
        folders = {folder_in(attrs, self._store.url): former_folders(attrs) for attrs in attributes}
        for folder in folders.keys() - self._places.keys():  # reused, because those behind a URL have caches
            self._places[folder] = artifacts_at(folder, folders[folder])
        return [self._places[folder] for folder in folders]

    def _random_searches(self, study: optuna.Study, settings: Settings) -> Iterator[Baseline]:
        """Yield the studies of the storage that differ only in that they sample uniformly."""
        for other in self._storage.get_all_studies():
            if not is_ours(other.user_attrs) or other.study_name == study.study_name:
                continue
            theirs = settings_of(other)
            if theirs.sampler != "random" or settings.sampler == "random":
                continue
            same_but_how = replace(theirs, sampler=settings.sampler, seed=settings.seed)
            if settings.difference(same_but_how) is None:
                loaded = optuna.load_study(study_name=other.study_name, storage=self._storage)
                yield from _baseline(result_of(loaded, self._store))


def _baseline(result: SearchResult) -> Iterator[Baseline]:
    """Yield a uniform search as a baseline, nothing before a network was trained to the end."""
    best = best_so_far(result.networks)
    start = next((i for i, accuracy in enumerate(best) if accuracy > 0), len(best))
    if start < len(best):
        name = f"uniform sampling ({result.study})"
        yield Baseline(name=name, best=tuple([best[start]] * start + best[start:]))


def _near(result: SearchResult, classes: int, channels: int) -> tuple[Reference, ...]:
    """Return the published networks with MACs nearest to the best network, or to the budget without one."""
    limits = [b.limit for b in result.budgets if b.resource == "macs"]
    best = result.best
    around = float(best.costs["macs"]) if best is not None else limits[0] if limits else None
    if around is None:
        return ()
    ratios = {
        r.name: max(r.costs["macs"] / around, around / r.costs["macs"]) for r in _priced(classes, channels)
    }
    near = [r for r in _priced(classes, channels) if ratios[r.name] <= _NEAR]
    nearest = sorted(near, key=lambda r: ratios[r.name])[:_MOST_REFERENCES]
    return tuple(sorted(nearest, key=lambda r: r.costs["macs"]))


@lru_cache(maxsize=64)
def _priced(classes: int, channels: int) -> tuple[Reference, ...]:
    """Return all published networks with their costs for some images."""
    found = []
    for name in references():
        costs = count(reference(name), num_classes=classes, in_channels=channels, deploy=True)
        found.append(Reference(name=name, costs=dict(costs), published=published_result(name)))
    return tuple(found)
