"""Weaves what is known of networks into what the Optuna dashboard's own API answers.

Notes, figures and verdicts are made when somebody looks, from the results alone: the search spends nothing
on them, the database stays small, and the stock dashboard's costs at thousands of trials (it reads every
stored note once for every trial) do not arise.
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
# Read by programs and not by people; one long line makes the dashboard's page as wide as itself, and an
# artifact hands the architecture out.
_HIDDEN: Final = frozenset({"standard_errors", "epochs", "metrics", "architecture"})
_FRESH_S: Final = 2.0  # views are made again after this long at the earliest,
_SHARE: Final = 0.01  # and so seldom that they take no more than this share of a core
_HEIGHT: Final = 450  # pixels of the dashboard's frame for a figure


@dataclass(frozen=True, slots=True)
class _Made:
    findings: Findings
    networks: dict[int, TrialResult]
    figures: list[dict[str, str]]
    until_s: float


class Weaver:
    """Adds to the dashboard's answers.

    Args:
        gather: A study's id in the storage to what is known of it; None for a study of somebody else's.
        fetch: A study's id and a trial's number to that network as it is now; None where there is none.
        held: Whether the file of an artifact is still there, by its id.
        clock: Returns seconds that only rise.
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
        self._made: dict[int, _Made | None] = {}

    def study(self, study_id: int, answer: dict[str, Any]) -> dict[str, Any]:
        """Return the answer on a study with notes, figures, verdicts and its best network that fits.

        Args:
            study_id: As the storage numbers it.
            answer: What the dashboard says; changed in place.
        """
        made = self._current(study_id)
        if made is None:
            return answer
        for trial in (*answer["trials"], *answer["best_trials"]):
            network = self._network(made, study_id, trial)
            if network is not None:
                address = f"/nas/studies/{study_id}/trials/{network.trial}.svg"
                body = trial_note(made.findings, network, picture=address)
                trial["note"] = {"version": 1, "body": body}
                trial["artifacts"] = [a for a in trial["artifacts"] if self._held(a["artifact_id"])]
                trial["user_attrs"] = _attributes(trial["user_attrs"], network)
        answer["user_attrs"] = _about(answer["user_attrs"], made.findings)
        answer["note"] = {"version": 1, "body": study_note(made.findings)}
        answer["plotly_graph_objects"] = [*answer["plotly_graph_objects"], *made.figures]
        answer["union_user_attrs"] = _columns(answer["union_user_attrs"], made.networks)
        return answer

    def _network(self, made: _Made, study_id: int, trial: dict[str, Any]) -> TrialResult | None:
        """Return the network of a trial, as it is now where it has gone on since everything was gathered.

        A page asks once for a trial that has ended, so what it is told then must be whole.
        """
        known = made.networks.get(trial["number"])
        if known is not None and known.state == trial["state"].lower():
            return known
        return self._fetch(study_id, trial["number"]) or known

    def best(self, study_id: int) -> int | None:
        """Return the number of the best network that fits, None if there is none."""
        made = self._current(study_id)
        best = made.findings.result.best if made is not None else None
        return best.trial if best is not None else None

    def picture(self, study_id: int, trial: int) -> str | None:
        """Return a network as SVG, None where there is none."""
        made = self._current(study_id)
        network = made.networks.get(trial) if made is not None else None
        if made is None or network is None:
            return None
        return picture(network.architecture, made.findings.parts(network))

    def _current(self, study_id: int) -> _Made | None:
        """Return what was made of a study lately, or make it now."""
        with self._lock:
            made = self._made.get(study_id)
            if made is None or self._clock() >= made.until_s:
                made = self._made[study_id] = self._make(study_id)
            return made

    def _make(self, study_id: int) -> _Made | None:
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
        return _Made(findings, networks, figures, ended_s + rest_s)


def _about(stored: list[dict[str, str]], findings: Findings) -> list[dict[str, str]]:
    """Return a study's attributes as people want them, instead of those that programs read."""
    result = findings.result
    told = {
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
    return [*({"key": key, "value": value} for key, value in told.items()), *others]


def _attributes(stored: list[dict[str, str]], network: TrialResult) -> list[dict[str, str]]:
    """Return a trial's attributes as people want them: verdicts first, nothing that is for programs."""
    known = {a["key"]: a["value"] for a in stored if a["key"] not in _HIDDEN}
    told = dict(verdicts(network))
    for target, ms in (network.latency_ms or {}).items():
        told[f"latency_ms@{target}"] = json.dumps(ms)
    return [{"key": key, "value": value} for key, value in (told | known | told).items()]


def _columns(stored: list[dict[str, Any]], networks: dict[int, TrialResult]) -> list[dict[str, Any]]:
    """Return the attributes that the dashboard's tables have as columns."""
    kept = [column for column in stored if column["key"] not in _HIDDEN]
    known = {column["key"] for column in kept}
    targets = {f"latency_ms@{target}" for n in networks.values() for target in n.latency_ms or {}}
    added: list[dict[str, Any]] = [{"key": key, "sortable": True} for key in sorted(targets - known)]
    return kept + added
