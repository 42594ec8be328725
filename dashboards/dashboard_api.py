"""Adds notes, figures, budget verdicts and pictures to the answers of the Optuna dashboard's JSON API.

They are made on request, from the results alone, and cached for a few seconds. So the search spends no time
on them, the database stays small, and the Optuna dashboard does not slow down at thousands of trials, as it
does with stored notes (it reads every stored note once for every trial).
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dashboards.figures import drawn
from dashboards.findings import Findings
from dashboards.markdown_notes import study_note, trial_note, verdicts
from dashboards.picture import picture
from dashboards.result import TrialResult

_OWN_CHARTS: Final = ("learning_curves",)  # the dashboard draws them itself
# For programs: one long line of them would make the dashboard's page as wide as itself. The architecture can
# be downloaded as an artifact.
_HIDDEN: Final = frozenset({"standard_errors", "epochs", "metrics", "architecture"})
_FRESH_S: Final = 2.0  # seconds for which views are cached at least,
_SHARE: Final = 0.01  # and so long that making them takes at most this share of a core
_HEIGHT: Final = 450  # pixels of the dashboard's frame for a figure


@dataclass(frozen=True, slots=True)
class _Views:
    """What was made of one study, and the clock time until which it is served."""

    findings: Findings
    networks: dict[int, TrialResult]
    figures: list[dict[str, str]]
    until_s: float


class DashboardExtension:
    """Extends the answers of the Optuna dashboard's API, with cached views of each study.

    Args:
        gather: Function from a study's id to its findings; None for studies of other programs.
        fetch: Function from a study's id and a trial's number to the network as it is now; None without one.
        held: Function from an artifact's id to whether its file still exists.
        clock: Monotonic clock in seconds.
    """

    def __init__(
        self,
        gather: Callable[[int], Findings | None],
        fetch: Callable[[int, int], TrialResult | None] = lambda *_: None,
        held: Callable[[str], bool] = lambda _: True,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gather, self._fetch, self._held = gather, fetch, held
        self._clock = clock
        self._lock = threading.Lock()
        self._cached: dict[int, _Views | None] = {}

    def study(self, study_id: int, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the API's answer on a study with notes, figures and budget verdicts.

        Args:
            study_id: Id of the study in the storage.
            answer: Answer of the Optuna dashboard; changed in place.
        """
        views = self._current(study_id)
        if views is None:
            return answer
        for trial in (*answer["trials"], *answer["best_trials"]):
            network = self._network(views, study_id, trial)
            if network is not None:
                address = (
                    f"/nas/studies/{study_id}/trials/{network.trial}.svg?{network.architecture.fingerprint}"
                )
                body = trial_note(views.findings, network, picture=address)
                trial["note"] = {"version": 1, "body": body}
                trial["artifacts"] = [a for a in trial["artifacts"] if self._held(a["artifact_id"])]
                trial["user_attrs"] = _attributes(trial["user_attrs"], network)
        answer["user_attrs"] = _study_attributes(answer["user_attrs"], views.findings)
        answer["note"] = {"version": 1, "body": study_note(views.findings)}
        answer["plotly_graph_objects"] = [*answer["plotly_graph_objects"], *views.figures]
        answer["union_user_attrs"] = _columns(answer["union_user_attrs"], views.networks)
        return answer

    def _network(self, views: _Views, study_id: int, trial: dict[str, Any]) -> TrialResult | None:
        """Return the network of a trial, read again if its state has changed since the views were made.

        The page asks for an ended trial only once, so that answer must be complete.
        """
        cached = views.networks.get(trial["number"])
        if cached is not None and cached.state == trial["state"].lower():
            return cached
        return self._fetch(study_id, trial["number"]) or cached

    def best(self, study_id: int) -> list[int] | None:
        """Return the number of the best network that fits, if any; None for studies of other programs."""
        views = self._current(study_id)
        if views is None:
            return None
        best = views.findings.result.best
        return [] if best is None else [best.trial]

    def picture(self, study_id: int, trial: int) -> str | None:
        """Return a network as SVG, None if there is no such trial."""
        views = self._current(study_id)
        network = views.networks.get(trial) if views is not None else None
        if views is None or network is None:
            return None
        return picture(network.architecture, views.findings.parts(network))

    def _current(self, study_id: int) -> _Views | None:
        """Return the cached views of a study, or make them anew if they are too old."""
        with self._lock:
            views = self._cached.get(study_id)
            if views is None or self._clock() >= views.until_s:
                views = self._cached[study_id] = self._make(study_id)
            return views

    def _make(self, study_id: int) -> _Views | None:
        began_s = self._clock()
        findings = self._gather(study_id)
        if findings is None:
            return None
        figures = []
        for name, figure in drawn(findings, besides=_OWN_CHARTS).items():
            figure.update_layout(height=_HEIGHT, uirevision="stays")  # a reader's zoom outlives a refresh
            figures.append({"id": f"nas-{name}", "graph_object": figure.to_json()})
        ended_s = self._clock()
        rest_s = max(_FRESH_S, (ended_s - began_s) / _SHARE)
        networks = {network.trial: network for network in findings.result.networks}
        return _Views(findings, networks, figures, ended_s + rest_s)


def _study_attributes(stored: list[dict[str, str]], findings: Findings) -> list[dict[str, str]]:
    """Return a study's attributes for readers, without those that only programs use."""
    result = findings.result
    shown = {
        "budgets": " and ".join(map(str, result.budgets)),
        "space": result.space,
        "data": result.data,
        "sampler": result.sampler,
        "seed": str(result.seed),
        "recipe": str(findings.recipe["name"]),
        "trained networks": str(result.trained),
        "files": result.folder,
    }
    others = [attribute for attribute in stored if not attribute["key"].startswith("nas:")]
    return [*({"key": key, "value": value} for key, value in shown.items()), *others]


def _attributes(stored: list[dict[str, str]], network: TrialResult) -> list[dict[str, str]]:
    """Return a trial's attributes for readers: budget verdicts first, none that only programs use."""
    others = {a["key"]: a["value"] for a in stored if a["key"] not in _HIDDEN}
    first = dict(verdicts(network))
    for target, ms in (network.latency_ms or {}).items():
        first[f"latency_ms@{target}"] = json.dumps(ms)
    return [{"key": key, "value": value} for key, value in (first | others | first).items()]


def _columns(stored: list[dict[str, Any]], networks: dict[int, TrialResult]) -> list[dict[str, Any]]:
    """Return the attributes that the dashboard's tables show as columns, with one per measured target."""
    kept = [column for column in stored if column["key"] not in _HIDDEN]
    known = {column["key"] for column in kept}
    targets = {f"latency_ms@{target}" for n in networks.values() for target in n.latency_ms or {}}
    added: list[dict[str, Any]] = [{"key": key, "sortable": True} for key in sorted(targets - known)]
    return kept + added
