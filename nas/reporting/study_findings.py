"""Gathers what pages show of a search: its result, its latencies, its rivals and how to repeat it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import Any, Final

import optuna
from optuna.storages import BaseStorage

from dashboards.artifacts import ArtifactPlace
from dashboards.figures.convergence import best_so_far
from dashboards.findings import Baseline, Findings, Reference
from dashboards.result import SearchResult, TrialResult
from nas.files.locating import artifacts_at
from nas.latency.latest_results import latest_result
from nas.reporting.background_explainer import Insight
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.reproduce_command import export_command, search_command
from nas.study.results import result_of
from nas.study.settings import Settings
from nas.study.study import folder_of, images_of, is_ours, settings_of
from search_spaces.counting import count
from search_spaces.published import reference, references

_NEAR: Final = 3.0  # published networks within this factor of what the search allows
_MOST_REFERENCES: Final = 12
_SHOWN_VERSIONS: Final = ("nas", "torch", "optuna", "ray")


@dataclass(frozen=True, slots=True)
class Outline:
    """What is written beside a study."""

    user_attrs: dict[str, Any]


class FindingsCollector:
    """Gathers from one storage.

    Args:
        storage: Of the studies.
        store: Of latencies and exports, in the same database.
        explain: A study to what a model makes of it.
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
        """Return what is known of a study, None if another program made it or it is gone."""
        try:
            name = self._storage.get_study_name_from_id(study_id)
        except KeyError:
            return None
        study = optuna.load_study(study_name=name, storage=self._storage)
        return self.of(study) if is_ours(study.user_attrs) else None

    def network(self, study_id: int, number: int) -> TrialResult | None:
        """Return a network of a search as it is now, None where nothing is known of it."""
        trials = self._storage.get_all_trials(study_id, deepcopy=False)
        if number >= len(trials) or not trial_attributes.described(trials[number]):
            return None
        attrs = self._storage.get_study_user_attrs(study_id)
        budgets = settings_of(Outline(attrs)).budgets if is_ours(attrs) else ()
        return trial_attributes.network_of(trials[number], budgets)

    def of(self, study: optuna.Study) -> Findings:
        """Return what is known of a search."""
        images, settings = images_of(study), settings_of(study)
        classes, channels = len(images["classes"]), int(images["channels"])
        result = latest_result(study, self._store)
        seen = self._explain(study, result)
        measured = tuple(self._uniform(study, settings))
        expected = (seen.uniform,) if seen.uniform is not None and settings.sampler != "random" else ()
        return Findings(
            result=result,
            num_classes=classes,
            in_channels=channels,
            recipe=settings.recipe,
            commands=(search_command(study, trained=result.trained), export_command(study.study_name)),
            versions={name: version(name) for name in _SHOWN_VERSIONS},
            made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            references=_near(result, classes, channels),
            baselines=measured or expected,
            explanation=seen.explanation,
        )

    def places(self) -> list[ArtifactPlace]:
        """Return where the artifacts of all searches lie."""
        found = self._storage.get_all_studies()
        for folder in {folder_of(study) for study in found if is_ours(study.user_attrs)} - set(self._places):
            self._places[folder] = artifacts_at(folder)  # kept, because those behind a URL remember
        return [self._places[folder_of(study)] for study in found if is_ours(study.user_attrs)]

    def _uniform(self, study: optuna.Study, settings: Settings) -> Iterator[Baseline]:
        """Yield the searches of the storage that differ only in sampling uniformly."""
        for other in self._storage.get_all_studies():
            if not is_ours(other.user_attrs) or other.study_name == study.study_name:
                continue
            theirs = settings_of(other)
            if theirs.sampler != "random" or settings.sampler == "random":
                continue
            same_but_how = replace(theirs, sampler=settings.sampler, seed=settings.seed)
            if settings.difference(same_but_how) is not None:
                continue
            loaded = optuna.load_study(study_name=other.study_name, storage=self._storage)
            best = best_so_far(result_of(loaded).networks)
            begun = next((i for i, accuracy in enumerate(best) if accuracy > 0), len(best))
            if begun < len(best):
                first = best[begun]
                yield Baseline(
                    name=f"uniform sampling ({other.study_name})",
                    best=tuple([first] * begun + best[begun:]),
                )


def _near(result: SearchResult, classes: int, channels: int) -> tuple[Reference, ...]:
    """Return the published networks that are nearest to what the search allows, or to its winner."""
    limits = [b.limit for b in result.budgets if b.resource == "macs"]
    best = result.best
    around = float(best.costs["macs"]) if best is not None else limits[0] if limits else None
    if around is None:
        return ()
    ratios = {
        r.name: max(r.costs["macs"] / around, around / r.costs["macs"]) for r in _priced(classes, channels)
    }
    near = [r for r in _priced(classes, channels) if ratios[r.name] <= _NEAR]
    return tuple(
        sorted(sorted(near, key=lambda r: ratios[r.name])[:_MOST_REFERENCES], key=lambda r: r.costs["macs"])
    )


@lru_cache(maxsize=64)
def _priced(classes: int, channels: int) -> tuple[Reference, ...]:
    found = []
    for name in references():
        costs = count(reference(name), num_classes=classes, in_channels=channels, deploy=True)
        found.append(Reference(name=name, costs=dict(costs)))
    return tuple(found)
