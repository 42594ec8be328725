"""A search that has its networks is ended again, and one that another process searches is not changed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import get_storage
from optuna.trial import TrialState

from nas.coordination.study_lock import study_lock
from nas.files.locating import files_of
from nas.files.ownership import claimed
from nas.orchestration.plan_start import begun, known_trials, with_agreed_slots
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.search_planning import plan_search
from nas.orchestration.search_request import SearchRequest
from nas.orchestration.search_run import run_search
from nas.resources import Slots
from nas.storage.optuna_storage import open_storage
from nas.study import trial_attributes
from nas.study.expected_values import SUPERNET_FOLDER, ExpectedValues, store_expected
from search_spaces.errors import StudyError
from search_spaces.sampling import fitting_codes
from tests.nas.opened import opened
from trials.training.file_names import CHECKPOINT, SUPERNET

SLOTS = Slots(count=4, threads=1, gpus=0, device="cpu")


def planned(tmp_path: Path, **options) -> SearchPlan:
    request = SearchRequest(
        **{
            "budget": ["3M-MACs"],
            "space": "hybrid_small",
            "trials": 4,
            "study": "mine",
            "storage": f"sqlite:///{tmp_path}/nas.db",
            "sampler": "random",
            "storage_path": str(tmp_path / "runs"),
            **options,
        }
    )
    return plan_search(request, SLOTS)


def trained(plan: SearchPlan) -> optuna.Study:
    """Begin the study of a plan with its networks stopped early, the cheapest of which is the best."""
    study = begun(plan, get_storage(open_storage(plan.url)))
    files = claimed(study, pytest.fail)
    codes = fitting_codes(plan.prices, np.random.default_rng(0), plan.trials, plan.budgets)
    found = zip(codes, plan.prices.costs(codes), strict=True)
    for place, (code, costs) in enumerate(sorted(found, key=lambda one: one[1]["macs"])):
        trial = study.ask()
        trial_attributes.describe(opened(study), trial.number, plan.prices.codes.at(code), costs, [-0.5])
        trial.report(0.9 - 0.1 * place, 1)
        study.tell(trial, state=TrialState.PRUNED)
        files.write(f"trials/{trial.number:05d}/{CHECKPOINT}", "state")
    return study


def kept(study: optuna.Study) -> list[str]:
    return sorted(name for name in files_of(study).sizes("trials") if name.endswith(CHECKPOINT))


def test_a_search_that_has_its_networks_keeps_as_many_checkpoints_as_it_is_asked_for(tmp_path: Path):
    study = trained(planned(tmp_path))
    run_search(planned(tmp_path, keep_checkpoints=4), quiet=True)
    assert len(kept(study)) == 4
    result = run_search(planned(tmp_path, keep_checkpoints=1), quiet=True)
    assert kept(study) == [f"trials/00000/{CHECKPOINT}"]
    assert not result.interrupted


def test_a_command_that_is_refused_leaves_the_study_that_is_searched_as_it_was(tmp_path: Path):
    study = trained(planned(tmp_path))
    before = dict(study.user_attrs)
    with (
        study_lock(files_of(study).local_folder, "mine"),
        pytest.raises(StudyError, match="is being searched by"),
    ):
        run_search(planned(tmp_path, trials=9, hours=2.0), quiet=True)
    assert dict(study.user_attrs) == before


@pytest.mark.slow
def test_a_supernet_that_cannot_be_read_does_not_keep_a_search_from_its_result(tmp_path: Path, capsys):
    plan = planned(tmp_path)
    plan = replace(plan, settings=replace(plan.settings, evaluator="supernet"))
    study = trained(plan)
    about = {"recipe": {"rule": "even"}}
    store_expected(study, ExpectedValues(source="supernet", codes=[], values=[], budgets=(), about=about))
    files_of(study).write(f"{SUPERNET_FOLDER}/{SUPERNET}", "damaged")
    result = run_search(plan)
    assert "The supernet is not compared with the trainings: " in capsys.readouterr().err
    assert len(result.networks) == 4
    assert result.state is not None
    assert result.state.state == "ended"


def test_a_study_that_was_begun_with_few_trainings_at_a_time_gives_them_all_cores(tmp_path: Path):
    plan = planned(tmp_path)
    study = begun(plan, get_storage(open_storage(plan.url)))
    study.set_user_attr("nas:reproducible", {"slots": 1})
    again = with_agreed_slots(plan, known_trials(plan, study, local=True), None)
    assert (again.slots.count, again.possible_slots) == (1, 4)
    assert again.slots.threads == again.slots.cpus
    assert with_agreed_slots(plan, None, None) is plan
