"""The bridge writes every epoch into the study and tells each training's end as what it was."""

import time

import optuna
import pytest
from optuna.trial import TrialState

from dashboards.result import Epoch, TrialResult
from nas.ask_tell.candidates import CandidateSource
from nas.ask_tell.stopping import StoppingCriteria
from nas.bayesopt.space_problem import problem_of
from nas.ray_backend.searcher import StudySearcher
from nas.resources import Capacity
from nas.samplers import SAMPLERS
from nas.study import trial_attributes


class Notes:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []

    def started(self, network: TrialResult, *, resumed: bool) -> None:
        self.lines.append(("started", network.trial, resumed))

    def epoch(self, trial: int, epoch: Epoch) -> None:
        self.lines.append(("epoch", trial, epoch.epoch, epoch.accuracy))

    def ended(self, trial: int, state: str, reason: str | None) -> None:
        self.lines.append(("ended", trial, state, reason))

    def say(self, line: str) -> None:
        self.lines.append(("said", line))


def epoch(number: int, accuracy: float, *, final: bool = False) -> dict[str, object]:
    return {"epoch": number, "accuracy": accuracy, "standard_error": 0.01, "seconds": 2.0, "final": final}


@pytest.fixture
def limits() -> StoppingCriteria:
    return StoppingCriteria(trials=3, failures=2)


@pytest.fixture
def room() -> Capacity:
    return Capacity(4)


@pytest.fixture
def bridge(study: optuna.Study, tiny_prices, limits: StoppingCriteria, room: Capacity) -> StudySearcher:
    study.sampler = SAMPLERS["random"](problem_of(tiny_prices, (), seed=0))
    proposals = CandidateSource(study, tiny_prices, ())
    return StudySearcher(
        study, proposals, lambda n, a: {"number": n, "network": a.to_json()}, room, limits, Notes()
    )


def asked(bridge: StudySearcher, name: str) -> dict[str, object] | str:
    """Ask as Tune does: again and again until an answer is there."""
    for _ in range(1000):
        told = bridge.suggest(name)
        if told is not None:
            return told
        time.sleep(0.01)
    raise AssertionError("no answer within ten seconds")


def start(bridge: StudySearcher, name: str) -> dict[str, object]:
    told = asked(bridge, name)
    assert isinstance(told, dict), told
    return told


def test_a_training_to_the_end_is_complete_with_its_curve(bridge: StudySearcher, study: optuna.Study):
    start(bridge, "a")
    assert not bridge("a", epoch(1, 0.5))
    assert not bridge("a", epoch(2, 0.75, final=True))
    bridge.on_trial_complete("a", epoch(2, 0.75, final=True))
    (trial,) = study.get_trials()
    assert trial.state == TrialState.COMPLETE
    assert trial.value == 0.75
    assert trial.intermediate_values == {1: 0.5, 2: 0.75}
    network = trial_attributes.network_of(trial)
    assert (network.epochs, network.accuracy, network.standard_error, network.seconds) == (2, 0.75, 0.01, 4.0)
    assert bridge.busy_s == 4.0


def test_a_training_stopped_early_is_pruned_and_never_complete(bridge: StudySearcher, study: optuna.Study):
    for name, accuracy in (("a", 0.9), ("b", 0.2)):
        start(bridge, name)
        stop = bridge(name, epoch(1, accuracy))
        assert stop is (name == "b")
    bridge.on_trial_complete("b", epoch(1, 0.2))
    pruned = study.get_trials()[1]
    assert pruned.state == TrialState.PRUNED
    assert pruned.user_attrs["reason"] == "stopped early at epoch 1"
    assert trial_attributes.trained(pruned)


def test_epochs_replayed_from_a_checkpoint_are_written_once(bridge: StudySearcher, study: optuna.Study):
    start(bridge, "a")
    for _ in range(2):
        bridge("a", epoch(1, 0.5))
    assert study.get_trials()[0].user_attrs["seconds"] == 2.0
    assert isinstance(bridge._watcher, Notes)
    assert [line[0] for line in bridge._watcher.lines] == ["started", "epoch"]


def test_a_training_cut_short_stays_running_for_the_next_start(bridge: StudySearcher, study: optuna.Study):
    start(bridge, "a")
    bridge("a", epoch(1, 0.5))
    bridge.on_trial_complete("a", epoch(1, 0.5))
    assert study.get_trials()[0].state == TrialState.RUNNING


def test_tune_is_not_let_idle_while_the_first_network_is_proposed(bridge: StudySearcher):
    assert isinstance(bridge.suggest("a"), dict)
    assert bridge.suggest("b") is None  # while one trains, its reports are not kept waiting


def test_no_more_trainings_run_than_there_is_room_for(bridge: StudySearcher, room: Capacity):
    room.change(1)
    start(bridge, "a")
    assert bridge.suggest("b") is None
    assert bridge._pending is None  # nothing is even proposed: it would know less than it could
    room.change(2)
    start(bridge, "b")
    assert bridge.suggest("c") is None
    bridge("a", epoch(1, 0.5, final=True))
    bridge.on_trial_complete("a", epoch(1, 0.5, final=True))
    start(bridge, "c")


def test_the_search_ends_when_enough_networks_are_trained(bridge: StudySearcher, study: optuna.Study):
    for name in "abc":
        start(bridge, name)
    assert bridge.suggest("d") is None  # three live: asked again later
    for name in "abc":
        bridge(name, epoch(2, 0.5, final=True))
        bridge.on_trial_complete(name, epoch(2, 0.5, final=True))
    assert asked(bridge, "d") == StudySearcher.FINISHED
    assert len(study.get_trials()) == 3


def test_failures_are_recorded_do_not_count_and_are_bounded(bridge: StudySearcher, study: optuna.Study):
    start(bridge, "a")
    bridge.on_trial_complete("a", {"error": "NonFiniteLossError: the loss became nan"})
    (failed,) = study.get_trials()
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["reason"] == "NonFiniteLossError: the loss became nan"
    assert bridge.problem is None
    start(bridge, "b")
    bridge.on_trial_complete("b", {"error": "DataError: the images are gone"})
    assert bridge.suggest("c") == StudySearcher.FINISHED
    assert "2 trainings failed" in str(bridge.problem)


def test_a_training_that_dies_is_begun_again_and_given_up_only_when_it_gets_nowhere(
    bridge: StudySearcher, study: optuna.Study
):
    for reached, name in enumerate("abc"):  # every attempt gets an epoch further
        assert start(bridge, name)["number"] == 0
        bridge(name, epoch(reached + 1, 0.5))
        bridge.on_trial_complete(name, error=True)
    assert study.get_trials()[0].state == TrialState.RUNNING
    for name in "de":
        assert start(bridge, name)["number"] == 0
        bridge.on_trial_complete(name, error=True)
    (failed,) = study.get_trials()
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["reason"] == "what trained it died 3 times without finishing an epoch"


def test_a_training_that_dies_while_the_search_drains_is_begun_again_but_no_other(
    bridge: StudySearcher, limits: StoppingCriteria, study: optuna.Study
):
    start(bridge, "a")
    limits.draining = True
    bridge.on_trial_complete("a", error=True)
    assert start(bridge, "b")["number"] == 0
    assert bridge.suggest("c") is None
    bridge("b", epoch(2, 0.5, final=True))
    bridge.on_trial_complete("b", epoch(2, 0.5, final=True))
    assert asked(bridge, "c") == StudySearcher.FINISHED
    assert [t.state for t in study.get_trials()] == [TrialState.COMPLETE]


def test_a_training_that_a_machine_refuses_is_no_failure(bridge: StudySearcher, study: optuna.Study):
    refusals = []
    bridge.refused = lambda node, reason: refusals.append((node, reason))
    start(bridge, "a")
    bridge.on_trial_complete("a", {"refused": "another version", "node": "f00"})
    assert start(bridge, "b")["number"] == 0
    bridge.on_trial_complete("b", {"superseded": True})
    assert start(bridge, "c")["number"] == 0
    assert refusals == [("f00", "another version")]
    assert [t.state for t in study.get_trials()] == [TrialState.RUNNING]


def test_draining_lets_the_running_finish_and_a_deadline_stops_them(
    bridge: StudySearcher, limits: StoppingCriteria
):
    start(bridge, "a")
    limits.draining = True
    assert bridge.suggest("b") is None
    assert not bridge.stop_all()
    limits.deadline = time.monotonic() - 1
    assert bridge.stop_all()


def test_a_proposal_made_while_the_search_ends_is_not_trained(
    bridge: StudySearcher, limits: StoppingCriteria, study: optuna.Study
):
    start(bridge, "a")
    assert bridge.suggest("b") is None  # the proposal is under way
    limits.draining = True
    bridge("a", epoch(1, 0.5, final=True))
    bridge.on_trial_complete("a", epoch(1, 0.5, final=True))
    bridge.close()
    assert bridge.suggest("b") == StudySearcher.FINISHED
    assert [t.state for t in study.get_trials()] == [TrialState.COMPLETE, TrialState.RUNNING]


def test_a_first_proposal_made_while_the_search_ends_is_not_trained_either(
    bridge: StudySearcher, limits: StoppingCriteria, study: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    ask = bridge._proposals.next

    def ending(wanted: float):
        limits.draining = True
        return ask(wanted)

    monkeypatch.setattr(bridge._proposals, "next", ending)
    assert bridge.suggest("a") == StudySearcher.FINISHED
    bridge.close()
    assert bridge.suggest("a") == StudySearcher.FINISHED
    assert all(t.state == TrialState.RUNNING for t in study.get_trials())


def test_a_pickled_bridge_carries_nothing(bridge: StudySearcher):
    import pickle

    assert vars(pickle.loads(pickle.dumps(bridge))) == {}


def test_another_metric_is_the_value_and_all_of_them_are_kept(
    study: optuna.Study, tiny_prices, limits: StoppingCriteria
):
    study.sampler = SAMPLERS["random"](problem_of(tiny_prices, (), seed=0))
    proposals = CandidateSource(study, tiny_prices, ())
    bridge = StudySearcher(
        study,
        proposals,
        lambda n, a: {"number": n, "network": a.to_json()},
        Capacity(2),
        limits,
        Notes(),
        metric="macro_f1",
    )
    start(bridge, "a")
    told = {**epoch(1, 0.8, final=True), "macro_f1": 0.6, "macro_f1_error": 0.03, "loss": 0.5}
    bridge("a", told)
    bridge.on_trial_complete("a", told)
    bridge.close()
    (trial,) = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert trial.value == 0.6
    assert trial_attributes.network_of(trial).standard_error == 0.03
    assert trial.user_attrs["metrics"] == {"1": {"accuracy": 0.8, "macro_f1": 0.6, "loss": 0.5}}
