"""The searcher writes every epoch into the study and tells each training's end as what it was."""

import concurrent.futures
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import optuna
import pytest
from optuna.trial import TrialState
from ray.tune.utils import flatten_dict
from sqlalchemy.exc import OperationalError

from dashboards.result import Epoch, TrialResult
from nas.administration.consistency import _of_trial
from nas.ask_tell.candidates import CandidateSource
from nas.ask_tell.stopping import SearchControl, StoppingCriteria
from nas.ask_tell.successive_halving import RungHalving
from nas.ask_tell.trial_source import Planned
from nas.bayesopt.space_problem import problem_of
from nas.coordination.trial_ownership import SoleDriver
from nas.ray_backend.searcher import StudySearcher
from nas.resources import Capacity
from nas.samplers import SAMPLERS
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from trials.training.epoch_progress import EpochProgress


class Notes:
    """Keeps the events of a search."""

    def __init__(self) -> None:
        self.lines: list[tuple[object, ...]] = []

    def started(self, network: TrialResult, *, resumed: bool) -> None:
        self.lines.append(("started", network.trial, resumed))

    def epoch(self, trial: int, epoch: Epoch) -> None:
        self.lines.append(("epoch", trial, epoch.epoch, epoch.accuracy))

    def progress(self, trial: int, progress: EpochProgress) -> None:
        self.lines.append(("progress", trial, progress.share))

    def ended(self, trial: int, state: str, reason: str | None, value: float | None = None) -> None:
        assert (value is not None) == (state == "complete")
        self.lines.append(("ended", trial, state, reason))

    def say(self, line: str) -> None:
        self.lines.append(("said", line))


def epoch(number: int, accuracy: float, *, final: bool = False) -> dict[str, object]:
    return {"epoch": number, "accuracy": accuracy, "standard_error": 0.01, "seconds": 2.0, "final": final}


class Clock:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def control(clock: Clock) -> SearchControl:
    return SearchControl(StoppingCriteria(trials=3, failures=2, deadline=9.0), Capacity(4), clock)


class OthersTrain(SoleDriver):
    """Owns all trials but the first, which another driver trains."""

    @contextmanager
    def turn(self, given_up: Callable[[], bool]) -> Iterator[frozenset[int]]:
        del given_up
        yield frozenset({0})


def searching(
    opened: OpenedStudy, prices, control: SearchControl, ownership: SoleDriver | None = None, **options
) -> StudySearcher:
    opened.study.sampler = SAMPLERS["random"](problem_of(prices, (), seed=0))
    source = CandidateSource(opened, prices, (), ownership=ownership, stopped=control.is_ending)
    return StudySearcher(opened, source, lambda c: {"number": c.number}, control, Notes(), **options)


@pytest.fixture
def searcher(opened: OpenedStudy, tiny_prices, control: SearchControl) -> StudySearcher:
    return searching(opened, tiny_prices, control)


def asked(searcher: StudySearcher, name: str) -> dict[str, object] | str:
    """Ask as Tune does: again and again until an answer is there."""
    deadline = time.monotonic() + 120  # on a busy host
    while time.monotonic() < deadline:
        answer = searcher.suggest(name)
        if answer is not None:
            return answer
        time.sleep(0.01)
    raise AssertionError("no answer within two minutes")


def start(searcher: StudySearcher, name: str) -> dict[str, object]:
    config = asked(searcher, name)
    assert isinstance(config, dict), config
    return config


def test_a_training_to_the_end_is_complete_with_its_curve(searcher: StudySearcher, study: optuna.Study):
    start(searcher, "a")
    assert not searcher("a", epoch(1, 0.5))
    assert not searcher("a", epoch(2, 0.75, final=True))
    searcher.on_trial_complete("a", epoch(2, 0.75, final=True))
    (trial,) = study.get_trials()
    assert trial.state == TrialState.COMPLETE
    assert trial.value == 0.75
    assert trial.intermediate_values == {1: 0.5, 2: 0.75}
    network = trial_attributes.network_of(trial)
    assert (network.epochs, network.accuracy, network.standard_error, network.seconds) == (2, 0.75, 0.01, 4.0)
    assert searcher.busy_s == 4.0


def test_a_network_that_is_deployed_in_int8_has_the_value_of_that_form(
    searcher: StudySearcher, study: optuna.Study
):
    start(searcher, "a")
    last = {**epoch(1, 0.75, final=True), "int8": {"accuracy": 0.7, "standard_error": 0.02}}
    assert not searcher("a", last)
    searcher.on_trial_complete("a", flatten_dict(last))  # as Tune repeats it
    (trial,) = study.get_trials()
    assert (trial.value, trial.intermediate_values) == (0.7, {1: 0.75})
    assert not list(_of_trial(trial))


@pytest.mark.parametrize(
    ("last", "died", "expected"),
    [
        (epoch(1, 0.5, final=True), False, ("complete", None)),
        ({"error": "no memory"}, False, ("fail", "no memory")),
        ({}, True, None),
    ],
    ids=["complete", "failed", "died"],
)
def test_an_end_is_written_and_counted_once_though_the_database_goes_away_after_it(
    opened: OpenedStudy, tiny_prices, control: SearchControl, last, died: bool, expected
):
    outages = [OperationalError("UPDATE", {}, Exception("server closed the connection"))]

    def after_end() -> None:
        if outages:
            raise outages.pop()

    searcher = searching(opened, tiny_prices, control, after_end=after_end)
    number = start(searcher, "a")["number"]
    assert isinstance(number, int)
    if "epoch" in last:
        searcher("a", last)
    searcher.on_trial_complete("a", last, error=died)
    assert not outages
    ended = [line for line in searcher._observer.lines if line[0] == "ended"]  # type: ignore[attr-defined]
    assert ended == ([] if expected is None else [("ended", number, *expected)])
    assert not control.draining  # one of two failures that end it
    if died:  # for the first time of three
        assert control.retries.waiting == {number}
        assert control.retries.died(opened.stored_trial(number))


def test_a_training_that_another_driver_ends_as_it_begins_takes_no_slot(
    opened: OpenedStudy, tiny_prices, clock: Clock
):
    control = SearchControl(StoppingCriteria(trials=1, failures=2), Capacity(1), clock)
    taken: list[int] = []

    def config(candidate: Planned) -> dict[str, object]:
        if not taken:
            taken.append(candidate.number)
            opened.study.tell(candidate.number, state=TrialState.FAIL)
            opened.set_user_attribute(candidate.number, "begun", True)
        return {"number": candidate.number}

    opened.study.sampler = SAMPLERS["random"](problem_of(tiny_prices, (), seed=0))
    source = CandidateSource(opened, tiny_prices, (), stopped=control.is_ending)
    searcher = StudySearcher(opened, source, config, control, Notes())
    assert start(searcher, "a")["number"] not in taken
    assert taken


def test_a_training_stopped_early_is_pruned_and_never_complete(searcher: StudySearcher, study: optuna.Study):
    for name, accuracy in (("a", 0.9), ("b", 0.2)):
        start(searcher, name)
        stop = searcher(name, epoch(1, accuracy))
        assert stop is (name == "b")
    searcher.on_trial_complete("b", epoch(1, 0.2))
    pruned = study.get_trials()[1]
    assert pruned.state == TrialState.PRUNED
    assert pruned.user_attrs["reason"] == "stopped early at epoch 1"
    assert trial_attributes.trained(pruned)


def test_epochs_replayed_from_a_checkpoint_are_written_once(searcher: StudySearcher, study: optuna.Study):
    start(searcher, "a")
    for _ in range(2):
        searcher("a", epoch(1, 0.5))
    assert study.get_trials()[0].user_attrs["seconds"] == 2.0
    assert isinstance(searcher._observer, Notes)
    assert [line[0] for line in searcher._observer.lines] == ["started", "epoch"]


def test_a_training_cut_short_stays_running_for_the_next_start(searcher: StudySearcher, study: optuna.Study):
    start(searcher, "a")
    searcher("a", epoch(1, 0.5))
    searcher.on_trial_complete("a", epoch(1, 0.5))
    assert study.get_trials()[0].state == TrialState.RUNNING


def test_tune_is_not_let_idle_while_the_first_network_is_proposed(searcher: StudySearcher):
    assert isinstance(searcher.suggest("a"), dict)
    assert searcher.suggest("b") is None  # while one trains, its reports are not kept waiting


def test_no_more_trainings_run_than_there_is_capacity_for(searcher: StudySearcher, control: SearchControl):
    control.capacity.change(1)
    start(searcher, "a")
    assert searcher.suggest("b") is None
    assert searcher._pending is None  # nothing is even proposed: it would know less than it could
    control.capacity.change(2)
    start(searcher, "b")
    assert searcher.suggest("c") is None
    searcher("a", epoch(1, 0.5, final=True))
    searcher.on_trial_complete("a", epoch(1, 0.5, final=True))
    start(searcher, "c")


def test_the_search_ends_when_enough_networks_are_trained(searcher: StudySearcher, study: optuna.Study):
    for name in "abc":
        start(searcher, name)
    assert searcher.suggest("d") is None  # three live: asked again later
    for name in "abc":
        searcher(name, epoch(2, 0.5, final=True))
        searcher.on_trial_complete(name, epoch(2, 0.5, final=True))
    assert asked(searcher, "d") == StudySearcher.FINISHED
    assert len(study.get_trials()) == 3


ONE = StoppingCriteria(trials=1, failures=2, deadline=9.0)


def lines_said(searcher: StudySearcher) -> list[object]:
    assert isinstance(searcher._observer, Notes)
    return [line[1] for line in searcher._observer.lines if line[0] == "said"]


def test_an_answer_from_before_the_end_of_an_own_training_names_no_other_driver(
    opened: OpenedStudy, tiny_prices, clock: Clock
):
    searcher = searching(opened, tiny_prices, SearchControl(ONE, Capacity(4), clock))
    for name, fails in (("a", True), ("b", False)):
        start(searcher, name)
        assert searcher.suggest("next") is None
        assert searcher._pending is not None
        concurrent.futures.wait([searcher._pending])
        searcher(name, epoch(2, 0.5, final=not fails))
        searcher.on_trial_complete(name, epoch(2, 0.5, final=not fails), error=fails)
        assert searcher.suggest("next") is None
        searcher._ask_again_s = 0.0
    assert asked(searcher, "next") == StudySearcher.FINISHED
    assert lines_said(searcher) == []


def test_what_another_driver_trains_is_waited_for_and_said_once(
    opened: OpenedStudy, tiny_prices, clock: Clock, study: optuna.Study
):
    study.ask()
    searcher = searching(opened, tiny_prices, SearchControl(ONE, Capacity(4), clock), OthersTrain())
    for _ in range(2):
        searcher._ask_again_s = 0.0
        assert searcher.suggest("a") is None
        assert searcher._pending is None  # answered
    assert lines_said(searcher) == ["Waiting for 1 network that other drivers train"]


def test_failures_are_recorded_do_not_count_and_are_bounded(
    searcher: StudySearcher, control: SearchControl, study: optuna.Study
):
    start(searcher, "a")
    searcher.on_trial_complete("a", {"error": "NonFiniteLossError: the loss became nan"})
    (failed,) = study.get_trials()
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["reason"] == "NonFiniteLossError: the loss became nan"
    assert control.problem is None
    start(searcher, "b")
    searcher.on_trial_complete("b", {"error": "DataError: the images are gone"})
    assert searcher.suggest("c") == StudySearcher.FINISHED
    assert "2 trainings failed" in str(control.problem)


def test_networks_that_run_out_of_memory_do_not_end_the_search(
    searcher: StudySearcher, control: SearchControl, study: optuna.Study
):
    for number in range(4):
        start(searcher, f"{number}")
        searcher.on_trial_complete(f"{number}", {"error": f"OutOfMemoryError: {number} GiB are missing"})
    assert control.problem is None
    assert all(map(trial_attributes.network_failed, study.get_trials()))
    assert len({t.user_attrs["fingerprint"] for t in study.get_trials()}) == 4


def test_a_training_that_dies_is_begun_again_and_given_up_only_when_it_gets_nowhere(
    searcher: StudySearcher, study: optuna.Study
):
    for reached, name in enumerate("abc"):  # every attempt gets an epoch further
        assert start(searcher, name)["number"] == 0
        searcher(name, epoch(reached + 1, 0.5))
        searcher.on_trial_complete(name, error=True)
    assert study.get_trials()[0].state == TrialState.RUNNING
    for name in "de":
        assert start(searcher, name)["number"] == 0
        searcher.on_trial_complete(name, error=True)
    (failed,) = study.get_trials()
    assert failed.state == TrialState.FAIL
    assert failed.user_attrs["reason"] == "what trained it died 3 times without finishing an epoch"


def test_a_training_that_dies_while_the_search_drains_is_begun_again_but_no_other(
    searcher: StudySearcher, control: SearchControl, study: optuna.Study
):
    start(searcher, "a")
    control.draining = True
    searcher.on_trial_complete("a", error=True)
    assert start(searcher, "b")["number"] == 0
    assert searcher.suggest("c") is None
    searcher("b", epoch(2, 0.5, final=True))
    searcher.on_trial_complete("b", epoch(2, 0.5, final=True))
    assert asked(searcher, "c") == StudySearcher.FINISHED
    assert [t.state for t in study.get_trials()] == [TrialState.COMPLETE]


def test_a_training_that_a_machine_refuses_is_no_failure(
    opened: OpenedStudy, tiny_prices, control: SearchControl, study: optuna.Study
):
    refusals = []
    searcher = searching(
        opened, tiny_prices, control, on_refused=lambda node, reason: refusals.append((node, reason))
    )
    start(searcher, "a")
    searcher.on_trial_complete("a", {"refused": "another version", "node": "f00"})
    assert start(searcher, "b")["number"] == 0
    searcher.on_trial_complete("b", {"superseded": True})
    assert start(searcher, "c")["number"] == 0
    assert refusals == [("f00", "another version")]
    assert [t.state for t in study.get_trials()] == [TrialState.RUNNING]


def test_draining_lets_the_running_finish_and_a_deadline_stops_them(
    searcher: StudySearcher, control: SearchControl, clock: Clock
):
    start(searcher, "a")
    control.draining = True
    assert searcher.suggest("b") is None
    assert not searcher.stop_all()
    clock.now_s = 9.0
    assert searcher.stop_all()


def test_a_proposal_made_while_the_search_ends_is_not_trained(
    searcher: StudySearcher, control: SearchControl, study: optuna.Study
):
    start(searcher, "a")
    assert searcher.suggest("b") is None  # the proposal is under way
    while len(study.get_trials(deepcopy=False)) < 2:  # and has got as far as its trial
        time.sleep(0.01)
    control.draining = True
    searcher("a", epoch(1, 0.5, final=True))
    searcher.on_trial_complete("a", epoch(1, 0.5, final=True))
    searcher.close()
    assert searcher.suggest("b") == StudySearcher.FINISHED
    assert [t.state for t in study.get_trials()] == [TrialState.COMPLETE, TrialState.RUNNING]


def test_a_first_proposal_made_while_the_search_ends_is_not_trained_either(
    searcher: StudySearcher, control: SearchControl, study: optuna.Study, monkeypatch: pytest.MonkeyPatch
):
    ask = searcher._source.next

    def ending(wanted: float):
        control.draining = True
        return ask(wanted)

    monkeypatch.setattr(searcher._source, "next", ending)
    assert searcher.suggest("a") == StudySearcher.FINISHED
    searcher.close()
    assert searcher.suggest("a") == StudySearcher.FINISHED
    assert all(t.state == TrialState.RUNNING for t in study.get_trials())


def test_a_pickled_searcher_carries_nothing(searcher: StudySearcher):
    import pickle

    assert vars(pickle.loads(pickle.dumps(searcher))) == {}


def test_another_metric_is_the_value_and_all_of_them_are_kept(
    opened: OpenedStudy, tiny_prices, control: SearchControl, study: optuna.Study
):
    searcher = searching(opened, tiny_prices, control, metric="macro_f1")
    start(searcher, "a")
    result = {**epoch(1, 0.8, final=True), "macro_f1": 0.6, "macro_f1_error": 0.03, "loss": 0.5}
    searcher("a", result)
    searcher.on_trial_complete("a", result)
    searcher.close()
    (trial,) = [t for t in study.trials if t.state == TrialState.COMPLETE]
    assert trial.value == 0.6
    assert trial_attributes.network_of(trial).standard_error == 0.03
    assert trial.user_attrs["metrics"] == {"1": {"accuracy": 0.8, "macro_f1": 0.6, "loss": 0.5}}


def test_progress_within_an_epoch_is_shown_and_not_stored(searcher: StudySearcher, study: optuna.Study):
    start(searcher, "a")
    before = study.get_trials()[0]
    within = EpochProgress(epoch=1, epochs=6, share=0.25, images_per_s=100.0, left_s=9.0)
    assert not searcher("a", {"progress": within.to_json()})
    assert study.get_trials()[0] == before
    assert isinstance(searcher._observer, Notes)
    assert searcher._observer.lines[-1] == ("progress", 0, 0.25)


@pytest.fixture
def in_order(opened: OpenedStudy) -> OpenedStudy:
    opened.study.pruner = RungHalving((1,), 2, in_order=True)
    return opened


def test_a_training_first_at_a_rung_goes_on_and_what_it_did_is_kept_if_it_is_not_stopped(
    in_order: OpenedStudy, tiny_prices, control: SearchControl, study: optuna.Study
):
    searcher = searching(in_order, tiny_prices, control)
    start(searcher, "a")
    start(searcher, "b")
    for number in (1, 2):
        assert not searcher("b", epoch(number, 0.1 * number, final=number == 2))
    searcher.on_trial_complete("b", epoch(2, 0.2, final=True))
    waiting = study.get_trials()[1]
    assert (waiting.state, waiting.intermediate_values) == (TrialState.RUNNING, {1: 0.1})
    searcher("a", epoch(1, 0.05))
    ended = study.get_trials()[1]
    assert (ended.state, ended.intermediate_values, ended.value) == (
        TrialState.COMPLETE,
        {1: 0.1, 2: 0.2},
        0.2,
    )


def test_a_training_first_at_a_rung_leaves_nothing_of_what_it_did_after_it_if_it_is_stopped(
    in_order: OpenedStudy, tiny_prices, control: SearchControl, study: optuna.Study
):
    searcher = searching(in_order, tiny_prices, control)
    start(searcher, "a")
    start(searcher, "b")
    assert not searcher("b", epoch(1, 0.1))
    assert not searcher("b", epoch(2, 0.9))
    searcher("a", epoch(1, 0.5))
    assert searcher("b", epoch(3, 0.9))  # stopped as soon as it reports again
    searcher.on_trial_complete("b", epoch(3, 0.9))
    stopped = study.get_trials()[1]
    assert (stopped.state, stopped.intermediate_values) == (TrialState.PRUNED, {1: 0.1})
    assert stopped.user_attrs["seconds"] == 2.0


@pytest.mark.parametrize("value", [0.05, 0.5])
def test_a_failure_after_the_rung_counts_only_if_the_training_was_to_go_on(
    in_order: OpenedStudy, tiny_prices, control: SearchControl, study: optuna.Study, value: float
):
    searcher = searching(in_order, tiny_prices, control)
    start(searcher, "a")
    start(searcher, "b")
    searcher("b", epoch(1, 0.1))
    searcher.on_trial_complete("b", {"error": "NonFiniteLossError: the loss became nan"})
    assert study.get_trials()[1].state == TrialState.RUNNING
    searcher("a", epoch(1, value))
    assert study.get_trials()[1].state == (TrialState.FAIL if value < 0.1 else TrialState.PRUNED)


def test_what_waits_when_the_search_is_cut_short_goes_on_with_the_next_start(
    in_order: OpenedStudy, tiny_prices, control: SearchControl, study: optuna.Study
):
    searcher = searching(in_order, tiny_prices, control)
    start(searcher, "a")
    start(searcher, "b")
    searcher("b", epoch(1, 0.1))
    searcher("b", epoch(2, 0.2, final=True))
    searcher.on_trial_complete("b", epoch(2, 0.2, final=True))
    control.stopping = True
    searcher.on_trial_complete("a")
    assert searcher.suggest("c") == StudySearcher.FINISHED
    assert [t.state for t in study.get_trials()] == [TrialState.RUNNING, TrialState.RUNNING]
    control.stopping = False
    again = searching(in_order, tiny_prices, control)
    assert [start(again, name)["number"] for name in "ab"] == [0, 1]
    for number in (1, 2):
        again("b", epoch(number, 0.1 * number, final=number == 2))  # replayed from its checkpoint
    again.on_trial_complete("b", epoch(2, 0.2, final=True))
    again("a", epoch(1, 0.05))
    assert study.get_trials()[1].value == 0.2
