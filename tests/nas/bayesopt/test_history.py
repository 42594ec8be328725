"""What samplers read of the trials of a study."""

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from nas.bayesopt.feasible_region import region_of
from nas.bayesopt.history import Histories, History
from nas.bayesopt.problem import Problem

SPACE: dict[str, BaseDistribution] = {"width": IntDistribution(1, 8)}


def history(*trials: tuple[int, TrialState, dict[int, float]], running: bool = True) -> History:
    """Return the history of trials: width, state and learning curve of each."""
    study = optuna.create_study(direction="maximize")
    for width, state, curve in trials:
        last = curve[max(curve)] if state == TrialState.COMPLETE else None
        study.add_trial(
            create_trial(
                params={"width": width},
                distributions=SPACE,
                value=last,
                state=state,
                intermediate_values=curve,
            )
        )
    study.ask(SPACE)
    region = region_of(Problem(distributions=SPACE))
    return Histories(region, running=running).read(study, study.get_trials()[-1])


COMPLETE = (1, TrialState.COMPLETE, {0: 0.2, 1: 0.4, 2: 0.5, 3: 0.6})
STOPPED = (2, TrialState.PRUNED, {0: 0.1, 1: 0.3})
GOES_ON = (3, TrialState.RUNNING, {0: 0.3, 1: 0.5, 2: 0.55})


def values(found: History, width: int) -> list[tuple[float, float]]:
    """Return the fidelities and values that were read of the trial of one width."""
    rows = found.rows[:, 0] == width - 1
    return list(zip(found.fidelity[rows].tolist(), found.values[rows, 0].tolist(), strict=True))


def test_a_training_that_goes_on_is_known_where_others_were_stopped() -> None:
    found = history(COMPLETE, STOPPED, GOES_ON)
    assert values(found, 1) == [(1.0, 0.6), (0.5, 0.4)]
    assert values(found, 2) == [(0.25, 0.1), (0.5, 0.3)]
    assert values(found, 3) == [(0.5, 0.5)]
    assert found.pending[:, 0].tolist() == [2.0]
    assert found.n_finished == 2


def test_without_early_stops_a_training_is_known_by_its_end() -> None:
    found = history(COMPLETE, GOES_ON)
    assert values(found, 3) == []
    assert found.pending[:, 0].tolist() == [2.0]


def test_whoever_does_not_ask_reads_only_trainings_that_have_ended() -> None:
    found = history(COMPLETE, STOPPED, GOES_ON, running=False)
    assert values(found, 3) == []
    assert found.pending[:, 0].tolist() == [2.0]


def test_a_training_before_the_first_stop_is_in_training_alone() -> None:
    found = history(COMPLETE, STOPPED, (3, TrialState.RUNNING, {0: 0.3}), (4, TrialState.RUNNING, {}))
    assert values(found, 3) == values(found, 4) == []
    assert np.array_equal(found.pending[:, 0], [2.0, 3.0])
