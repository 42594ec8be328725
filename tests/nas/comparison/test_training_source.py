"""Trainings are handed out once, seed by seed, and those of dead drivers go on."""

from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState

from nas.ask_tell.candidates import EnoughError
from nas.comparison.entrant import Entrant
from nas.comparison.training_source import Job, TrainingSource
from nas.coordination.trial_ownership import SoleDriver
from nas.latency.constraint import StoppedError
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from search_spaces.budget import Budget
from search_spaces.published import reference

NAMES = ("tinynet_e_106", "mobilenet_v2_0.35_96")
JOBS = [
    Job(entrant=Entrant(name=name, origin="", architecture=reference(name)), seed=seed)
    for seed in range(2)
    for name in NAMES
]


def source(opened: OpenedStudy, jobs=JOBS, *, stopped=lambda: False) -> TrainingSource:
    budgets = [Budget.parse("10M-MACs")]
    return TrainingSource(
        opened, jobs, budgets, num_classes=10, in_channels=1, ownership=SoleDriver(), stopped=stopped
    )


def finish(opened: OpenedStudy, found: TrainingSource, number: int) -> None:
    opened.study.tell(number, 0.5)
    found.ended(number)


def test_every_network_is_trained_from_the_first_seed_before_the_next(opened: OpenedStudy):
    found = source(opened)
    handed = [found.next(4) for _ in JOBS]
    assert [(one.architecture, one.seed) for one in handed] == [
        (job.entrant.architecture, job.seed) for job in JOBS
    ]
    with pytest.raises(EnoughError) as enough:
        found.next(4)
    assert enough.value.running == 4


def test_what_a_dead_driver_left_goes_on_and_what_has_ended_is_not_trained_again(opened: OpenedStudy):
    found = source(opened)
    first, second = found.next(4), found.next(4)
    finish(opened, found, first.number)
    again = source(opened)
    assert again.next(4).number == second.number
    assert [again.next(4).seed for _ in range(2)] == [1, 1]
    assert set(again.done) == {JOBS[0].key}


def test_other_weights_are_another_training_and_where_none_are_stored_the_first_is_meant(opened: OpenedStudy):
    def jobs(*digests: str | None) -> list[Job]:
        network = JOBS[0].entrant
        return [Job(entrant=replace(network, name=f"{digest}", digest=digest), seed=0) for digest in digests]

    before = source(opened, jobs(None))  # as written by versions that did not store weights
    finish(opened, before, before.next(1).number)
    found = source(opened, jobs("one", "other"))
    assert set(found.done) == {jobs("one")[0].key}
    planned = found.next(1)
    assert planned.weights == "other"
    finish(opened, found, planned.number)
    with pytest.raises(EnoughError):
        found.next(1)
    assert source(opened, jobs("other", "third")).next(1).weights == "third"


def test_a_trial_left_before_its_network_was_written_ends_and_is_begun_again(opened: OpenedStudy):
    opened.study.ask()
    found = source(opened)
    assert found.next(4).number == 1
    assert opened.study.trials[0].state == TrialState.FAIL


def test_a_training_that_failed_is_not_tried_again_in_this_run_but_in_the_next(opened: OpenedStudy):
    found = source(opened, JOBS[:1])
    number = found.next(1).number
    trial_attributes.decide(opened, number, TrialState.FAIL, "OutOfMemoryError")
    opened.study.tell(number, state=TrialState.FAIL)
    found.ended(number)
    with pytest.raises(EnoughError):
        found.next(1)
    assert source(opened, JOBS[:1]).next(1).number == number + 1


def test_a_network_of_two_names_is_trained_once(opened: OpenedStudy):
    twin = Job(entrant=Entrant(name="other", origin="", architecture=reference(NAMES[0])), seed=0)
    found = source(opened, [JOBS[0], twin])
    assert found.wanted == 1
    found.next(1)
    with pytest.raises(EnoughError):
        found.next(1)


def test_trainings_of_an_earlier_comparison_wait_for_it(opened: OpenedStudy):
    source(opened, JOBS[1:2]).next(1)
    found = source(opened, JOBS[:1])
    assert found.next(1).architecture == reference(NAMES[0])
    with pytest.raises(EnoughError) as enough:
        found.next(1)
    assert enough.value.running == 1  # its own


def test_a_network_over_its_budget_goes_on_all_the_same(opened: OpenedStudy):
    number = source(opened).next(4).number  # tinynet_e_106 has more than 10M MACs
    assert trial_attributes.excess_of(opened.stored_trial(number))[0] > 0
    assert source(opened).next(4).number == number


def test_nothing_begins_once_the_comparison_is_to_end(opened: OpenedStudy):
    with pytest.raises(StoppedError):
        source(opened, stopped=lambda: True).next(4)
    with pytest.raises(EnoughError):
        source(opened).next(0)


def test_a_study_of_optuna_keeps_what_another_program_wrote(opened: OpenedStudy):
    opened.study.add_trial(optuna.trial.create_trial(value=0.1))
    assert source(opened).done == {}
