"""Every command means the same network when it picks the best of a study."""

from datetime import timedelta

import optuna
import pytest
from optuna.storages import RDBStorage

import nas
from dashboards.result import Epoch, TrialResult
from nas.administration.study_admin import study_summaries
from nas.ask_tell.observer import SearchObserver
from nas.latency.measurement_cache import LatencyCache
from nas.orchestration import retraining
from nas.orchestration.winner_check import WinnerCheck
from nas.reporting.study_findings import FindingsCollector
from nas.scaling.family import find_with_study
from nas.storage.store import Store
from nas.study import posterior
from nas.study.network_lookup import find_network
from nas.study.posterior import StoredPosterior
from nas.study.results import misfit, result_of
from search_spaces.architecture import Architecture
from tests.nas.study.conftest import BEGUN, Measure, latency
from trials.latency.latency import Latency
from trials.training.epoch_progress import EpochProgress


def picked(study: optuna.Study, storage: RDBStorage) -> set[int]:
    """Return the numbers of the networks that commands pick as the best."""
    url = str(storage.url)
    shown, found = nas.show(study.study_name, storage=url).best, result_of(study).best
    assert shown is not None
    assert found is not None
    with Store(url) as store:
        reported = FindingsCollector(storage, store).of(study).result.best
    assert reported is not None
    numbers = [shown.trial, found.trial, reported.trial]
    numbers += [n.trial for n in retraining.chosen(result_of(study), trial=None, top=1)]
    for name in (find_network(study.study_name, url).name, find_with_study(study.study_name, url)[0].name):
        numbers.append(int(name.rpartition("#")[2]))
    (summary,) = study_summaries(storage)
    accuracies = {n.accuracy: n.trial for n in result_of(study).networks}
    return {*numbers, accuracies[summary.accuracy]}


def test_all_commands_pick_by_the_latest_measurement(
    searched: optuna.Study, storage: RDBStorage, measure: Measure
):
    assert picked(searched, storage) == {2}
    measure(2, 7.0)
    assert picked(searched, storage) == {1}
    measure(2, 2.0)
    assert picked(searched, storage) == {2}
    measure(2, 9.0, stable=False)  # an unstable measurement says nothing
    assert picked(searched, storage) == {2}


def test_all_commands_pick_by_the_expected_values_that_are_stored(
    searched: optuna.Study, storage: RDBStorage
):
    posterior.store(searched, StoredPosterior({0: (0.55, 0.02), 1: (0.62, 0.02), 2: (0.6, 0.02)}))
    assert picked(searched, storage) == {1}
    best = result_of(searched).best
    assert best is not None
    assert (best.accuracy, best.posterior_mean, best.posterior_sd) == (0.6, 0.62, 0.02)


def test_a_lucky_network_that_ended_since_is_expected_to_be_like_the_others(
    searched: optuna.Study, storage: RDBStorage
):
    values = {n.trial: n.accuracy or 0.0 for n in result_of(searched).networks}
    assert max(values, key=values.__getitem__) == 2
    posterior.store(searched, StoredPosterior({0: (0.52, 0.02), 1: (0.63, 0.01)}, (0.5, 0.27, 0.03)))
    assert picked(searched, storage) == {1}
    networks = {n.trial: n for n in result_of(searched).networks}
    assert networks[2].posterior_mean == pytest.approx(0.27 + 0.5 * values[2])
    assert networks[2].posterior_sd == 0.03


class Scripted(LatencyCache):
    """Measures what a script says, one minute after the other, and stores it as ever."""

    def __init__(self, store: Store, script: list[tuple[float, bool]]) -> None:
        super().__init__(store, num_classes=10, in_channels=1)
        self.script = script

    def time(
        self, architecture: Architecture, target: str, *, again: bool = False, figure: str = "quickest"
    ) -> Latency:
        del architecture, target, again, figure
        ms, stable = self.script.pop(0)
        return latency(ms, stable=stable)


class Said(SearchObserver):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def started(self, network: TrialResult, *, resumed: bool) -> None:
        del network, resumed

    def epoch(self, trial: int, epoch: Epoch) -> None:
        del trial, epoch

    def progress(self, trial: int, progress: EpochProgress) -> None:
        del trial, progress

    def ended(self, trial: int, state: str, reason: str | None, value: float | None = None) -> None:
        del trial, state, reason, value

    def say(self, line: str) -> None:
        self.lines.append(line)


def confirmed(
    study: optuna.Study, storage: RDBStorage, script: list[tuple[float, bool]], *, timed: bool = True
) -> Said:
    """Confirm the winner of a study by measurements of milliseconds that are stable or not."""
    said = Said()
    with Store(str(storage.url)) as store:
        budgets = result_of(study).budgets if timed else ()
        now = iter(BEGUN + timedelta(hours=2 + n) for n in range(9))
        check = WinnerCheck(Scripted(store, script), store, said, budgets, now=lambda: next(now))
        check.confirmed(study)
    return said


@pytest.mark.parametrize("script", [[(3.0, False)] * 3, [(7.0, True)]])
def test_a_dismissed_winner_stays_dismissed_for_later_commands(
    searched: optuna.Study, storage: RDBStorage, measure: Measure, script: list[tuple[float, bool]]
):
    measure(2, 3.0)  # before the confirmation, as every network is
    said = confirmed(searched, storage, [*script, (3.0, True)])
    assert len(said.lines) == 1
    assert "#2 misses its latency when measured again" in said.lines[0]
    again = optuna.load_study(study_name="mine", storage=str(storage.url))
    assert picked(again, storage) == {1}
    dismissed = next(n for n in result_of(again).networks if n.trial == 2)
    assert (misfit(dismissed) or "").startswith("#2 does not fit: it exceeds 5ms@cpu by ")
    assert dismissed.excess is not None
    assert dismissed.excess["5ms@cpu"] > 0
    assert "when measured again" in (dismissed.reason or "")
    measure(2, 3.0, hours=30.0)  # a stable measurement after the verdict counts
    assert picked(again, storage) == {2}
    assert next(n for n in result_of(again).networks if n.trial == 2).reason is None


def test_a_confirmed_winner_has_no_verdict(searched: optuna.Study, storage: RDBStorage):
    assert confirmed(searched, storage, [(3.0, False), (3.0, True)]).lines == []
    assert not any(key.startswith("nas:verdict") for key in searched.user_attrs)
    assert picked(searched, storage) == {2}


def test_without_a_budget_on_latency_the_best_are_timed_until_stable(
    searched: optuna.Study, storage: RDBStorage
):
    best = [(3.0, False), (3.0, True)]
    assert confirmed(searched, storage, [*best, (3.0, True), (3.0, True)], timed=False).lines == []
    (line,) = confirmed(searched, storage, [(3.0, True), *[(3.0, False)] * 3, (3.0, True)], timed=False).lines
    assert "The latency of #1 on cpu was unstable 3 times and is left out" in line
